#include "actors/flow_queues.hpp"

#include "messages/flow.hpp"

#include "tests/actors/packets.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <utility>

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr std::size_t queues = 4;

/// From one of many flows of 10.0.0.1's, and what is answered.
packet asked(std::uint8_t flow) {
  packet made = ipv4_packet("10.0.0.1", "10.0.0.2");
  made[20] = flow;
  return made;
}

packet answered(std::uint8_t flow) {
  packet made = ipv4_packet("10.0.0.2", "10.0.0.1");
  std::swap(made[20], made[22]);
  std::swap(made[21], made[23]);
  made[22] = flow;
  return made;
}

bare_slab slab_of(const std::vector<packet>& packets, bool delivered) {
  bare_slab made = slab::make("test", 64 * 1024, 256, nullptr);
  std::uint32_t used = 0;
  for (const packet& each : packets) {
    const std::uint32_t length = static_cast<std::uint32_t>(each.size());
    std::copy(each.begin(), each.end(), made->range(used, length).begin());
    if (delivered) {
      made->deliveries.push_back({used, length, peer_id::none, 0});
    } else {
      arrival& read = made->arrivals.emplace_back();
      read.offset = used;
      read.length = length;
    }
    used += length;
  }
  return made;
}

struct steered {
  explicit steered(std::size_t count) : by(count) {}

  void read(const packet& from, std::uint8_t queue) {
    by.read_from(*slab_of({from}, false), queue);
  }
  std::uint8_t queue_of(const packet& to) const {
    const bare_slab batch = slab_of({to}, true);
    by.steer(*batch);
    return batch->deliveries[0].queue;
  }

  actors::flow_queues by;
};

} // namespace

BOOST_AUTO_TEST_SUITE(flow_queues)

BOOST_AUTO_TEST_CASE(answer_is_written_to_the_queue_that_its_flow_is_read_from) {
  steered all(queues);
  for (std::uint8_t queue = 0; queue < queues; ++queue) {
    all.read(asked(7), queue); // it may move
    BOOST_TEST(all.queue_of(answered(7)) == queue);
    BOOST_TEST(all.queue_of(asked(7)) == queue);
  }
}

BOOST_AUTO_TEST_CASE(flow_that_was_never_read_goes_by_its_hash) {
  const steered all(queues);
  std::vector<int> counts(queues);
  for (unsigned flow = 0; flow < 256; ++flow) {
    const packet one = answered(static_cast<std::uint8_t>(flow));
    BOOST_TEST(all.queue_of(one) == flow_hash(one) % queues);
    ++counts[all.queue_of(one)];
  }
  for (const int count : counts)
    BOOST_TEST(count > 30);
}

BOOST_AUTO_TEST_CASE(flows_are_shared_out_anew_and_those_of_queues_that_stay_stay) {
  actors::flow_queues all(4);
  const auto queue_of = [&](unsigned flow) {
    const bare_slab batch = slab_of({answered(static_cast<std::uint8_t>(flow))}, true);
    all.steer(*batch);
    return unsigned{batch->deliveries[0].queue};
  };
  for (std::uint8_t flow = 0; flow < 4; ++flow)
    all.read_from(*slab_of({asked(flow)}, false), flow);
  all.share_out(2);
  BOOST_TEST(queue_of(0) == 0U);
  BOOST_TEST(queue_of(1) == 1U);
  for (unsigned flow = 0; flow < 64; ++flow)
    BOOST_TEST(queue_of(flow) < 2U);
  all.read_from(*slab_of({asked(9)}, false), 3); // a batch of a queue that is gone
  BOOST_TEST(queue_of(9) < 2U);
  all.share_out(1);
  BOOST_TEST(queue_of(1) == 0U);
}

BOOST_AUTO_TEST_CASE(each_packet_of_a_batch_has_its_own_queue) {
  actors::flow_queues all(queues);
  all.read_from(*slab_of({asked(1), asked(2)}, false), 3);
  all.read_from(*slab_of({asked(3)}, false), 2);
  const bare_slab batch = slab_of({answered(3), answered(1), answered(3), answered(2)}, true);
  all.steer(*batch);
  const std::uint8_t expected[] = {2, 3, 2, 3};
  for (std::size_t i = 0; i < 4; ++i)
    BOOST_TEST(batch->deliveries[i].queue == expected[i]);
}

/// Two flows that share an entry: they differ in all else that the hash has.
std::pair<packet, packet> colliding() {
  packet first = ipv4_packet("10.0.0.1", "10.0.0.2");
  for (unsigned port = 0; port < 65536; ++port) {
    packet second = first;
    store_be16(&second[20], static_cast<std::uint16_t>(port));
    const std::uint32_t hashes[] = {flow_hash(first), flow_hash(second)};
    if (hashes[0] != hashes[1] && hashes[0] % 4096 == hashes[1] % 4096)
      return {first, second};
  }
  throw std::logic_error("no two flows collide");
}

BOOST_AUTO_TEST_CASE(flow_keeps_its_queue_whatever_is_read_of_one_that_shares_its_entry) {
  const auto [first, second] = colliding();
  steered all(queues);
  all.read(first, 3);
  for (std::uint8_t queue = 0; queue < queues; ++queue) {
    all.read(second, queue);
    BOOST_TEST(all.queue_of(first) == 3);
    BOOST_TEST(all.queue_of(second) == flow_hash(second) % queues);
  }
}

BOOST_AUTO_TEST_CASE(entry_of_a_flow_that_is_long_gone_is_taken_over) {
  const auto [first, second] = colliding();
  steered all(queues);
  const std::uint8_t other = static_cast<std::uint8_t>((flow_hash(second) + 1) % queues);
  all.read(first, 3);
  const bare_slab empty = slab_of({}, false);
  for (int batch = 0; batch < 65537; ++batch)
    all.by.read_from(*empty, 0);
  all.read(second, other);
  BOOST_TEST(all.queue_of(second) == other);
}

BOOST_AUTO_TEST_CASE(one_queue_has_everything) {
  steered one(1);
  one.read(asked(7), 0);
  for (unsigned flow = 0; flow < 256; ++flow)
    BOOST_TEST(one.queue_of(answered(static_cast<std::uint8_t>(flow))) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
