// The way in of whole batches: datagrams that came joined, and what one datagram of a batch changes
// for those behind it, all of which were opened together with it.
#include "tests/crypto/bare_peer.hpp"
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

using reasons = std::vector<drop_reason>;

/// bob, and somebody who may send him anything.
struct bare_pair : peer_pair {
  bare_pair() { bare.connect(); }

  test_datagram sealed(std::uint8_t marker, std::size_t length = 116) {
    return bare.sealed(ipv4_packet(address_of("10.7.0.1"), address_of("10.0.0.1"), length, marker));
  }

  [[nodiscard]] reasons dropped_last() const {
    reasons found;
    for (const dropped& each : bob.last_receive_drops)
      found.push_back(each.reason);
    return found;
  }
  [[nodiscard]] std::uint64_t bytes_received() const {
    for (const peer_status& each : bob.status().peers)
      if (each.key == bare.self.own_key)
        return each.rx_bytes;
    return 0;
  }

  bare_peer bare{*this, bob, {prefix_of("10.7.0.0/16")}};
};

using markers = std::vector<std::uint8_t>;

/// As long as an initiation, so that they fit into one train.
constexpr std::size_t inner_octets = sizeof(wire::handshake_initiation) - wire::data_overhead;

} // namespace

BOOST_AUTO_TEST_SUITE(receive_trains)

BOOST_AUTO_TEST_CASE(every_datagram_of_a_train_is_taken_in_order) {
  bare_pair net;
  std::vector<test_datagram> train;
  for (std::uint8_t i = 1; i <= 40; ++i)
    train.push_back(net.sealed(i, 1000));
  train.push_back(net.sealed(41, 60));
  const std::uint64_t before = net.bytes_received();
  net.bob.receive_trains({train});
  BOOST_TEST(net.bob.last_receive_drops.empty());
  markers expected;
  for (std::uint8_t i = 1; i <= 41; ++i)
    expected.push_back(i);
  BOOST_TEST((net.bob.markers() == expected));
  BOOST_TEST(net.bytes_received() - before == 40 * 1032 + 92U);
}

BOOST_AUTO_TEST_CASE(each_datagram_of_a_train_has_its_own_fate) {
  bare_pair net;
  const test_datagram first = net.sealed(1, inner_octets);
  test_datagram tampered = net.sealed(2, inner_octets);
  tampered.message.back() ^= 1;
  test_datagram foreign = net.sealed(3, inner_octets);
  foreign.message[4] ^= 1;
  test_datagram garbage = net.sealed(4, inner_octets);
  garbage.message[0] = 9;
  const test_datagram last = net.sealed(5, inner_octets);
  net.jump(1s);
  const test_datagram initiation = net.bare.initiation();
  BOOST_REQUIRE(initiation.message.size() == first.message.size());
  const test_datagram keepalive = net.bare.sealed({});
  net.bob.hold_jobs = true;
  net.bob.receive_trains(
      {{first}, {tampered, first, initiation, foreign, garbage, last, keepalive}, {last}});
  BOOST_TEST((net.bob.markers() == markers{1, 5}));
  BOOST_TEST(
      (net.dropped_last() == reasons{drop_reason::decrypt_failed, drop_reason::replayed,
                                     drop_reason::unknown_index, drop_reason::malformed_message,
                                     drop_reason::replayed}));
  const std::uint32_t arrivals[] = {1, 1, 1, 1, 2};
  for (std::size_t i = 0; i < 5; ++i)
    BOOST_TEST(net.bob.last_receive_drops[i].arrival_index == arrivals[i]);
  BOOST_TEST(net.bob.jobs.size() == 1U);
  BOOST_TEST(net.bob.drops(drop_reason::replayed) == 2U);
}

BOOST_AUTO_TEST_CASE(copies_of_a_datagram_in_one_batch_are_taken_once) {
  bare_pair net;
  const test_datagram one = net.sealed(1);
  const test_datagram two = net.sealed(2);
  net.bob.receive_trains({{one, one, two}, {one}, {two}});
  BOOST_TEST((net.bob.markers() == markers{1, 2}));
  BOOST_TEST((net.dropped_last() == reasons(3, drop_reason::replayed)));
}

BOOST_AUTO_TEST_CASE(late_datagram_of_a_batch_falls_out_of_the_window_it_moves) {
  bare_pair net;
  const test_datagram late = net.sealed(1);
  net.bare.own->skip_to_counter(limits::replay_window_bits + 100);
  net.bob.receive({net.sealed(2), late});
  BOOST_TEST((net.bob.markers() == markers{2}));
  BOOST_TEST((net.dropped_last() == reasons{drop_reason::replayed}));
}

BOOST_AUTO_TEST_CASE(session_forgotten_in_mid_batch_takes_nothing_more) {
  bare_pair net;
  const std::vector<test_datagram> on_first{net.sealed(1), net.sealed(2), net.sealed(3)};
  net.bob.receive({on_first[0]});
  net.jump(1s);
  net.bare.connect();
  const std::vector<test_datagram> on_second{net.sealed(11), net.sealed(12)};
  net.bob.receive({on_second[0]}); // the first session is the previous one now
  net.jump(1s);
  net.bare.connect();
  const std::vector<test_datagram> on_third{net.sealed(21), net.sealed(22)};
  net.bob.received.clear();
  net.bob.receive_trains({{on_first[1], on_third[0], on_first[2]}, {on_second[1]}, {on_third[1]}});
  BOOST_TEST((net.bob.markers() == markers{2, 21, 12, 22}));
  BOOST_TEST((net.dropped_last() == reasons{drop_reason::unknown_index}));
  net.bob.receive({on_first[2]});
  BOOST_TEST((net.dropped_last() == reasons{drop_reason::unknown_index}));
}

BOOST_AUTO_TEST_CASE(train_received_while_down_is_counted_by_datagrams) {
  bare_pair net;
  net.bob.link(false);
  const std::vector<test_datagram> train{net.sealed(1), net.sealed(2), net.sealed(3)};
  net.bob.receive_trains({train});
  BOOST_TEST((net.dropped_last() == reasons(3, drop_reason::received_while_down)));
  BOOST_TEST(net.bob.received.empty());
}

BOOST_AUTO_TEST_CASE(empty_datagram_is_dropped_once) {
  bare_pair net;
  net.bob.receive({net.bare.from_here(octets{})});
  BOOST_TEST((net.dropped_last() == reasons{drop_reason::malformed_message}));
}

BOOST_AUTO_TEST_SUITE_END()
