// Configuration, and what happens in time.
#include "tests/crypto/bare_peer.hpp"
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <numeric>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

std::optional<drop_reason> outcome(test_peer& by, const test_datagram& datagram) {
  by.receive({datagram});
  return by.last_receive_drops.empty() ? std::nullopt
                                       : std::optional(by.last_receive_drops.front().reason);
}

secret_key another_key() {
  seeded_random random(99);
  return secret_key::make([&](bytes fresh) { random.fill(fresh); });
}

bool nobody(test_datagram&) {
  return false;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tunnel)

// --- Configuration -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(allowed_ips_move_from_their_former_owner) {
  peer_pair net;
  test_peer& carol = net.add();
  carol.link(true);
  carol.knows(net.alice);
  net.connect();
  const octets packet = ipv4_packet(net.alice.inner_v4, address_of("10.9.0.1"), 60);
  net.alice.knows(net.bob, {{}, 0, true, {prefix_of("10.9.0.0/16")}});
  net.alice.send({packet});
  net.alice.knows(carol, {{}, 0, true, {prefix_of("10.9.0.0/16")}});
  net.alice.send({packet});
  net.settle();
  BOOST_TEST(net.bob.received.size() == 1U);
  BOOST_TEST(carol.received.size() == 1U);
  net.alice.forgets(carol);
  net.alice.send({packet});
  BOOST_TEST(net.alice.drops(drop_reason::no_peer) == 1U);
}

BOOST_AUTO_TEST_CASE(allowed_ips_that_are_taken_away_are_gone) {
  peer_pair net;
  const octets packet = ipv4_packet(net.alice.inner_v4, address_of("10.9.0.1"), 60);
  net.alice.knows(net.bob, {{}, 0, true, {prefix_of("10.9.0.0/16")}});
  net.alice.knows(net.bob);
  net.alice.send({packet});
  BOOST_TEST(net.alice.drops(drop_reason::no_peer) == 1U);
}

BOOST_AUTO_TEST_CASE(prefixes_that_did_not_change_are_not_touched) {
  peer_pair net;
  test_peer& carol = net.add();
  net.filter = nobody;
  const octets packet = ipv4_packet(net.alice.inner_v4, address_of("10.9.0.1"), 60);
  const peer_options with_prefix{{}, 0, false, {prefix_of("10.9.0.0/16")}};
  tunnel_change change;
  change.changed.push_back({net.alice.settings_of(carol, with_prefix), std::nullopt});
  net.alice.apply(change); // a peer that was not there has them in any case
  net.alice.send({packet});
  BOOST_TEST(net.alice.drops(drop_reason::no_endpoint) == 1U);
  change.changed[0] = {net.alice.settings_of(net.bob, with_prefix), std::nullopt};
  net.alice.apply(change);
  net.alice.send({packet, net.alice.packet_to(net.bob)}); // one still carol's, one bob's
  BOOST_TEST(net.alice.drops(drop_reason::no_endpoint) == 2U);
  BOOST_TEST(net.alice.drops(drop_reason::no_peer) == 0U);
  change.changed[0].allowed_ips_changed = true;
  net.alice.apply(change);
  net.alice.send({packet});
  BOOST_TEST(net.alice.drops(drop_reason::no_endpoint) == 2U);
}

BOOST_AUTO_TEST_CASE(a_change_keeps_session_endpoint_and_counters) {
  peer_pair net;
  net.connect();
  const peer_status before = net.alice.status_of(net.bob);
  net.alice.knows(net.bob, {{}, 0, false, {prefix_of("10.9.0.0/16")}});
  const peer_status after = net.alice.status_of(net.bob);
  BOOST_TEST((after.remote == before.remote));
  BOOST_TEST(after.tx_bytes == before.tx_bytes);
  net.alice.send_to(net.bob, 1);
  net.settle();
  BOOST_TEST(net.bob.received.size() == 1U);
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
}

BOOST_AUTO_TEST_CASE(a_peer_with_the_own_key_is_ignored) {
  peer_pair net;
  net.alice.knows(net.alice);
  BOOST_TEST(net.alice.status().peers.size() == 1U);
  BOOST_TEST(net.alice.count(peer_event::kind::own_key_ignored) == 1U);
  net.alice.set_private_key(net.bob.private_key); // bob's entry is now alice's own
  BOOST_TEST(net.alice.status().peers.empty());
  BOOST_TEST(net.alice.count(peer_event::kind::own_key_ignored) == 2U);
}

BOOST_AUTO_TEST_CASE(a_new_private_key_shakes_hands_anew_and_sends_nothing_on_old_sessions) {
  peer_pair net;
  net.connect();
  net.filter = nobody;
  net.bob.send_to(net.alice, 7);
  const test_datagram on_its_way = net.tap.back();
  net.filter = nullptr;
  net.alice.set_private_key(another_key());
  net.bob.knows(net.alice); // under the new key; the prefixes move
  net.tap.clear();
  net.alice.send_to(net.bob, 1);
  net.settle();
  BOOST_TEST((net.tap.at(0).type() == initiation_type));
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  BOOST_TEST(!outcome(net.alice, on_its_way)); // what was sent before still arrives
}

BOOST_AUTO_TEST_CASE(the_same_private_key_again_changes_nothing) {
  peer_pair net;
  net.connect();
  net.alice.set_private_key(secret_key::copy_of(net.alice.private_key.octets()));
  net.alice.send_to(net.bob, 1);
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1}));
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
}

BOOST_AUTO_TEST_CASE(a_removed_peer_is_forgotten_with_what_waited_for_it) {
  peer_pair net;
  net.filter = nobody;
  net.alice.send_to(net.bob);
  net.alice.forgets(net.bob);
  BOOST_TEST(net.alice.drops(drop_reason::peer_removed) == 1U);
  BOOST_TEST(net.alice.status().peers.empty());
  net.alice.send_to(net.bob);
  BOOST_TEST(net.alice.drops(drop_reason::no_peer) == 1U);
  net.advance(1000s);
  BOOST_TEST((net.alice.core.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(an_id_is_never_given_to_another_peer) {
  peer_pair net;
  net.connect();
  net.bob.send_to(net.alice);
  net.settle();
  test_peer& carol = net.add();
  net.alice.send({net.alice.packet_to(carol)});
  net.alice.knows(carol, {{}, 0, false, {}});
  net.alice.send({net.alice.packet_to(carol)});
  const peer_id first = net.alice.last_send_drops.at(0).peer;
  BOOST_TEST((net.alice.core.name_of(first) == "peer 2"));
  net.alice.forgets(carol);
  net.alice.knows(carol, {{}, 0, false, {}});
  net.alice.send({net.alice.packet_to(carol)});
  BOOST_TEST((net.alice.last_send_drops.at(0).peer != first));
  BOOST_TEST(net.alice.core.name_of(first).empty());
}

BOOST_AUTO_TEST_CASE(a_link_that_goes_down_drops_everything_and_forgets_sessions) {
  peer_pair net;
  test_peer& carol = net.add();
  net.alice.knows(carol);
  net.connect();
  net.alice.send_to(carol); // waits
  net.bob.send_to(net.alice, 1);
  const test_datagram data = net.tap.back();
  net.settle();
  net.alice.link(false);
  BOOST_TEST(net.alice.drops(drop_reason::interface_down) == 1U);
  net.tap.clear();
  net.alice.send_to(net.bob);
  BOOST_TEST((outcome(net.alice, data) == drop_reason::received_while_down));
  net.advance(300s);
  BOOST_TEST(net.sent(net.alice, data_type) == 0U);
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  BOOST_TEST(net.alice.drops(drop_reason::interface_down) == 2U);
  net.advance(300s);
  BOOST_TEST((net.alice.core.next_deadline() == never));
  net.alice.link(true);
  BOOST_TEST((outcome(net.alice, data) == drop_reason::unknown_index));
  net.alice.send_to(net.bob, 4);
  net.settle();
  BOOST_TEST(net.bob.received.back().back() == 4);
}

BOOST_AUTO_TEST_CASE(what_was_due_before_a_link_went_down_is_not_done_when_it_is_up) {
  peer_pair net;
  net.connect();
  net.filter = nobody;
  net.alice.send_to(net.bob); // an answer is awaited
  net.advance(1s);
  net.alice.link(false);
  net.alice.link(true);
  net.advance(100s);
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
}

BOOST_AUTO_TEST_CASE(a_link_that_comes_up_wakes_peers_with_a_persistent_keepalive) {
  test_network net;
  test_peer& alice = net.add();
  test_peer& bob = net.add();
  alice.knows(bob, {{}, 25, true, {}});
  bob.knows(alice);
  bob.link(true);
  net.advance(100s);
  BOOST_TEST(net.tap.empty());
  alice.link(true);
  net.settle();
  BOOST_TEST(bob.status_of(alice).latest_handshake.has_value());
}

BOOST_AUTO_TEST_CASE(a_private_key_wakes_peers_with_a_persistent_keepalive) {
  peer_pair net;
  const secret_key kept = net.alice.private_key;
  net.alice.remove_private_key();
  net.alice.knows(net.bob, {{}, 25, true, {}});
  net.advance(100s);
  BOOST_TEST(net.tap.empty());
  net.alice.set_private_key(kept);
  net.settle();
  BOOST_TEST(net.bob.status_of(net.alice).latest_handshake.has_value());
  net.tap.clear();
  net.alice.set_private_key(kept); // no news
  net.settle();
  BOOST_TEST(net.tap.empty());
}

BOOST_AUTO_TEST_CASE(status_counts_whole_datagrams_and_tells_the_wall_clock_time_of_handshakes) {
  peer_pair net;
  const wall_time before = net.now().wall;
  net.alice.send_to(net.bob, 1, 333);
  net.settle();
  net.bob.send_to(net.alice, 2, 99);
  net.advance(30s);
  std::uint64_t sent[2] = {0, 0};
  for (const test_datagram& each : net.tap)
    sent[each.sender] += each.message.size();
  BOOST_TEST(net.alice.status_of(net.bob).tx_bytes == sent[0]);
  BOOST_TEST(net.alice.status_of(net.bob).rx_bytes == sent[1]);
  BOOST_TEST(net.bob.status_of(net.alice).tx_bytes == sent[1]);
  BOOST_TEST(net.bob.status_of(net.alice).rx_bytes == sent[0]);
  BOOST_TEST((net.alice.status_of(net.bob).latest_handshake == before));
  BOOST_TEST((net.bob.status_of(net.alice).latest_handshake == before));
}

BOOST_AUTO_TEST_CASE(datagrams_leave_from_where_the_peer_reached_us_until_that_is_void) {
  peer_pair net;
  net.connect();
  net.alice.send_to(net.bob);
  BOOST_TEST((net.tap.back().local == source_address{net.alice.address.address, 1}));
  tunnel_change change;
  change.forget_sources = true;
  net.alice.apply(change);
  net.alice.send_to(net.bob);
  BOOST_TEST(!net.tap.back().local.known());
  net.settle();
  net.bob.send_to(net.alice);
  net.settle();
  net.alice.send_to(net.bob);
  BOOST_TEST(net.tap.back().local.known());
  net.alice.core.forget_sources({net.alice.last_train_peers.at(0)});
  net.alice.send_to(net.bob);
  BOOST_TEST(!net.tap.back().local.known());
}

BOOST_AUTO_TEST_CASE(a_retry_does_not_insist_on_the_source_that_may_have_failed) {
  peer_pair net;
  net.connect();
  net.filter = nobody;
  net.alice.send_to(net.bob);
  BOOST_TEST(net.tap.back().local.known());
  net.advance(16s);
  BOOST_TEST(!net.last(net.alice, initiation_type).local.known());
}

BOOST_AUTO_TEST_CASE(an_initiation_that_had_to_wait_leaves_from_where_the_peer_reached_us) {
  peer_pair net;
  net.connect();
  net.advance(200s); // the session is over, the source is known
  std::vector<octets> packets;
  for (std::size_t i = 0; i < limits::own_initiations_max; ++i) {
    test_peer& silent = net.add(1);
    net.alice.knows(silent);
    packets.push_back(net.alice.packet_to(silent));
  }
  net.alice.hold_jobs = true;
  net.alice.send(packets);
  net.alice.send_to(net.bob, 7);
  net.advance(limits::rekey_timeout_jitter_max); // it asks again, in vain
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  net.alice.hold_jobs = false;
  net.advance(limits::rekey_timeout_jitter_max);
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{7}));
  const auto to_bob = std::find_if(net.tap.begin(), net.tap.end(), [&](const test_datagram& each) {
    return each.type() == initiation_type && each.target == net.bob.address;
  });
  BOOST_REQUIRE((to_bob != net.tap.end()));
  BOOST_TEST(to_bob->local.known());
}

// --- Many ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(two_thousand_handshakes_at_once_are_bounded_and_all_complete) {
  constexpr std::size_t count = 2000;
  test_network net;
  test_peer& hub = net.add();
  hub.link(true);
  std::vector<octets> packets;
  for (std::size_t i = 0; i < count; ++i) {
    test_peer& spoke = net.add(1);
    hub.knows(spoke);
    spoke.knows(hub);
    spoke.link(true);
    packets.push_back(hub.packet_to(spoke, 5));
  }
  hub.send(packets);
  BOOST_TEST(hub.jobs.size() == limits::own_initiations_max);
  net.settle();
  net.advance(15s);
  BOOST_TEST(hub.jobs_max <= limits::handshake_jobs_max);
  BOOST_TEST(hub.drops(drop_reason::handshake_failed) == 0U);
  std::size_t delivered = 0;
  for (std::size_t i = 1; i <= count; ++i)
    delivered += net[i].received.size();
  BOOST_TEST(delivered == count);
}

BOOST_AUTO_TEST_SUITE_END()
