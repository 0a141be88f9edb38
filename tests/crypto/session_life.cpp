// A session from its first packet to its last: keepalives, renewal, turning over, the end of keys.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

std::optional<drop_reason> outcome(test_peer& by, const test_datagram& datagram) {
  by.receive({datagram});
  return by.last_receive_drops.empty() ? std::nullopt
                                       : std::optional(by.last_receive_drops.front().reason);
}

/// A pair from which a datagram can be kept back.
struct delaying_pair : peer_pair {
  test_datagram kept(test_peer& from, test_peer& to, std::uint8_t marker) {
    filter = [](test_datagram&) { return false; };
    from.send_to(to, marker);
    settle();
    filter = nullptr;
    return last(from, data_type);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(session_life)

// --- Keepalives ----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(data_without_answer_is_acknowledged_by_one_keepalive_after_10_s) {
  peer_pair net;
  net.connect();
  net.advance(30s);
  net.tap.clear();
  const time_point sent_at = net.now().steady;
  net.alice.send_to(net.bob);
  net.settle();
  net.advance(10s - 1ns);
  BOOST_TEST(net.keepalives_sent(net.bob) == 0U);
  net.advance(60s);
  BOOST_TEST(net.keepalives_sent(net.bob) == 1U);
  BOOST_TEST((net.last(net.bob, data_type).sent_at == sent_at + 10s));
  BOOST_TEST(net.keepalives_sent(net.alice) == 0U); // a keepalive asks for none
}

BOOST_AUTO_TEST_CASE(data_that_is_answered_needs_no_keepalive) {
  peer_pair net;
  net.connect();
  net.alice.send_to(net.bob);
  net.advance(9s);
  net.bob.send_to(net.alice);
  net.settle();
  net.tap.clear();
  net.advance(9s);
  BOOST_TEST(net.keepalives_sent(net.bob) == 0U);
}

BOOST_AUTO_TEST_CASE(an_idle_session_is_silent) {
  peer_pair net;
  net.connect();
  net.advance(11s);
  net.tap.clear();
  net.advance(1000s);
  BOOST_TEST(net.tap.empty());
}

BOOST_AUTO_TEST_CASE(persistent_keepalives_come_after_so_many_idle_seconds_until_turned_off) {
  peer_pair net;
  net.connect();
  net.advance(11s);
  net.tap.clear();
  net.alice.knows(net.bob, {{}, 25, true, {}});
  net.settle();
  BOOST_TEST(net.keepalives_sent(net.alice) == 1U); // one at once
  net.advance(75s);
  BOOST_TEST(net.keepalives_sent(net.alice) == 4U);
  net.alice.send_to(net.bob); // puts the next one off
  net.settle();
  net.advance(9s);
  net.bob.send_to(net.alice);
  net.settle();
  net.advance(24s);
  BOOST_TEST(net.keepalives_sent(net.alice) == 5U); // for the data, not the persistent one
  net.alice.knows(net.bob);
  net.tap.clear();
  net.advance(300s);
  BOOST_TEST(net.keepalives_sent(net.alice) == 0U);
}

BOOST_AUTO_TEST_CASE(persistent_keepalives_begin_when_an_endpoint_is_given_later) {
  peer_pair net;
  net.alice.forgets(net.bob);
  net.alice.knows(net.bob, {{}, 25, false, {}});
  net.advance(100s);
  BOOST_TEST(net.tap.empty());
  net.alice.knows(net.bob, {{}, 25, true, {}});
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
}

BOOST_AUTO_TEST_CASE(persistent_keepalives_outlive_a_time_without_private_key) {
  peer_pair net({{}, 25, true, {}});
  net.settle();
  net.advance(1s);
  const secret_key kept = net.alice.private_key;
  net.alice.remove_private_key();
  net.bob.forgets(net.alice);
  net.advance(60s);
  net.alice.set_private_key(kept);
  net.bob.knows(net.alice);
  net.tap.clear();
  net.advance(30s);
  BOOST_TEST(net.handshakes_sent(net.alice) >= 1U);
}

BOOST_AUTO_TEST_CASE(persistent_keepalives_go_on_while_the_peer_is_away) {
  peer_pair net;
  net.filter = [](test_datagram&) { return false; };
  net.alice.knows(net.bob, {{}, 25, true, {}});
  net.advance(3600s);
  net.filter = nullptr;
  net.advance(30s);
  BOOST_TEST(net.alice.status_of(net.bob).latest_handshake.has_value());
}

// --- Renewal -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(only_the_initiator_renews_by_age_when_it_sends_from_120_s_on) {
  peer_pair net;
  net.connect();
  net.advance(120s - 1ns);
  net.alice.send_to(net.bob);
  net.bob.send_to(net.alice);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  net.advance(1ns);
  net.bob.send_to(net.alice);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) + net.handshakes_sent(net.bob) == 0U);
  net.alice.send_to(net.bob, 1);
  net.alice.send_to(net.bob, 2);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  BOOST_TEST(net.handshakes_sent(net.bob) == 0U);
  net.advance(100s);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U); // the new session is young
}

BOOST_AUTO_TEST_CASE(a_keepalive_renews_its_session_as_data_does) {
  peer_pair net;
  net.connect();
  net.alice.knows(net.bob, {{}, 25, true, {}});
  net.advance(119s);
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  net.advance(26s);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
}

BOOST_AUTO_TEST_CASE(the_initiator_renews_when_it_receives_from_165_s_on_and_once) {
  peer_pair net;
  net.connect();
  net.advance(165s - 1ns);
  net.bob.send_to(net.alice);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  net.filter = [](test_datagram& datagram) { return datagram.type() != initiation_type; };
  net.advance(1ns);
  for (int i = 0; i < 4; ++i) {
    net.bob.send_to(net.alice);
    net.advance(1s);
  }
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  net.advance(1s); // 5 s: another would be allowed, but it is the timer's, with its jitter
  net.bob.send_to(net.alice);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  net.advance(334ms);
  BOOST_TEST(net.handshakes_sent(net.alice) == 2U);
  BOOST_TEST(net.handshakes_sent(net.bob) == 0U);
}

BOOST_AUTO_TEST_CASE(data_unanswered_for_15_s_starts_a_handshake) {
  peer_pair net;
  net.connect();
  net.filter = [&](test_datagram& datagram) { return datagram.sender != net.bob.number; };
  const time_point sent_at = net.now().steady;
  net.alice.send_to(net.bob);
  net.advance(15s - 1ns);
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  net.advance(334ms);
  BOOST_REQUIRE(net.handshakes_sent(net.alice) == 1U);
  BOOST_TEST((net.last(net.alice, initiation_type).sent_at >= sent_at + 15s));
}

BOOST_AUTO_TEST_CASE(the_responder_too_starts_a_handshake_for_unanswered_data) {
  peer_pair net;
  net.connect();
  net.filter = [&](test_datagram& datagram) { return datagram.sender != net.alice.number; };
  net.bob.send_to(net.alice);
  net.advance(16s);
  BOOST_TEST(net.handshakes_sent(net.bob) == 1U);
}

BOOST_AUTO_TEST_CASE(data_answered_within_15_s_starts_no_handshake) {
  peer_pair net;
  net.connect();
  for (int i = 0; i < 10; ++i) {
    net.alice.send_to(net.bob);
    net.advance(5s);
  }
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U); // keepalives are answers
}

BOOST_AUTO_TEST_CASE(either_side_renews_after_2_to_the_60_messages_and_sends_on_meanwhile) {
  for (const bool by_initiator : {true, false}) {
    peer_pair net;
    net.connect();
    net.advance(6s); // an initiation may be sent again
    test_peer& sender = by_initiator ? net.alice : net.bob;
    test_peer& other = by_initiator ? net.bob : net.alice;
    const std::uint64_t last = limits::rekey_after_messages - 1;
    sender.core.skip_to_counter(other.key, last);
    sender.send_to(other, 1);
    net.settle();
    BOOST_TEST(net.handshakes_sent(sender) == 0U);
    const test_datagram before = net.last(sender, data_type);
    BOOST_TEST(load_le64(&before.message[8]) == last);
    sender.send_to(other, 2); // the first beyond
    net.settle();
    BOOST_TEST(net.handshakes_sent(sender) == 1U);
    sender.send_to(other, 3);
    net.settle();
    const test_datagram after = net.last(sender, data_type);
    BOOST_TEST(load_le32(&after.message[4]) != load_le32(&before.message[4]));
    BOOST_TEST(load_le64(&after.message[8]) < 10U);
    BOOST_TEST((other.markers() == std::vector<std::uint8_t>{1, 2, 3}));
    BOOST_TEST(net.handshakes_sent(sender) + net.handshakes_sent(other) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(at_reject_after_messages_packets_wait_for_a_new_session) {
  peer_pair net;
  net.connect();
  net.advance(6s); // an initiation may be sent again
  net.filter = [](test_datagram& datagram) { return datagram.type() == data_type; };
  const std::uint64_t last = limits::reject_after_messages - 1;
  net.alice.core.skip_to_counter(net.bob.key, last);
  net.alice.send({net.alice.packet_to(net.bob, 1), net.alice.packet_to(net.bob, 2)});
  net.alice.send_to(net.bob, 3);
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  BOOST_TEST(load_le64(&net.last(net.alice, data_type).message[8]) == last);
  net.filter = nullptr;
  net.advance(6s);
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1, 2, 3}));
  BOOST_TEST(load_le64(&net.last(net.alice, data_type).message[8]) < 10U);
}

// --- The end -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_session_of_180_s_neither_sends_nor_receives) {
  delaying_pair net;
  net.connect();
  const test_datagram early = net.kept(net.alice, net.bob, 1);
  const test_datagram late = net.kept(net.alice, net.bob, 2);
  net.jump(180s - 1ns);
  BOOST_TEST(!outcome(net.bob, early));
  net.jump(1ns);
  BOOST_TEST((outcome(net.bob, late) == drop_reason::session_expired));
  net.tap.clear();
  net.alice.send_to(net.bob, 3);
  net.settle();
  BOOST_TEST((net.tap.at(0).type() == initiation_type));
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1, 3}));
}

BOOST_AUTO_TEST_CASE(the_responder_of_an_expired_session_begins_one_itself) {
  peer_pair net;
  net.connect();
  net.advance(200s);
  net.bob.send_to(net.alice, 9);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.bob) == 1U);
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{9}));
}

BOOST_AUTO_TEST_CASE(keys_are_gone_after_540_s_and_then_nothing_is_due) {
  delaying_pair net;
  net.connect();
  const test_datagram data = net.kept(net.alice, net.bob, 1);
  net.filter = [](test_datagram&) { return false; };
  net.advance(540s - 1ms);
  BOOST_TEST((outcome(net.bob, data) == drop_reason::session_expired));
  net.advance(1ms);
  BOOST_TEST((outcome(net.bob, data) == drop_reason::unknown_index));
  BOOST_TEST(net.bob.count(peer_event::kind::session_expired) == 1U);
  net.advance(1000s); // alice's data was not answered: her retries end, too
  BOOST_TEST((net.alice.core.next_deadline() == never));
  BOOST_TEST((net.bob.core.next_deadline() == never));
}

// --- Turning over --------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_a_renewal_overtook_still_arrives_and_after_a_second_one_does_not) {
  delaying_pair net;
  net.connect();
  net.advance(121s);
  const test_datagram to_bob = net.kept(net.alice, net.bob, 1);
  const test_datagram to_alice = net.kept(net.bob, net.alice, 2);
  const test_datagram too_late = net.kept(net.alice, net.bob, 3);
  net.advance(6s); // the initiation that went with it is retried
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_completed) == 2U);
  BOOST_TEST(!outcome(net.bob, to_bob));
  BOOST_TEST(!outcome(net.alice, to_alice));
  net.alice.link(false);
  net.alice.link(true);
  net.alice.send_to(net.bob, 4);
  net.settle();
  BOOST_TEST((outcome(net.bob, too_late) == drop_reason::unknown_index));
}

/// The kernel's three slots: there is no fourth for the session that both renewed.
BOOST_AUTO_TEST_CASE(a_crossed_renewal_loses_what_is_in_flight_and_nothing_later) {
  peer_pair net;
  const auto both_send = [&](std::uint8_t marker) {
    net.alice.send_to(net.bob, marker);
    net.bob.send_to(net.alice, marker);
  };
  both_send(1);
  net.settle();
  net.advance(121s);
  std::vector<test_datagram> in_flight;
  net.filter = [&](test_datagram& datagram) {
    if (datagram.type() == data_type && datagram.sender == net.bob.number && in_flight.empty()) {
      in_flight.push_back(datagram);
      return false;
    }
    return true;
  };
  both_send(2);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 2U);
  BOOST_TEST(net.handshakes_sent(net.bob) == 2U);
  BOOST_TEST((outcome(net.alice, in_flight.at(0)) == drop_reason::unknown_index));
  both_send(3);
  net.settle();
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{1, 3}));
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(the_responder_sends_on_the_old_session_until_the_new_one_is_confirmed) {
  delaying_pair net;
  net.connect();
  const std::uint32_t old_index = [&] {
    net.bob.send_to(net.alice);
    net.settle();
    return load_le32(&net.last(net.bob, data_type).message[4]);
  }();
  net.advance(121s);
  net.filter = [&](test_datagram& datagram) {
    return datagram.type() != data_type || datagram.sender == net.bob.number;
  };
  net.alice.send_to(net.bob); // renews, and the confirmation is lost
  net.settle();
  net.bob.send_to(net.alice, 6);
  net.settle();
  BOOST_TEST(load_le32(&net.last(net.bob, data_type).message[4]) == old_index);
  BOOST_TEST(net.alice.received.back().back() == 6);
  net.filter = nullptr;
  net.alice.send_to(net.bob, 7);
  net.settle();
  net.bob.send_to(net.alice, 8);
  net.settle();
  BOOST_TEST(load_le32(&net.last(net.bob, data_type).message[4]) != old_index);
  BOOST_TEST(net.alice.received.back().back() == 8);
}

BOOST_AUTO_TEST_CASE(traffic_both_ways_for_an_hour_loses_nothing_and_renews_every_two_minutes) {
  peer_pair net;
  net.connect();
  for (int i = 0; i < 3600; ++i) {
    net.alice.send_to(net.bob, static_cast<std::uint8_t>(i));
    net.settle();
    net.bob.send_to(net.alice, static_cast<std::uint8_t>(i));
    net.advance(1s);
  }
  BOOST_TEST(net.bob.received.size() == 3600U);
  BOOST_TEST(net.alice.received.size() == 3600U);
  BOOST_TEST(net.handshakes_sent(net.alice) == 30U - 1);
}

BOOST_AUTO_TEST_SUITE_END()
