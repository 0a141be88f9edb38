// Cookies and limits: what a flood of handshakes costs, and what it costs others.
#include "tests/crypto/bare_peer.hpp"
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

endpoint source_number(std::size_t number) {
  endpoint source{address_of("203.0.0.1"), 1000, 0};
  source.address.octets[2] = static_cast<std::uint8_t>(number >> 8);
  source.address.octets[3] = static_cast<std::uint8_t>(number);
  return source;
}

/// A pair in which somebody floods one side.
struct flooded_pair : peer_pair {
  /// Initiations that mean nothing but take work; they stay at work.
  void flood(test_peer& victim, std::size_t count = limits::under_load_backlog) {
    victim.hold_jobs = true;
    cookie_maker cookies(victim.key);
    for (std::size_t i = 0; i < count; ++i)
      victim.receive({forged_initiation(source_number(i), victim, cookies, now().steady)});
  }
  /// The same, all with one address on them.
  void flood_from(const endpoint& source, test_peer& victim, std::size_t count) {
    victim.hold_jobs = true;
    cookie_maker cookies(victim.key);
    for (std::size_t i = 0; i < count; ++i)
      victim.receive({forged_initiation(source, victim, cookies, now().steady)});
  }
  /// One more of them; what it was dropped for, if it was.
  std::optional<drop_reason> knock(test_peer& victim, const endpoint& source,
                                   cookie_maker& cookies) {
    victim.receive({forged_initiation(source, victim, cookies, now().steady)});
    return victim.last_receive_drops.empty()
               ? std::nullopt
               : std::optional(victim.last_receive_drops.front().reason);
  }
  /// `cookies` takes the cookie from the last reply that `victim` sent.
  bool take_cookie(test_peer& victim, cookie_maker& cookies) {
    const octets& reply = last(victim, cookie_type).message;
    return cookies.consume(wire::copy_from<wire::cookie_reply>(reply), now().steady);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(under_load)

BOOST_AUTO_TEST_CASE(a_backlog_of_64_demands_cookies_and_63_do_not) {
  flooded_pair net;
  cookie_maker cookies(net.bob.key);
  net.flood(net.bob, 63);
  BOOST_TEST(!net.bob.status().under_load);
  BOOST_TEST(!net.knock(net.bob, source_number(900), cookies)); // the 64th
  BOOST_TEST(net.tap.empty());
  BOOST_TEST((net.knock(net.bob, source_number(901), cookies) == drop_reason::cookie_demanded));
  BOOST_TEST(net.bob.status().under_load);
  BOOST_REQUIRE(net.tap.size() == 1U);
  BOOST_TEST(net.tap[0].message.size() == 64U);
  BOOST_TEST((net.tap[0].target == source_number(901)));
  BOOST_TEST(net.bob.jobs.size() == 64U);
}

BOOST_AUTO_TEST_CASE(one_source_that_floods_must_show_a_cookie_and_others_need_not) {
  flooded_pair net;
  net.flood_from(source_number(7), net.bob, 1000);
  BOOST_TEST(net.bob.jobs.size() == limits::initiations_per_source_max);
  BOOST_TEST(net.bob.drops(drop_reason::cookie_demanded) ==
             1000 - limits::initiations_per_source_max);
  BOOST_TEST(!net.bob.status().under_load);
  net.tap.clear();
  net.alice.send_to(net.bob, 3);
  net.settle();
  BOOST_TEST(net.bob.jobs.size() == limits::initiations_per_source_max + 1);
  BOOST_TEST(net.sent(net.bob, cookie_type) == 0U);
  net.bob.hold_jobs = false;
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{3}));
  cookie_maker cookies(net.bob.key);
  BOOST_TEST(!net.knock(net.bob, source_number(7), cookies)); // nothing of it waits any more
}

BOOST_AUTO_TEST_CASE(a_source_is_an_ipv4_address_or_an_ipv6_64) {
  flooded_pair net;
  const auto v6 = [](const char* text) { return endpoint{address_of(text), 1000, 0}; };
  net.flood_from(v6("2001:db8:0:1::1"), net.bob, limits::initiations_per_source_max);
  cookie_maker cookies(net.bob.key);
  BOOST_TEST(
      (net.knock(net.bob, v6("2001:db8:0:1:ffff::2"), cookies) == drop_reason::cookie_demanded));
  BOOST_TEST(!net.knock(net.bob, v6("2001:db8:0:2::1"), cookies));
}

BOOST_AUTO_TEST_CASE(a_peer_whose_address_is_on_a_flood_gets_in_with_a_cookie) {
  flooded_pair net;
  net.flood_from(net.alice.address, net.bob, 100);
  net.settle();
  net.alice.send_to(net.bob, 3);
  net.advance(6s);
  BOOST_TEST(net.bob.jobs.size() == limits::initiations_per_source_max + 1);
  net.bob.hold_jobs = false;
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{3}));
}

BOOST_AUTO_TEST_CASE(without_a_valid_mac1_there_is_no_cookie_reply_either) {
  flooded_pair net;
  cookie_maker cookies(net.alice.key); // not the receiver's
  net.flood(net.bob);
  BOOST_TEST((net.knock(net.bob, source_number(1), cookies) == drop_reason::invalid_mac1));
  BOOST_TEST(net.tap.empty());
}

BOOST_AUTO_TEST_CASE(it_is_held_for_a_second_after_the_backlog_and_then_ends) {
  flooded_pair net;
  cookie_maker cookies(net.bob.key);
  net.flood(net.bob);
  BOOST_TEST((net.knock(net.bob, source_number(1), cookies) == drop_reason::cookie_demanded));
  net.bob.perform_jobs();
  BOOST_TEST(net.bob.drops(drop_reason::invalid_handshake) == 64U);
  net.jump(999ms);
  BOOST_TEST((net.knock(net.bob, source_number(1), cookies) == drop_reason::cookie_demanded));
  net.jump(1ms);
  BOOST_TEST(!net.bob.status().under_load);
  BOOST_TEST(!net.knock(net.bob, source_number(1), cookies));
}

BOOST_AUTO_TEST_CASE(data_does_not_suffer) {
  flooded_pair net;
  net.connect();
  net.flood(net.bob);
  net.alice.send_to(net.bob, 8);
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{8}));
}

BOOST_AUTO_TEST_CASE(a_peer_gets_in_with_its_cookie_on_its_next_attempt_and_not_before) {
  flooded_pair net;
  net.flood(net.bob);
  net.alice.send_to(net.bob, 3);
  net.settle();
  BOOST_TEST(net.sent(net.bob, cookie_type) == 1U);
  BOOST_TEST(net.alice.count(peer_event::kind::cookie_received) == 1U);
  net.advance(4900ms);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U); // a cookie reply triggers no resend
  net.advance(500ms);
  BOOST_TEST(net.handshakes_sent(net.alice) == 2U);
  BOOST_TEST(net.sent(net.bob, cookie_type) == 1U);
  net.bob.hold_jobs = false;
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{3}));
}

BOOST_AUTO_TEST_CASE(a_response_needs_a_cookie_too) {
  flooded_pair net;
  net.alice.send_to(net.bob, 3);
  net.alice.perform_jobs(); // the initiation flies
  net.flood(net.alice);
  net.settle();
  BOOST_TEST(net.alice.drops(drop_reason::cookie_demanded) == 1U);
  BOOST_TEST(net.bob.count(peer_event::kind::cookie_received) == 1U);
  net.alice.hold_jobs = false;
  net.advance(6s);
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{3}));
}

BOOST_AUTO_TEST_CASE(a_cookie_reply_is_consumed_once_and_never_moves_the_endpoint) {
  flooded_pair net;
  net.filter = [](test_datagram& datagram) { return datagram.type() == initiation_type; };
  net.flood(net.bob);
  net.alice.send_to(net.bob);
  net.settle();
  test_datagram reply = net.last(net.bob, cookie_type);
  reply.source = {address_of("203.0.113.66"), 666, 0};
  test_datagram spoilt = reply;
  spoilt.message.back() ^= 1;
  test_datagram astray = reply;
  astray.message[4] ^= 1; // no such index
  net.alice.receive({spoilt, astray, reply, reply});
  BOOST_TEST(net.alice.drops(drop_reason::unexpected_cookie) == 3U);
  BOOST_TEST(net.alice.status_of(net.bob).drops[drop_reason::unexpected_cookie] == 2U);
  BOOST_TEST(net.alice.count(peer_event::kind::cookie_received) == 1U);
  BOOST_TEST(net.alice.last_receive_drops.back().arrival_index == 3U);
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.bob.address));
  BOOST_TEST(net.tap.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_cookie_reply_that_nothing_asked_for_is_dropped) {
  flooded_pair net;
  net.connect();
  wire::cookie_reply reply;
  reply.header = wire::header_of(cookie_type);
  const const_bytes message = wire::as_bytes(reply);
  net.alice.receive(
      {{1, net.bob.address, net.alice.address, 0, {}, {message.begin(), message.end()}}});
  BOOST_TEST(net.alice.drops(drop_reason::unexpected_cookie) == 1U);
}

BOOST_AUTO_TEST_CASE(a_cookie_is_good_for_one_address_and_port) {
  flooded_pair net;
  net.flood(net.bob);
  cookie_maker cookies(net.bob.key);
  const endpoint here = source_number(7);
  BOOST_TEST((net.knock(net.bob, here, cookies) == drop_reason::cookie_demanded));
  BOOST_TEST(net.take_cookie(net.bob, cookies));
  BOOST_TEST(!net.knock(net.bob, here, cookies));
  endpoint other_port = here;
  ++other_port.port;
  BOOST_TEST((net.knock(net.bob, other_port, cookies) == drop_reason::cookie_demanded));
  BOOST_TEST((net.knock(net.bob, source_number(8), cookies) == drop_reason::cookie_demanded));
}

BOOST_AUTO_TEST_CASE(a_cookie_is_used_for_115_s_and_accepted_for_120_s) {
  flooded_pair net;
  net.flood(net.bob);
  cookie_maker cookies(net.bob.key);
  const endpoint here = source_number(7);
  BOOST_TEST((net.knock(net.bob, here, cookies) == drop_reason::cookie_demanded));
  BOOST_TEST(net.take_cookie(net.bob, cookies));
  net.jump(115s - 1ns);
  test_datagram last_use = forged_initiation(here, net.bob, cookies, net.now().steady);
  BOOST_TEST(!net.knock(net.bob, here, cookies));
  net.jump(1ns);
  BOOST_TEST((net.knock(net.bob, here, cookies) == drop_reason::cookie_demanded));
  net.jump(5s);
  net.bob.receive({last_use});
  BOOST_TEST((net.bob.last_receive_drops.at(0).reason == drop_reason::cookie_demanded));
}

BOOST_AUTO_TEST_CASE(with_a_cookie_a_source_has_20_a_second_and_a_burst_of_5) {
  flooded_pair net;
  net.flood(net.bob);
  cookie_maker cookies(net.bob.key);
  const endpoint here = source_number(7);
  BOOST_TEST((net.knock(net.bob, here, cookies) == drop_reason::cookie_demanded));
  BOOST_TEST(net.take_cookie(net.bob, cookies));
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(!net.knock(net.bob, here, cookies));
  BOOST_TEST((net.knock(net.bob, here, cookies) == drop_reason::rate_limited));
  net.jump(50ms);
  BOOST_TEST(!net.knock(net.bob, here, cookies));
  BOOST_TEST((net.knock(net.bob, here, cookies) == drop_reason::rate_limited));
}

BOOST_AUTO_TEST_CASE(jobs_are_bounded_whoever_asks) {
  flooded_pair net;
  net.flood(net.bob);
  for (std::size_t i = 0; net.bob.jobs.size() < limits::handshake_jobs_max; ++i) {
    cookie_maker cookies(net.bob.key);
    BOOST_TEST(
        (net.knock(net.bob, source_number(1000 + i), cookies) == drop_reason::cookie_demanded));
    BOOST_REQUIRE(net.take_cookie(net.bob, cookies));
    for (int n = 0; n < 5 && net.bob.jobs.size() < limits::handshake_jobs_max; ++n)
      BOOST_REQUIRE(!net.knock(net.bob, source_number(1000 + i), cookies));
  }
  cookie_maker cookies(net.bob.key);
  BOOST_TEST((net.knock(net.bob, source_number(1), cookies) == drop_reason::cookie_demanded));
  BOOST_TEST(net.take_cookie(net.bob, cookies));
  BOOST_TEST((net.knock(net.bob, source_number(1), cookies) == drop_reason::handshake_backlog));
  net.bob.send_to(net.alice, 6);
  BOOST_TEST(net.bob.jobs_max == limits::handshake_jobs_max);
  net.bob.hold_jobs = false;
  net.advance(7s); // the first response needs a cookie
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{6}));
}

BOOST_AUTO_TEST_SUITE_END()
