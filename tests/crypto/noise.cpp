#include "crypto/noise.hpp"

#include "crypto/cookie.hpp"
#include "tests/crypto/octets.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::crypto;

namespace {

// The keys of the published vector; the messages are those of noise_vector.py, an independent
// implementation that reproduces the published ones.
constexpr std::string_view initiator_private =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
constexpr std::string_view initiator_ephemeral =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
constexpr std::string_view responder_private =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
constexpr std::string_view responder_ephemeral =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
constexpr std::string_view shared_by_both =
    "54686973206973206d7920417573747269616e20706572737065637469766521";
constexpr std::string_view sent_at = "400000006553f10a2b000000";
constexpr std::string_view initiation_expected = "0100000004030201ca35def5ae56cec33dc2036731ab14896"
                                                 "bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8"
                                                 "e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf7"
                                                 "52d6cf9956f6a4cc1a138d6de1e87238cbd2c462d6bf53d"
                                                 "afc83619217ddd499af7fe10e4170549248d725d";
constexpr std::string_view mac1_expected = "d0d02dbc956513991d19b023472c3059";

struct expected_response {
  bool with_psk;
  std::string_view message;
  std::string_view initiator_sends;
  std::string_view responder_sends;
};

constexpr expected_response responses[] = {
    {true,
     "020000000807060504030201"
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
     "b377e53e94bf0909cc9518d9995f398a",
     "7a74d0adaa1882492a8eddc15272b5a5a230e111d86d430a5988596f2c4238ae",
     "4dd78ec86daaa1034639ed326df9afecc3c47a881689e2a9f37a5e55a8131a2d"},
    {false,
     "020000000807060504030201"
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
     "5ba0fb5f026ccbf5a66fdeeb71dc6c93",
     "550e7ad836268eab13001e66b363ea04143f2912f4a5c863075546a513ae6740",
     "fbd57e11a93044ea22da83105401d052396bcb009e59c445f63a82e8dac4e704"},
};

secret_key secret(std::string_view hex) {
  return secret_key_from_hex(hex).value();
}

template <class Message>
std::string hex_before_macs(const Message& message) {
  return crypto::to_hex(wire::as_bytes(message).first(sizeof message - 2 * wire::mac_octets));
}

/// Both sides and the first message between them.
struct exchange {
  identity initiator = identity::of(secret(initiator_private));
  identity responder = identity::of(secret(responder_private));
  secret_key shared = static_static(initiator, responder.own_key).value();
  created_initiation first = initiate().value();

  [[nodiscard]] std::optional<created_initiation> initiate() const {
    timestamp at{};
    const octets label = from_hex(sent_at);
    std::copy(label.begin(), label.end(), at.begin());
    return create_initiation(initiator, responder.own_key, shared, secret(initiator_ephemeral), at,
                             0x01020304);
  }
  [[nodiscard]] opened_initiation opened() const {
    opened_initiation result = open_initiation(responder, first.message).value();
    BOOST_REQUIRE(open_timestamp(result, shared));
    return result;
  }
  [[nodiscard]] created_response respond(const secret_key& psk) const {
    return create_response(opened(), psk, secret(responder_ephemeral), 0x05060708).value();
  }
};

public_key zero_point() {
  return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(noise)

BOOST_AUTO_TEST_CASE(the_initiation_is_that_of_an_independent_implementation) {
  exchange between;
  BOOST_TEST(hex_before_macs(between.first.message) == initiation_expected);
  cookie_maker(between.responder.own_key)
      .add_macs(wire::as_writable_bytes(between.first.message), time_point());
  BOOST_TEST(crypto::to_hex(between.first.message.mac1) == mac1_expected);
}

BOOST_AUTO_TEST_CASE(the_responder_reads_who_sent_the_initiation_and_when) {
  const exchange between;
  opened_initiation opened = open_initiation(between.responder, between.first.message).value();
  BOOST_TEST((opened.initiator == between.initiator.own_key));
  BOOST_TEST(opened.sender_index == 0x01020304U);
  const std::optional<secret_key> shared = static_static(between.responder, opened.initiator);
  BOOST_TEST(shared->same_as(between.shared));
  BOOST_TEST(crypto::to_hex(open_timestamp(opened, *shared).value()) == sent_at);
}

BOOST_AUTO_TEST_CASE(the_response_and_the_keys_are_those_of_an_independent_implementation) {
  const exchange between;
  for (const expected_response& expected : responses) {
    const secret_key psk = expected.with_psk ? secret(shared_by_both) : secret_key();
    const created_response created = between.respond(psk);
    BOOST_TEST(hex_before_macs(created.message) == expected.message);
    const session_keys consumed =
        consume_response(between.initiator, between.first.kept, psk, created.message).value();
    BOOST_TEST(crypto::to_hex(consumed.sending.octets()) == expected.initiator_sends);
    BOOST_TEST(crypto::to_hex(consumed.receiving.octets()) == expected.responder_sends);
    BOOST_TEST(created.keys.sending.same_as(consumed.receiving));
    BOOST_TEST(created.keys.receiving.same_as(consumed.sending));
  }
}

BOOST_AUTO_TEST_CASE(an_absent_preshared_key_is_one_of_zeros) {
  const exchange between;
  const created_response created = between.respond(secret_key::copy_of(byte_array<key_octets>{}));
  BOOST_TEST(hex_before_macs(created.message) == responses[1].message);
}

BOOST_AUTO_TEST_CASE(an_initiation_for_another_does_not_open) {
  const exchange between;
  BOOST_TEST(!open_initiation(between.initiator, between.first.message));
}

BOOST_AUTO_TEST_CASE(an_initiation_that_was_changed_anywhere_does_not_open) {
  const exchange between;
  constexpr std::size_t begin = offsetof(wire::handshake_initiation, unencrypted_ephemeral);
  constexpr std::size_t end = offsetof(wire::handshake_initiation, mac1);
  // X25519 ignores the top bit of a public key; the hash does not.
  for (std::size_t i = begin; i < end; ++i) {
    wire::handshake_initiation changed = between.first.message;
    wire::as_writable_bytes(changed)[i] ^= 0x80;
    std::optional<opened_initiation> opened = open_initiation(between.responder, changed);
    BOOST_TEST((!opened || !open_timestamp(*opened, between.shared)));
    BOOST_TEST((!opened || i >= offsetof(wire::handshake_initiation, encrypted_timestamp)));
  }
}

BOOST_AUTO_TEST_CASE(a_timestamp_does_not_open_with_another_static_key) {
  const exchange between;
  opened_initiation opened = open_initiation(between.responder, between.first.message).value();
  const identity other = identity::of(secret(responder_ephemeral));
  BOOST_TEST(!open_timestamp(opened, static_static(between.responder, other.own_key).value()));
  BOOST_TEST(open_timestamp(opened, between.shared).has_value()); // nothing was spoilt
}

BOOST_AUTO_TEST_CASE(a_response_that_was_changed_anywhere_is_refused) {
  const exchange between;
  const created_response created = between.respond({});
  constexpr std::size_t begin = offsetof(wire::handshake_response, unencrypted_ephemeral);
  constexpr std::size_t end = offsetof(wire::handshake_response, mac1);
  for (std::size_t i = begin; i < end; ++i) {
    wire::handshake_response changed = created.message;
    wire::as_writable_bytes(changed)[i] ^= 0x80;
    BOOST_TEST(!consume_response(between.initiator, between.first.kept, {}, changed));
  }
  BOOST_TEST(
      consume_response(between.initiator, between.first.kept, {}, created.message).has_value());
}

BOOST_AUTO_TEST_CASE(a_response_under_another_preshared_key_is_refused) {
  const exchange between;
  const created_response created = between.respond(secret(shared_by_both));
  BOOST_TEST(!consume_response(between.initiator, between.first.kept, {}, created.message));
}

BOOST_AUTO_TEST_CASE(a_zero_result_of_any_dh_aborts) {
  const exchange between;
  BOOST_TEST(!static_static(between.initiator, zero_point()));
  BOOST_TEST(!create_initiation(between.initiator, zero_point(), between.shared,
                                secret(initiator_ephemeral), {}, 1));
  wire::handshake_initiation weak = between.first.message;
  weak.unencrypted_ephemeral = {};
  BOOST_TEST(!open_initiation(between.responder, weak));

  opened_initiation weak_ephemeral = between.opened();
  weak_ephemeral.ephemeral = zero_point();
  BOOST_TEST(!create_response(weak_ephemeral, {}, secret(responder_ephemeral), 1));
  opened_initiation weak_static = between.opened();
  weak_static.initiator = zero_point();
  BOOST_TEST(!create_response(weak_static, {}, secret(responder_ephemeral), 1));

  wire::handshake_response response = between.respond({}).message;
  response.unencrypted_ephemeral = {};
  BOOST_TEST(!consume_response(between.initiator, between.first.kept, {}, response));
}

BOOST_AUTO_TEST_SUITE_END()
