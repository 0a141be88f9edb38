// Who may make a session with whom, and what a message that may not is answered: nothing.
#include "tests/crypto/bare_peer.hpp"
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

/// Lets `filter`-ed datagrams of one type vanish; the rest arrives.
auto losing(wire::message_type type) {
  return [type](test_datagram& datagram) { return datagram.type() != type; };
}

secret_key psk_of(std::uint8_t octet) {
  byte_array<key_octets> octets;
  octets.fill(octet);
  return secret_key::copy_of(octets);
}

/// The datagram with one octet changed, and mac1 made right again.
test_datagram changed_at(test_datagram datagram, std::size_t index, const test_peer& receiver) {
  datagram.message[index] ^= 0x80;
  cookie_maker(receiver.key).add_macs(datagram.message, time_point());
  return datagram;
}

std::optional<drop_reason> receive(test_peer& by, const test_datagram& datagram) {
  by.receive({datagram});
  return by.last_receive_drops.empty() ? std::nullopt
                                       : std::optional(by.last_receive_drops.front().reason);
}

} // namespace

BOOST_AUTO_TEST_SUITE(handshake)

BOOST_AUTO_TEST_CASE(initiation_response_and_a_first_packet_make_a_session) {
  peer_pair net;
  net.alice.send_to(net.bob, 1);
  net.settle();
  BOOST_REQUIRE(net.tap.size() == 3U);
  BOOST_TEST(net.tap[0].message.size() == 148U);
  BOOST_TEST(net.tap[1].message.size() == 92U);
  BOOST_TEST((net.tap[2].type() == data_type));
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_completed) == 1U);
  BOOST_TEST(net.bob.count(peer_event::kind::handshake_completed) == 1U);
  BOOST_TEST(!net.alice.events.back().by_peer);
  BOOST_TEST(net.bob.events.back().by_peer);
}

BOOST_AUTO_TEST_CASE(with_nothing_to_send_the_initiator_confirms_by_a_keepalive) {
  peer_pair net({{}, 25, true, {}});
  net.settle();
  net.advance(1s);
  BOOST_TEST(net.keepalives_sent(net.alice) >= 1U);
  BOOST_TEST(net.alice.status_of(net.bob).latest_handshake.has_value());
  BOOST_TEST(net.bob.status_of(net.alice).latest_handshake.has_value());
}

BOOST_AUTO_TEST_CASE(the_responder_sends_data_only_after_a_first_packet_on_the_session) {
  peer_pair net;
  test_datagram first_packet;
  net.filter = [&](test_datagram& datagram) {
    if (datagram.type() == data_type)
      first_packet = datagram;
    return datagram.type() == response_type ||
           (datagram.type() == initiation_type && datagram.sender == net.alice.number);
  };
  net.alice.send_to(net.bob, 1);
  net.settle();
  net.bob.send_to(net.alice, 2);
  net.bob.send_to(net.alice, 3);
  net.settle();
  BOOST_TEST(net.sent(net.bob, data_type) == 0U);
  BOOST_TEST(!net.bob.status_of(net.alice).latest_handshake.has_value());
  net.filter = nullptr;
  net.bob.receive({first_packet});
  net.settle();
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{2, 3}));
}

BOOST_AUTO_TEST_CASE(both_sides_may_begin_at_the_same_time) {
  peer_pair net;
  net.alice.send_to(net.bob, 1);
  net.bob.send_to(net.alice, 2);
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{2}));
  for (std::uint8_t i = 3; i < 10; ++i) {
    net.alice.send_to(net.bob, i);
    net.bob.send_to(net.alice, i);
    net.advance(1s);
  }
  BOOST_TEST(net.bob.received.size() == 8U);
  BOOST_TEST(net.alice.received.size() == 8U);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  BOOST_TEST(net.handshakes_sent(net.bob) == 1U);
}

BOOST_AUTO_TEST_CASE(with_the_same_preshared_key_it_works) {
  peer_pair net({psk_of(7), 0, true, {}});
  net.connect();
}

BOOST_AUTO_TEST_CASE(with_different_preshared_keys_no_session_comes_about) {
  peer_pair net;
  net.alice.knows(net.bob, {psk_of(7), 0, true, {}});
  net.alice.send_to(net.bob);
  net.settle();
  BOOST_TEST(net.alice.drops(drop_reason::invalid_handshake) == 1U);
  net.advance(20s);
  BOOST_TEST(net.bob.received.empty());
  BOOST_TEST(net.handshakes_sent(net.alice) == 4U); // at 0, 5, 10 and 15 s
}

BOOST_AUTO_TEST_CASE(a_changed_preshared_key_is_used_from_the_next_handshake_on) {
  peer_pair net;
  net.connect();
  for (test_peer* each : {&net.alice, &net.bob})
    each->knows(each == &net.alice ? net.bob : net.alice, {psk_of(7), 0, true, {}});
  net.advance(125s);
  net.alice.send_to(net.bob, 1); // on the old session, and renews it
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  net.alice.knows(net.bob, {psk_of(8), 0, true, {}});
  net.advance(130s);
  net.alice.send_to(net.bob, 2);
  net.advance(60s);
  BOOST_TEST(net.alice.drops(drop_reason::invalid_handshake) > 0U);
}

BOOST_AUTO_TEST_CASE(an_initiation_for_another_key_is_not_for_us) {
  peer_pair net;
  test_peer& carol = net.add();
  carol.link(true);
  net.filter = losing(initiation_type);
  net.alice.send_to(net.bob);
  net.settle();
  BOOST_TEST((receive(carol, net.tap.back()) == drop_reason::invalid_mac1));
  BOOST_TEST(carol.jobs.empty());
}

BOOST_AUTO_TEST_CASE(a_stranger_gets_no_answer) {
  peer_pair net;
  test_peer& carol = net.add();
  carol.knows(net.bob);
  carol.link(true);
  carol.send_to(net.bob);
  net.settle();
  BOOST_TEST(net.bob.drops(drop_reason::unknown_peer) == 1U);
  BOOST_TEST(net.tap.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_initiation_changed_anywhere_gets_no_answer) {
  peer_pair net;
  net.filter = losing(initiation_type);
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram good = net.last(net.alice, initiation_type);
  for (std::size_t i = 0; i < offsetof(wire::handshake_initiation, mac2); ++i) {
    test_datagram bad = good;
    bad.message[i] ^= 0x10;
    BOOST_TEST((receive(net.bob, bad) ==
                (i < 4 ? drop_reason::malformed_message : drop_reason::invalid_mac1)));
  }
  BOOST_TEST(net.bob.jobs.empty());
  for (std::size_t i = 8; i < offsetof(wire::handshake_initiation, mac1); ++i) {
    BOOST_TEST(!receive(net.bob, changed_at(good, i, net.bob)));
    net.settle();
  }
  BOOST_TEST(net.bob.drops(drop_reason::invalid_handshake) == 108U);
  BOOST_TEST(net.tap.size() == 1U);
  BOOST_TEST(!receive(net.bob, good)); // none of them has spoilt the good one
  net.settle();
  BOOST_TEST(net.sent(net.bob, response_type) == 1U);
}

BOOST_AUTO_TEST_CASE(a_response_changed_anywhere_leaves_the_initiation_waiting) {
  peer_pair net;
  net.filter = losing(response_type);
  net.alice.send_to(net.bob, 1);
  net.settle();
  const test_datagram good = net.last(net.bob, response_type);
  for (std::size_t i = 12; i < offsetof(wire::handshake_response, mac1); ++i) {
    test_datagram spoofed = changed_at(good, i, net.alice);
    spoofed.source = {address_of("203.0.113.66"), 666, 0};
    BOOST_TEST(!receive(net.alice, spoofed));
    net.settle();
  }
  BOOST_TEST(net.alice.drops(drop_reason::invalid_handshake) == 48U);
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.bob.address));
  BOOST_TEST((receive(net.alice, changed_at(good, 8, net.alice)) ==
              drop_reason::unexpected_response)); // an index that waits for nothing
  BOOST_TEST(!receive(net.alice, good));
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
}

BOOST_AUTO_TEST_CASE(a_response_is_taken_once) {
  peer_pair net;
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram response = net.last(net.bob, response_type);
  BOOST_TEST((receive(net.alice, response) == drop_reason::unexpected_response));
  BOOST_TEST(net.alice.jobs.empty());
}

BOOST_AUTO_TEST_CASE(two_copies_of_a_response_at_work_make_one_session) {
  peer_pair net;
  net.filter = losing(response_type);
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram response = net.last(net.bob, response_type);
  net.alice.receive({response, response});
  net.settle();
  BOOST_TEST(net.alice.drops(drop_reason::stale_handshake) == 1U);
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_completed) == 1U);
  BOOST_TEST(net.bob.received.size() == 1U);
}

BOOST_AUTO_TEST_CASE(copies_of_a_response_are_bounded_and_counted_at_the_peer) {
  peer_pair net;
  net.filter = losing(response_type);
  net.alice.send_to(net.bob);
  net.settle();
  net.alice.receive(std::vector<test_datagram>(limits::responses_at_work_max + 3,
                                               net.last(net.bob, response_type)));
  BOOST_TEST(net.alice.status_of(net.bob).drops[drop_reason::handshake_backlog] == 3U);
}

BOOST_AUTO_TEST_CASE(a_replayed_initiation_gets_no_answer) {
  peer_pair net;
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram initiation = net.last(net.alice, initiation_type);
  net.advance(1s);
  const std::size_t before = net.tap.size();
  BOOST_TEST(!receive(net.bob, initiation));
  net.settle();
  BOOST_TEST(net.bob.drops(drop_reason::old_timestamp) == 1U);
  BOOST_TEST(net.bob.status_of(net.alice).drops[drop_reason::old_timestamp] == 1U);
  BOOST_TEST(net.tap.size() == before);
}

BOOST_AUTO_TEST_CASE(two_copies_of_an_initiation_at_work_get_one_answer) {
  peer_pair net;
  net.filter = losing(initiation_type);
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram initiation = net.last(net.alice, initiation_type);
  net.bob.receive({initiation, initiation});
  net.settle();
  BOOST_TEST(net.sent(net.bob, response_type) == 1U);
  BOOST_TEST(net.bob.drops(drop_reason::handshake_flood) == 1U);
}

BOOST_AUTO_TEST_CASE(an_initiation_that_was_overtaken_by_a_later_one_gets_no_answer) {
  peer_pair net;
  net.filter = losing(initiation_type);
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram overtaken = net.last(net.alice, initiation_type);
  net.filter = nullptr;
  net.advance(6s);
  BOOST_TEST(net.bob.received.size() == 1U);
  BOOST_TEST(!receive(net.bob, overtaken));
  net.settle();
  BOOST_TEST(net.bob.drops(drop_reason::old_timestamp) == 1U);
}

BOOST_AUTO_TEST_CASE(a_wall_clock_set_back_locks_nobody_out) {
  peer_pair net;
  net.connect();
  net.set_wall_clock(net.now().wall - 24h);
  net.advance(200s);
  net.alice.send_to(net.bob, 1);
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  BOOST_TEST(net.bob.drops(drop_reason::old_timestamp) == 0U);
}

BOOST_AUTO_TEST_CASE(second_initiation_within_flood_window_is_dropped) {
  peer_pair net;
  bare_peer bare(net, net.bob, {});
  for (const auto& [wait, answers] :
       {std::pair<duration, std::size_t>{0ms, 1U}, {19ms, 1U}, {1ms, 2U}, {20ms, 3U}}) {
    net.advance(wait);
    net.bob.receive({bare.initiation()});
    net.settle();
    BOOST_TEST(net.sent(net.bob, response_type) == answers);
  }
  BOOST_TEST(net.bob.drops(drop_reason::handshake_flood) == 1U);
}

BOOST_AUTO_TEST_CASE(a_handshake_without_room_is_counted_and_made_up_for_by_the_retry) {
  test_network net;
  test_peer& alice = net.add();
  test_peer& bob = net.add(1);
  for (test_peer* each : {&alice, &bob}) {
    each->knows(each == &alice ? bob : alice);
    each->link(true);
  }
  bob.hold_slabs = true;
  alice.send_to(bob, 1);
  net.settle(); // the response takes bob's only slab
  alice.link(false);
  alice.link(true);
  net.advance(1s);
  alice.send_to(bob, 2);
  net.settle();
  BOOST_TEST(net.sent(bob, response_type) == 1U);
  BOOST_TEST(bob.status_of(alice).drops[drop_reason::handshake_without_room] == 1U);
  bob.release_slabs();
  net.advance(6s);
  BOOST_TEST((bob.markers() == std::vector<std::uint8_t>{1, 2}));
}

BOOST_AUTO_TEST_CASE(initiations_at_work_together_get_one_answer) {
  peer_pair net;
  bare_peer bare(net, net.bob, {});
  std::vector<test_datagram> initiations;
  for (std::uint16_t i = 0; i < 40; ++i) {
    ++bare.address.address.octets[3]; // so that no limit of a source holds them up
    initiations.push_back(bare.initiation());
  }
  net.bob.receive(initiations);
  BOOST_TEST(net.bob.jobs.size() == 40U);
  net.settle();
  BOOST_TEST(net.sent(net.bob, response_type) == 1U);
  BOOST_TEST(net.bob.drops(drop_reason::handshake_flood) == 39U);
  net.advance(20ms);
  net.bob.receive({bare.initiation()});
  net.settle();
  BOOST_TEST(net.sent(net.bob, response_type) == 2U);
}

BOOST_AUTO_TEST_CASE(a_second_initiation_replaces_the_session_of_the_first) {
  peer_pair net;
  bare_peer bare(net, net.bob, {prefix_of("10.7.0.1")});
  bare.connect();
  const test_datagram on_first = bare.sealed({});
  net.advance(1s);
  bare.connect();
  BOOST_TEST((receive(net.bob, on_first) == drop_reason::unknown_index));
  BOOST_TEST(!receive(net.bob, bare.sealed({})));
  BOOST_TEST(net.bob.count(peer_event::kind::handshake_completed) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
