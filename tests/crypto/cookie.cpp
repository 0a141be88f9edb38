#include "crypto/cookie.hpp"

#include "messages/limits.hpp"

#include "tests/crypto/octets.hpp"
#include "tests/crypto/seeded_random.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

constexpr time_point start{1h};
constexpr std::size_t initiation_octets = sizeof(wire::handshake_initiation);

/// A responder and the one peer that talks to it, with `message` as the handshake.
struct two_sides {
  two_sides() { init_primitives(); }

  endpoint sender = parse_endpoint("192.0.2.1:1234").value();
  public_key responder = derive_public(secret_key::copy_of(key_view(counting(32).data(), 32)));
  cookie_checker checker{responder};
  cookie_maker maker{responder};
  seeded_random random;
  octets message = counting(initiation_octets);

  void send(time_point now) { maker.add_macs(message, now); }
  [[nodiscard]] bool mac1_valid() const { return checker.valid_mac1(message); }
  [[nodiscard]] bool mac2_valid(time_point now) const {
    return checker.valid_mac2(message, sender, now);
  }
  [[nodiscard]] bool mac2_is_zero() const {
    return equal(const_bytes(message).last(mac_octets), octets(mac_octets));
  }
  wire::cookie_reply reply(time_point now) {
    return checker.make_reply(message, sender, now, random);
  }
  /// A cookie is asked for, given and taken.
  void exchange(time_point now) {
    send(now);
    BOOST_REQUIRE(maker.consume(reply(now), now));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(cookie, two_sides)

// With Python, 00 01 02 ... as public key and as message:
//   key = hashlib.blake2s(b"mac1----" + public).digest()
//   hashlib.blake2s(message[:116], key=key, digest_size=16)
BOOST_AUTO_TEST_CASE(mac1_agrees_with_hashlib) {
  public_key peer;
  std::copy_n(counting(32).begin(), 32, peer.octets.begin());
  cookie_maker(peer).add_macs(message, start);
  BOOST_TEST(to_hex(const_bytes(message).subspan(116, 16)) == "3a7d1b865f062f4af4677f1d88d7ea74");
  BOOST_TEST(mac2_is_zero());
}

BOOST_AUTO_TEST_CASE(macs_change_nothing_but_the_last_32_octets) {
  send(start);
  const octets before = counting(initiation_octets - 32);
  BOOST_TEST(equal(const_bytes(message).first(before.size()), before));
}

BOOST_AUTO_TEST_CASE(mac1_is_valid_for_the_key_it_was_made_for_only) {
  send(start);
  BOOST_TEST(mac1_valid());
  BOOST_TEST(!cookie_checker(public_key{{1}}).valid_mac1(message));
}

BOOST_AUTO_TEST_CASE(mac1_covers_every_octet_before_mac2) {
  send(start);
  for (std::size_t i = 0; i < initiation_octets; ++i) {
    message[i] ^= 1;
    BOOST_TEST(mac1_valid() == (i >= initiation_octets - mac_octets));
    message[i] ^= 1;
  }
}

BOOST_AUTO_TEST_CASE(responses_have_macs_as_initiations_do) {
  message = counting(sizeof(wire::handshake_response));
  send(start);
  BOOST_TEST(mac1_valid());
  BOOST_TEST(maker.consume(reply(start), start));
  send(start);
  BOOST_TEST(mac2_valid(start));
}

BOOST_AUTO_TEST_CASE(mac2_without_a_cookie_is_zero_and_never_valid) {
  send(start);
  BOOST_TEST(mac2_is_zero());
  BOOST_TEST(!mac2_valid(start));
  static_cast<void>(reply(start));
  BOOST_TEST(!mac2_valid(start));
}

BOOST_AUTO_TEST_CASE(mac2_is_valid_after_a_cookie_was_exchanged) {
  exchange(start);
  send(start + 5s);
  BOOST_TEST(mac1_valid());
  BOOST_TEST(mac2_valid(start + 5s));
  message.back() ^= 1;
  BOOST_TEST(!mac2_valid(start + 5s));
}

BOOST_AUTO_TEST_CASE(mac2_covers_every_octet_before_it) {
  exchange(start);
  send(start);
  for (std::size_t i = 0; i < initiation_octets; ++i) {
    message[i] ^= 1;
    BOOST_TEST(!mac2_valid(start));
    message[i] ^= 1;
  }
}

BOOST_AUTO_TEST_CASE(cookie_binds_address_and_port) {
  exchange(start);
  send(start);
  for (const char* const other : {"192.0.2.2:1234", "192.0.2.1:1235", "[c000:201::]:1234"})
    BOOST_TEST(!checker.valid_mac2(message, parse_endpoint(other).value(), start), other);
}

BOOST_AUTO_TEST_CASE(cookie_binds_all_of_an_ipv6_address) {
  sender = parse_endpoint("[2001:db8::1]:1234").value();
  exchange(start);
  send(start);
  BOOST_TEST(mac2_valid(start));
  for (const char* const other : {"[2001:db8::2]:1234", "[2001:db8::1]:1235", "[2001:db9::1]:1234"})
    BOOST_TEST(!checker.valid_mac2(message, parse_endpoint(other).value(), start), other);
}

// Section 5.4.7, step by step, without the code under test.
BOOST_AUTO_TEST_CASE(reply_is_the_cookie_sealed_as_the_whitepaper_says) {
  send(start);
  const wire::cookie_reply made = reply(start);
  BOOST_TEST(load_le32(made.header.type_and_reserved.data()) == 3U);
  BOOST_TEST(to_hex(made.receiver_index) == "04050607"); // the message's sender index

  const hash key = crypto::blake2s(from_text("cookie--"), responder.octets);
  const const_bytes mac1 = const_bytes(message).subspan(116, 16);
  mac_value cookie;
  BOOST_REQUIRE(xopen(cookie.data(), key, made.nonce, made.encrypted_cookie, mac1));

  const mac_value mac2 = mac(cookie, const_bytes(message).first(132));
  std::copy(mac2.begin(), mac2.end(), message.end() - mac_octets);
  BOOST_TEST(mac2_valid(start));
}

BOOST_AUTO_TEST_CASE(replies_have_fresh_nonces) {
  send(start);
  BOOST_TEST(to_hex(reply(start).nonce) != to_hex(reply(start).nonce));
}

BOOST_AUTO_TEST_CASE(reply_is_consumed_once_only) {
  send(start);
  const wire::cookie_reply given = reply(start);
  BOOST_TEST(maker.consume(given, start));
  BOOST_TEST(!maker.consume(given, start));
  BOOST_TEST(!maker.consume(reply(start), start));
}

BOOST_AUTO_TEST_CASE(reply_that_nothing_asked_for_is_not_consumed) {
  cookie_maker other{responder};
  other.add_macs(message, start);
  BOOST_TEST(!maker.consume(reply(start), start));
}

BOOST_AUTO_TEST_CASE(reply_to_an_earlier_message_is_not_consumed) {
  send(start);
  const wire::cookie_reply stale = reply(start);
  message[40] ^= 1;
  send(start + 5s);
  BOOST_TEST(!maker.consume(stale, start + 5s));
  BOOST_TEST(maker.consume(reply(start + 5s), start + 5s));
}

BOOST_AUTO_TEST_CASE(forged_reply_does_not_stop_the_true_one) {
  send(start);
  const wire::cookie_reply good = reply(start);
  for (std::size_t i = 0; i < good.encrypted_cookie.size(); ++i) {
    wire::cookie_reply forged = good;
    forged.encrypted_cookie[i] ^= 1;
    BOOST_TEST(!maker.consume(forged, start));
  }
  BOOST_TEST(maker.consume(good, start));
  send(start);
  BOOST_TEST(mac2_valid(start));
}

BOOST_AUTO_TEST_CASE(client_stops_using_a_cookie_after_115_seconds) {
  exchange(start);
  send(start + 115s - 1ns);
  BOOST_TEST(mac2_valid(start + 115s - 1ns));
  send(start + 115s);
  BOOST_TEST(mac2_is_zero());
  BOOST_TEST(mac1_valid());
}

BOOST_AUTO_TEST_CASE(server_forgets_its_secret_after_120_seconds) {
  exchange(start);
  send(start);
  BOOST_TEST(mac2_valid(start + 120s - 1ns));
  BOOST_TEST(!mac2_valid(start + 120s));
}

BOOST_AUTO_TEST_CASE(cookie_of_the_secret_before_is_refused_and_a_new_one_taken) {
  exchange(start);
  static_cast<void>(reply(start + 121s)); // somebody else's: the secret changes
  maker.add_macs(message, start + 114s);  // its clock is slow
  BOOST_TEST(!mac2_is_zero());
  BOOST_TEST(!mac2_valid(start + 121s));
  exchange(start + 121s);
  send(start + 121s);
  BOOST_TEST(mac2_valid(start + 121s));
}

BOOST_AUTO_TEST_CASE(secret_lives_120_seconds_from_when_it_was_made_not_used) {
  exchange(start);
  static_cast<void>(reply(start + 119s));
  send(start);
  BOOST_TEST(!mac2_valid(start + 120s));
}

BOOST_AUTO_TEST_SUITE_END()
