// The way in: what is let through, what it looks like then, and what is dropped for which reason.
#include "tests/crypto/bare_peer.hpp"
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

std::optional<drop_reason> outcome(test_peer& by, const test_datagram& datagram) {
  by.receive({datagram});
  return by.last_receive_drops.empty() ? std::nullopt
                                       : std::optional(by.last_receive_drops.front().reason);
}

/// bob, and somebody who may send him anything. The prefixes are those of the somebody.
struct bare_pair : peer_pair {
  bare_pair() { bare.connect(); }

  bare_peer bare{*this, bob, {prefix_of("10.7.0.0/16"), prefix_of("fd07::/16")}};
  ip_address source = address_of("10.7.0.1");
  ip_address target = address_of("10.0.0.1");
  ip_address source6 = address_of("fd07::1");
  ip_address target6 = address_of("fd00::1");
};

} // namespace

BOOST_AUTO_TEST_SUITE(receive)

BOOST_AUTO_TEST_CASE(a_datagram_is_taken_once) {
  peer_pair net;
  net.connect();
  net.alice.send_to(net.bob);
  net.settle();
  BOOST_TEST((outcome(net.bob, net.tap.back()) == drop_reason::replayed));
  BOOST_TEST(net.bob.status_of(net.alice).drops[drop_reason::replayed] == 1U);
  BOOST_TEST(net.bob.received.size() == 1U);
}

BOOST_AUTO_TEST_CASE(datagrams_out_of_order_are_taken_within_the_window) {
  bare_pair net;
  std::vector<test_datagram> sent;
  for (int i = 0; i < 8200; ++i)
    sent.push_back(net.bare.sealed({}));
  BOOST_TEST(!outcome(net.bob, sent[8190]));
  BOOST_TEST((outcome(net.bob, sent[61]) == drop_reason::replayed));
  BOOST_TEST(!outcome(net.bob, sent[62]));
  BOOST_TEST((outcome(net.bob, sent[62]) == drop_reason::replayed));
  BOOST_TEST(!outcome(net.bob, sent[8189]));
}

BOOST_AUTO_TEST_CASE(a_datagram_changed_anywhere_is_dropped_in_silence) {
  peer_pair net;
  net.connect();
  net.filter = [](test_datagram&) { return false; };
  net.alice.send_to(net.bob);
  const test_datagram good = net.tap.back();
  for (std::size_t i = 0; i < good.message.size(); ++i) {
    test_datagram bad = good;
    bad.message[i] ^= 0x20;
    BOOST_TEST((outcome(net.bob, bad) == (i < 4   ? drop_reason::malformed_message
                                          : i < 8 ? drop_reason::unknown_index
                                                  : drop_reason::decrypt_failed)));
  }
  for (std::size_t length = 0; length < good.message.size(); ++length) {
    test_datagram cut = good;
    cut.message.resize(length);
    BOOST_TEST((outcome(net.bob, cut) ==
                (length < 32 ? drop_reason::malformed_message : drop_reason::decrypt_failed)));
  }
  BOOST_TEST(net.tap.size() == 1U);
  BOOST_TEST(!outcome(net.bob, good));
}

BOOST_AUTO_TEST_CASE(counters_beyond_their_limit_are_refused) {
  bare_pair net;
  net.bare.own->skip_to_counter(limits::reject_after_messages - 1);
  BOOST_TEST(!net.bare.send({}));
  BOOST_TEST(!net.bare.own->may_send(net.now().steady));
  test_datagram beyond = net.bare.from_here(net.tap.back().message);
  beyond.message.assign(32, 0);
  beyond.message[0] = 4;
  store_le32(&beyond.message[4], load_le32(net.last(net.bob, response_type).message.data() + 4));
  store_le64(&beyond.message[8], limits::reject_after_messages);
  BOOST_TEST((outcome(net.bob, beyond) == drop_reason::session_expired));
}

BOOST_AUTO_TEST_CASE(padding_is_trimmed) {
  bare_pair net;
  for (const octets& inner :
       {ipv4_packet(net.source, net.target, 21, 1), ipv6_packet(net.source6, net.target6, 41, 1),
        ipv4_packet(net.source, net.target, 20), ipv6_packet(net.source6, net.target6, 40)}) {
    octets padded = inner;
    padded.resize(96);
    BOOST_TEST(!net.bare.send(padded));
    BOOST_TEST((net.bob.received.back() == inner));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_ip_packet_inside_is_dropped) {
  bare_pair net;
  std::vector<octets> inner;
  for (const unsigned version : {0U, 1U, 5U, 7U, 15U}) {
    inner.push_back(ipv4_packet(net.source, net.target, 48));
    inner.back()[0] = static_cast<std::uint8_t>(version << 4 | 5);
  }
  inner.push_back({0x45});
  inner.emplace_back(19, 0x45);
  inner.emplace_back(39, 0x60);
  inner.push_back(ipv4_packet(net.source, net.target, 48));
  store_be16(&inner.back()[2], 49); // longer than the plain text
  inner.push_back(ipv4_packet(net.source, net.target, 48));
  store_be16(&inner.back()[2], 19); // shorter than its header
  inner.push_back(ipv6_packet(net.source6, net.target6, 48));
  store_be16(&inner.back()[4], 9);
  for (const octets& each : inner)
    BOOST_TEST((net.bare.send(each) == drop_reason::malformed_inner));
  BOOST_TEST(net.bob.received.empty());
  BOOST_TEST(net.bob.drops(drop_reason::malformed_inner) == inner.size());
}

BOOST_AUTO_TEST_CASE(an_inner_source_that_is_not_the_peer_s_is_dropped) {
  bare_pair net;
  for (const char* source : {"10.0.0.0", "10.8.0.1", "192.0.2.1", "0.0.0.0"})
    BOOST_TEST((net.bare.send(ipv4_packet(address_of(source), net.target, 48)) ==
                drop_reason::spoofed_source));
  for (const char* source : {"fd00::", "fd08::1", "::"})
    BOOST_TEST((net.bare.send(ipv6_packet(address_of(source), net.target6, 48)) ==
                drop_reason::spoofed_source));
  BOOST_TEST(!net.bare.send(ipv4_packet(address_of("10.7.255.255"), net.target, 48)));
  BOOST_TEST(net.bob.received.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_more_specific_prefix_of_another_peer_is_not_the_peer_s) {
  bare_pair net;
  net.bob.knows(net.alice, {{}, 0, true, {prefix_of("10.7.9.0/24")}});
  BOOST_TEST((net.bare.send(ipv4_packet(address_of("10.7.9.1"), net.target, 48)) ==
              drop_reason::spoofed_source));
  BOOST_TEST(!net.bare.send(ipv4_packet(address_of("10.7.8.1"), net.target, 48)));
}

BOOST_AUTO_TEST_CASE(the_ecn_fields_are_combined_by_rfc_6040) {
  constexpr ecn n = ecn::not_ect;
  constexpr ecn e1 = ecn::ect1;
  constexpr ecn e0 = ecn::ect0;
  constexpr ecn ce = ecn::ce;
  struct row {
    ecn inner;
    ecn by_outer[4]; // not_ect, ect1, ect0, ce
  };
  // Figure 4 of the RFC; CE over not-ECT is dropped.
  constexpr row table[] = {
      {n, {n, n, n, ce}}, {e0, {e0, e1, e0, ce}}, {e1, {e1, e1, e1, ce}}, {ce, {ce, ce, ce, ce}}};
  bare_pair net;
  for (const row& each : table)
    for (const ecn outer : {n, e1, e0, ce}) {
      const ecn combined = each.by_outer[static_cast<int>(outer)];
      const std::uint8_t traffic_class = static_cast<std::uint8_t>(0xb8 | static_cast<int>(outer));
      const octets v4 = ipv4_packet(net.source, net.target, 48, 3, each.inner);
      const octets v6 = ipv6_packet(net.source6, net.target6, 48, 3, each.inner);
      if (each.inner == n && outer == ce) {
        BOOST_TEST((net.bare.send(v4, traffic_class) == drop_reason::congestion_not_ecn));
        BOOST_TEST((net.bare.send(v6, traffic_class) == drop_reason::congestion_not_ecn));
        continue;
      }
      BOOST_TEST(!net.bare.send(v4, traffic_class));
      BOOST_TEST((net.bob.received.back() == ipv4_packet(net.source, net.target, 48, 3, combined)));
      BOOST_TEST(has_valid_ipv4_checksum(net.bob.received.back()));
      BOOST_TEST(!net.bare.send(v6, traffic_class));
      BOOST_TEST(
          (net.bob.received.back() == ipv6_packet(net.source6, net.target6, 48, 3, combined)));
    }
}

BOOST_AUTO_TEST_CASE(a_peer_is_answered_where_its_last_authentic_datagram_came_from) {
  peer_pair net;
  net.connect();
  const endpoint former = net.alice.address;
  net.alice.address = {address_of("2001:db8::7"), 7777, 0};
  net.alice.send_to(net.bob, 1);
  net.settle();
  BOOST_TEST((net.bob.status_of(net.alice).remote == net.alice.address));
  BOOST_TEST(net.bob.count(peer_event::kind::endpoint_moved) == 1U);
  net.bob.send_to(net.alice, 2);
  net.settle();
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{2}));
  net.alice.address = former;
  net.advance(130s);
  net.alice.send_to(net.bob, 3); // an initiation moves it as well
  net.settle();
  BOOST_TEST((net.bob.status_of(net.alice).remote == former));
}

BOOST_AUTO_TEST_CASE(nothing_that_is_not_authentic_and_new_moves_an_endpoint) {
  peer_pair net;
  net.alice.send_to(net.bob);
  net.settle();
  const test_datagram initiation = net.last(net.alice, initiation_type);
  const test_datagram response = net.last(net.bob, response_type);
  test_datagram data = net.last(net.alice, data_type);
  net.advance(1s);
  const endpoint elsewhere{address_of("203.0.113.66"), 666, 0};
  for (test_datagram replay : {initiation, data}) {
    replay.source = elsewhere;
    net.bob.receive({replay});
  }
  data.message.back() ^= 1;
  store_le64(&data.message[8], 99);
  data.source = elsewhere;
  net.bob.receive({data});
  test_datagram late = response;
  late.source = elsewhere;
  net.alice.receive({late});
  net.settle();
  BOOST_TEST((net.bob.status_of(net.alice).remote == net.alice.address));
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.bob.address));
}

BOOST_AUTO_TEST_CASE(what_waited_goes_to_where_the_confirming_packet_came_from) {
  peer_pair net;
  test_datagram confirmation;
  net.filter = [&](test_datagram& datagram) {
    if (datagram.type() == data_type)
      confirmation = datagram;
    return datagram.sender == net.alice.number ? datagram.type() == initiation_type
                                               : datagram.type() == response_type;
  };
  net.alice.send_to(net.bob);
  net.settle();
  net.bob.send_to(net.alice, 5);
  net.settle();
  net.filter = nullptr;
  net.alice.address.port = 4444;
  confirmation.source = net.alice.address;
  net.bob.receive({confirmation});
  net.settle();
  BOOST_TEST((net.alice.markers() == std::vector<std::uint8_t>{5}));
}

BOOST_AUTO_TEST_CASE(an_endpoint_is_learnt_from_a_peer_that_had_none) {
  peer_pair net;
  net.bob.forgets(net.alice);
  net.bob.knows(net.alice, {{}, 0, false, {}});
  net.connect();
  BOOST_TEST((net.bob.status_of(net.alice).remote == net.alice.address));
  BOOST_TEST(net.bob.count(peer_event::kind::endpoint_moved) == 0U);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_random_and_mutated_datagrams_get_no_answer) {
  peer_pair net;
  net.connect();
  net.alice.send_to(net.bob, 1, 200);
  net.settle();
  net.advance(130s);
  net.alice.send_to(net.bob, 1); // renews: every kind of message is on the tap
  net.settle();
  wire::cookie_reply reply;
  reply.header = wire::header_of(cookie_type);
  std::vector<octets> seeds = {octets(wire::as_bytes(reply).begin(), wire::as_bytes(reply).end())};
  for (const test_datagram& each : net.tap)
    seeds.push_back(each.message);
  const std::size_t answered = net.tap.size();
  const std::size_t delivered = net.bob.received.size();

  std::mt19937 random(20);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  for (int batch = 0; batch < 2000; ++batch) {
    std::vector<test_datagram> datagrams;
    for (int i = 0; i < 50; ++i) {
      octets message = seeds[below(seeds.size())];
      if (below(4) == 0)
        for (std::uint8_t& octet : message)
          octet = static_cast<std::uint8_t>(random());
      for (std::size_t n = below(4) + 1; n > 0; --n)
        message[below(message.size())] ^= static_cast<std::uint8_t>(1U << below(8));
      if (below(4) == 0)
        message.resize(below(message.size() + 40));
      if (below(4) == 0 && !message.empty())
        message[0] = static_cast<std::uint8_t>(below(6));
      datagrams.push_back({0,
                           net.alice.address,
                           net.bob.address,
                           static_cast<std::uint8_t>(random()),
                           {},
                           message});
    }
    net.bob.receive(datagrams);
    net.bob.perform_jobs();
    net.jump(1ms);
  }
  BOOST_TEST(net.tap.size() == answered);
  BOOST_TEST(net.bob.received.size() == delivered);
  net.alice.send_to(net.bob, 77);
  net.settle();
  BOOST_TEST(net.bob.received.back().back() == 77);
}

BOOST_AUTO_TEST_SUITE_END()
