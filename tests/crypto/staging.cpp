#include "crypto/staging.hpp"

#include "tests/crypto/octets.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace troupe;
using namespace troupe::crypto;

namespace {

/// Queues by peer over one pool, and what was evicted of whom.
struct waiting_room {
  explicit waiting_room(std::size_t octets_max = limits::staged_octets_max) : pool(octets_max) {}

  void push(std::uint64_t peer, std::uint8_t marker, std::size_t length = 100) {
    pool.push(queues[peer], peer_id{peer}, octets(length, marker),
              [this](peer_id of) { ++evicted[static_cast<std::uint64_t>(of)]; });
  }
  std::vector<int> take_all(std::uint64_t peer) {
    std::vector<int> markers;
    while (!queues[peer].empty()) {
      markers.push_back(pool.front(queues[peer])[0]);
      pool.pop(queues[peer]);
    }
    return markers;
  }

  staging pool;
  std::map<std::uint64_t, staged_queue> queues;
  std::map<std::uint64_t, int> evicted;
};

} // namespace

BOOST_AUTO_TEST_SUITE(staging)

BOOST_AUTO_TEST_CASE(packets_of_a_peer_come_out_in_order_whatever_others_do) {
  waiting_room room;
  for (std::uint8_t i = 0; i < 10; ++i)
    room.push(1 + i % 2, i);
  BOOST_TEST((room.take_all(2) == std::vector<int>{1, 3, 5, 7, 9}));
  BOOST_TEST((room.take_all(1) == std::vector<int>{0, 2, 4, 6, 8}));
  BOOST_TEST(room.pool.octets() == 0U);
}

BOOST_AUTO_TEST_CASE(a_copy_is_kept_as_long_as_the_packet_is) {
  waiting_room room;
  room.push(1, 7, 33);
  const const_bytes kept = room.pool.front(room.queues[1]);
  BOOST_TEST((octets(kept.begin(), kept.end()) == octets(33, 7)));
}

BOOST_AUTO_TEST_CASE(the_129th_packet_of_a_peer_evicts_its_first) {
  waiting_room room;
  room.push(2, 200);
  for (std::uint8_t i = 0; i < 128; ++i)
    room.push(1, i);
  BOOST_TEST(room.evicted.empty());
  room.push(1, 128);
  BOOST_TEST(room.evicted[1] == 1);
  BOOST_TEST(room.queues[1].size() == 128U);
  BOOST_TEST(room.take_all(1).front() == 1);
  BOOST_TEST((room.take_all(2) == std::vector<int>{200}));
}

BOOST_AUTO_TEST_CASE(large_packets_of_a_peer_evict_its_own_and_not_those_of_others) {
  constexpr std::size_t mtu = 34736; // 128 of them and their keeping would take 4.3 MiB
  waiting_room room;
  room.push(2, 200, mtu);
  for (std::uint8_t i = 0; i < 128; ++i)
    room.push(1, i, mtu);
  const std::size_t fit = limits::staged_octets_per_peer_max / crypto::staging::cost(mtu);
  BOOST_TEST(room.queues[1].size() == fit);
  BOOST_TEST(room.evicted[1] == static_cast<int>(128 - fit));
  BOOST_TEST(room.evicted[2] == 0);
  BOOST_TEST(room.take_all(1).back() == 127);
  BOOST_TEST((room.take_all(2) == std::vector<int>{200}));
  for (std::uint8_t i = 0; i < 128; ++i) // room is given back
    room.push(1, i, 100);
  BOOST_TEST(room.queues[1].size() == 128U);
}

BOOST_AUTO_TEST_CASE(one_packet_of_the_largest_mtu_always_fits) {
  waiting_room room;
  for (std::uint8_t i = 0; i < 20; ++i)
    room.push(1, i, limits::mtu_max);
  BOOST_TEST(room.take_all(1).back() == 19);
}

BOOST_AUTO_TEST_CASE(over_all_peers_the_oldest_goes_first) {
  waiting_room room(10 * crypto::staging::cost(100));
  for (std::uint8_t i = 0; i < 10; ++i)
    room.push(1 + i % 3, i);
  BOOST_TEST(room.evicted.empty());
  BOOST_TEST(room.pool.octets() == 10 * crypto::staging::cost(100));
  room.push(9, 10, 400); // three of 100 must go: 0 of peer 1, 1 of peer 2, 2 of peer 3
  BOOST_TEST(room.evicted[1] == 1);
  BOOST_TEST(room.evicted[2] == 1);
  BOOST_TEST(room.evicted[3] == 1);
  BOOST_TEST(room.pool.octets() == 7 * crypto::staging::cost(100) + crypto::staging::cost(400));
  BOOST_TEST((room.take_all(1) == std::vector<int>{3, 6, 9}));
  BOOST_TEST((room.take_all(9) == std::vector<int>{10}));
}

BOOST_AUTO_TEST_CASE(a_packet_may_evict_its_own_peer_s) {
  waiting_room room(crypto::staging::cost(1000));
  room.push(1, 1, 600);
  room.push(1, 2, 1000);
  BOOST_TEST(room.evicted[1] == 1);
  BOOST_TEST((room.take_all(1) == std::vector<int>{2}));
}

BOOST_AUTO_TEST_CASE(clearing_counts_and_leaves_others) {
  waiting_room room;
  for (std::uint8_t i = 0; i < 5; ++i)
    room.push(1, i);
  room.push(2, 9);
  BOOST_TEST(room.pool.clear(room.queues[1]) == 5U);
  BOOST_TEST(room.pool.clear(room.queues[1]) == 0U);
  BOOST_TEST(room.pool.octets() == crypto::staging::cost(100));
  room.push(1, 6);
  BOOST_TEST((room.take_all(1) == std::vector<int>{6}));
  BOOST_TEST((room.take_all(2) == std::vector<int>{9}));
}

BOOST_AUTO_TEST_SUITE_END()
