// The way out, as the wire and the other side see it.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <numeric>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

std::vector<octets> numbered(const test_peer& from, const test_peer& to, std::size_t count,
                             std::size_t length, std::size_t first = 0) {
  std::vector<octets> packets;
  for (std::size_t i = 0; i < count; ++i)
    packets.push_back(from.packet_to(to, static_cast<std::uint8_t>(first + i), length));
  return packets;
}

std::vector<std::uint8_t> counted(std::size_t from, std::size_t to) {
  std::vector<std::uint8_t> markers(to - from);
  std::iota(markers.begin(), markers.end(), static_cast<std::uint8_t>(from));
  return markers;
}

} // namespace

BOOST_AUTO_TEST_SUITE(send)

BOOST_AUTO_TEST_CASE(a_packet_comes_out_as_it_went_in_at_every_length) {
  peer_pair net;
  net.connect();
  std::vector<octets> sent;
  for (std::size_t length = 20; length <= 100; ++length)
    sent.push_back(net.alice.packet_to(net.bob, 7, length));
  for (std::size_t length = limits::mtu_default - 40; length <= limits::mtu_default; ++length)
    sent.push_back(net.alice.packet_to(net.bob, 7, length));
  sent.push_back(ipv6_packet(net.alice.inner_v6, net.bob.inner_v6, 40));
  sent.push_back(ipv6_packet(net.alice.inner_v6, net.bob.inner_v6, 333, 9));
  net.alice.send(sent);
  net.settle();
  BOOST_TEST((net.bob.received == sent));
}

BOOST_AUTO_TEST_CASE(padding_is_to_16_and_never_beyond_the_mtu) {
  peer_pair net;
  net.connect();
  const std::pair<std::size_t, std::size_t> expected[] = {{20, 32},     {32, 32},     {33, 48},
                                                          {1408, 1408}, {1409, 1420}, {1420, 1420}};
  for (const auto& [length, padded] : expected) {
    net.alice.send_to(net.bob, 1, length);
    BOOST_TEST(net.last(net.alice, data_type).message.size() == padded + 32);
  }
}

BOOST_AUTO_TEST_CASE(staged_packets_are_padded_alike) {
  peer_pair net;
  net.alice.send({net.alice.packet_to(net.bob, 1, 20), net.alice.packet_to(net.bob, 2, 1411)});
  net.settle();
  const std::vector<test_datagram> data = net.data_of(net.alice);
  BOOST_REQUIRE(data.size() == 2U);
  BOOST_TEST(data[0].message.size() == 32U + 32);
  BOOST_TEST(data[1].message.size() == 1420U + 32);
  BOOST_TEST(net.bob.received.size() == 2U);
}

BOOST_AUTO_TEST_CASE(packets_that_go_nowhere_are_dropped_each_for_its_reason) {
  peer_pair net;
  test_peer& carol = net.add();
  net.alice.knows(carol, {{}, 0, false, {}});
  net.connect();
  net.alice.send({net.alice.packet_to(net.bob, 1), octets(50, 0xff), octets{},
                  ipv4_packet(net.alice.inner_v4, address_of("192.168.7.7"), 40),
                  net.alice.packet_to(net.bob, 2), net.alice.packet_to(carol), octets(19, 0x45),
                  ipv6_packet(net.alice.inner_v6, address_of("fd99::1"), 60)});
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1, 2}));
  const std::pair<std::uint32_t, drop_reason> expected[] = {
      {1, drop_reason::not_ip},      {2, drop_reason::not_ip}, {3, drop_reason::no_peer},
      {5, drop_reason::no_endpoint}, {6, drop_reason::not_ip}, {7, drop_reason::no_peer}};
  BOOST_REQUIRE(net.alice.last_send_drops.size() == std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    const dropped& drop = net.alice.last_send_drops[i];
    BOOST_TEST(drop.arrival_index == expected[i].first);
    BOOST_TEST((drop.reason == expected[i].second));
    BOOST_TEST((drop.peer != peer_id::none) == (drop.reason == drop_reason::no_endpoint));
  }
  BOOST_TEST(net.alice.drops(drop_reason::not_ip) == 3U);
  BOOST_TEST(net.alice.status_of(carol).drops[drop_reason::no_endpoint] == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_private_key_nothing_is_sent) {
  peer_pair net;
  net.connect();
  net.alice.remove_private_key();
  net.alice.send_to(net.bob);
  BOOST_TEST(net.alice.drops(drop_reason::no_private_key) == 1U);
  BOOST_TEST(net.tap.empty());
}

BOOST_AUTO_TEST_CASE(what_waits_when_the_private_key_goes_is_dropped) {
  peer_pair net;
  test_peer& carol = net.add();
  net.alice.knows(carol);
  net.filter = [](test_datagram&) { return false; };
  net.alice.send(numbered(net.alice, net.bob, 3, 60));
  net.alice.send_to(carol);
  net.alice.remove_private_key();
  BOOST_TEST(net.alice.drops(drop_reason::no_private_key) == 4U);
  BOOST_TEST(net.alice.status_of(net.bob).drops[drop_reason::no_private_key] == 3U);
  net.filter = nullptr;
  net.alice.set_private_key(net.alice.private_key);
  net.advance(10s);
  BOOST_TEST(net.bob.received.empty());
}

BOOST_AUTO_TEST_CASE(equal_neighbours_leave_as_one_train_and_a_shorter_one_ends_it) {
  peer_pair net;
  test_peer& carol = net.add();
  carol.knows(net.alice);
  carol.link(true);
  net.alice.knows(carol);
  net.connect();
  net.alice.send_to(carol);
  net.settle();
  std::vector<octets> packets = numbered(net.alice, net.bob, 3, 1000);
  packets.push_back(net.alice.packet_to(net.bob, 3, 500)); // joins, as the last
  packets.push_back(net.alice.packet_to(net.bob, 4, 500));
  packets.push_back(net.alice.packet_to(net.bob, 5, 1000)); // longer: a new train
  packets.push_back(net.alice.packet_to(carol, 6, 1000));   // for another
  packets.push_back(ipv4_packet(net.alice.inner_v4, carol.inner_v4, 1000, 7, ecn::ce));
  net.alice.send(packets);
  BOOST_TEST((net.alice.last_train_lengths == std::vector<std::uint32_t>{4, 1, 1, 1, 1}));
  net.settle();
  BOOST_TEST((net.bob.markers() == counted(0, 6)));
}

BOOST_AUTO_TEST_CASE(the_ecn_field_is_copied_outside_and_nothing_else_is) {
  peer_pair net;
  net.connect();
  for (const ecn congestion : {ecn::not_ect, ecn::ect1, ecn::ect0, ecn::ce}) {
    octets marked = ipv4_packet(net.alice.inner_v4, net.bob.inner_v4, 60, 0, congestion);
    marked[1] |= 0xb8; // expedited forwarding inside
    net.alice.send({marked});
    BOOST_TEST(net.last(net.alice, data_type).traffic_class == static_cast<int>(congestion));
    net.alice.send({ipv6_packet(net.alice.inner_v6, net.bob.inner_v6, 60, 0, congestion)});
    BOOST_TEST(net.last(net.alice, data_type).traffic_class == static_cast<int>(congestion));
  }
}

BOOST_AUTO_TEST_CASE(staged_packets_keep_their_ecn_field) {
  peer_pair net;
  net.alice.send({ipv4_packet(net.alice.inner_v4, net.bob.inner_v4, 60, 0, ecn::ect0)});
  net.settle();
  BOOST_TEST(net.data_of(net.alice).at(0).traffic_class == static_cast<int>(ecn::ect0));
}

BOOST_AUTO_TEST_CASE(a_burst_before_the_handshake_makes_one_and_arrives_in_order) {
  peer_pair net;
  net.alice.send(numbered(net.alice, net.bob, 50, 100));
  net.alice.send(numbered(net.alice, net.bob, 50, 100, 50));
  net.settle();
  net.alice.send(numbered(net.alice, net.bob, 10, 100, 100));
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  BOOST_TEST(net.handshakes_sent(net.bob) == 0U);
  BOOST_TEST((net.bob.markers() == counted(0, 110)));
}

BOOST_AUTO_TEST_CASE(more_than_128_waiting_packets_lose_the_oldest) {
  peer_pair net;
  net.alice.send(numbered(net.alice, net.bob, 128, 60));
  BOOST_TEST(net.alice.drops(drop_reason::staging_full) == 0U);
  net.alice.send(numbered(net.alice, net.bob, 2, 60, 128));
  BOOST_TEST(net.alice.drops(drop_reason::staging_full) == 2U);
  BOOST_TEST(net.alice.status_of(net.bob).drops[drop_reason::staging_full] == 2U);
  net.settle();
  BOOST_TEST((net.bob.markers() == counted(2, 130)));
}

BOOST_AUTO_TEST_CASE(waiting_packets_of_all_peers_are_bounded_and_the_oldest_go) {
  peer_pair net;
  std::vector<test_peer*> silent;
  net.alice.send(numbered(net.alice, net.bob, 10, 1400)); // the oldest of all
  for (std::size_t i = 0; i < 30; ++i) {
    silent.push_back(&net.add());
    net.alice.knows(*silent.back());
    net.alice.send(numbered(net.alice, *silent.back(), 100, 1400));
  }
  constexpr std::size_t fit = limits::staged_octets_max / staging::cost(1400);
  BOOST_TEST(net.alice.drops(drop_reason::staging_full) == 3010 - fit);
  BOOST_TEST(net.alice.status_of(net.bob).drops[drop_reason::staging_full] == 10U);
  std::uint64_t of_the_first_three = 0;
  for (std::size_t i = 0; i < 3; ++i)
    of_the_first_three += net.alice.status_of(*silent[i]).drops[drop_reason::staging_full];
  BOOST_TEST(net.alice.status_of(*silent.front()).drops[drop_reason::staging_full] == 100U);
  BOOST_TEST(of_the_first_three == 3000 - fit);
  BOOST_TEST(net.alice.status_of(*silent.back()).drops[drop_reason::staging_full] == 0U);
}

BOOST_AUTO_TEST_CASE(without_room_waiting_packets_wait_on_and_none_overtakes_them) {
  test_network net;
  test_peer& alice = net.add(1);
  test_peer& bob = net.add();
  for (test_peer* each : {&alice, &bob}) {
    each->knows(each == &alice ? bob : alice);
    each->link(true);
  }
  net.filter = [&](test_datagram& datagram) {
    if (datagram.type() == response_type)
      alice.hold_slabs = true;
    return true;
  };
  alice.send(numbered(alice, bob, 120, 1400));
  net.settle();
  const std::size_t first_part = bob.received.size();
  BOOST_TEST(first_part == limits::transmit_slab_octets / (1408 + 32));
  alice.send(numbered(alice, bob, 5, 1400, 120)); // there is a session, but they must wait
  net.settle();
  BOOST_TEST(bob.received.size() == first_part);
  alice.release_slabs();
  net.settle();
  BOOST_TEST((bob.markers() == counted(0, 125)));
  alice.send(numbered(alice, bob, 5, 1400, 125)); // nothing waits: at once, in its own slab
  BOOST_TEST(alice.last_train_lengths.size() == 1U);
  net.settle();
  BOOST_TEST((bob.markers() == counted(0, 130)));
  BOOST_TEST(alice.drops(drop_reason::reserve_empty) == 0U);
}

BOOST_AUTO_TEST_CASE(a_keepalive_without_room_is_counted_and_the_next_one_is_sent) {
  test_network net;
  test_peer& alice = net.add(1);
  test_peer& bob = net.add();
  alice.knows(bob, {{}, 25, true, {}});
  bob.knows(alice);
  bob.link(true);
  alice.link(true);
  net.settle();
  net.advance(1s);
  const std::size_t before = net.keepalives_sent(alice);
  alice.hold_slabs = true;
  net.advance(25s); // this one leaves and takes the only slab with it
  BOOST_TEST(net.keepalives_sent(alice) == before + 1);
  net.advance(25s);
  BOOST_TEST(net.keepalives_sent(alice) == before + 1);
  BOOST_TEST(alice.drops(drop_reason::reserve_empty) == 1U);
  alice.release_slabs();
  net.advance(25s);
  BOOST_TEST(net.keepalives_sent(alice) == before + 2);
}

BOOST_AUTO_TEST_CASE(datagrams_for_different_places_are_no_train) {
  peer_pair net;
  net.connect();
  const endpoint first{address_of("203.0.113.1"), 1, 0};
  const endpoint second{address_of("203.0.113.2"), 2, 0};
  tunnel_change change; // in one turn, each with a keepalive
  change.changed.push_back({net.alice.settings_of(net.bob, {{}, 25, true, {}}), first});
  change.changed.push_back({net.alice.settings_of(net.bob, {{}, 25, true, {}}), second});
  net.alice.apply(change);
  BOOST_REQUIRE(net.tap.size() == 2U);
  BOOST_TEST((net.tap[0].target == first));
  BOOST_TEST((net.tap[1].target == second));
}

BOOST_AUTO_TEST_CASE(a_staged_packet_longer_than_an_mtu_that_shrank_leaves_unpadded) {
  peer_pair net;
  net.alice.send_to(net.bob, 5, 1001);
  net.filter = [](test_datagram&) { return false; };
  net.alice.link(true, 1000);
  net.settle();
  net.filter = nullptr;
  net.advance(6s);
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{5}));
  BOOST_TEST(net.data_of(net.alice).at(0).message.size() == 1001U + 32);
}

BOOST_AUTO_TEST_CASE(released_packets_stay_ahead_of_newer_ones_while_the_reserve_is_out) {
  constexpr std::size_t others = 18;
  test_network net;
  for (std::size_t i = 0; i <= others + 1; ++i)
    net.add();
  test_peer& alice = net[0];
  test_peer& bob = net[1];
  for (std::size_t i = 1; i <= others + 1; ++i) {
    alice.knows(net[i]);
    net[i].knows(alice);
  }
  for (std::size_t i = 0; i <= others + 1; ++i)
    net[i].link(true);
  for (std::size_t i = 2; i <= others + 1; ++i)
    alice.send_to(net[i]);
  net.settle();
  test_datagram response;
  net.filter = [&](test_datagram& datagram) {
    if (datagram.sender != bob.number || datagram.type() != response_type)
      return true;
    response = datagram;
    return false;
  };
  alice.send_to(bob, 1);
  net.settle();
  BOOST_REQUIRE(!response.message.empty());
  alice.hold_slabs = true; // as behind a blocked socket
  peer_options keepalive;
  keepalive.persistent_keepalive_s = 25;
  for (std::size_t i = 2; i <= others + 1; ++i)
    alice.knows(net[i], keepalive);
  net.settle();
  alice.receive({response}); // the first is released
  alice.send_to(bob, 2);
  alice.release_slabs();
  net.settle();
  BOOST_TEST(bob.markers() == (std::vector<std::uint8_t>{1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
