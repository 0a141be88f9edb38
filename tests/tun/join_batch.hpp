// Batches for tests of the coalescer, and streams of packets to fill them with.
#pragma once

#include "tests/tun/join_oracle.hpp"
#include "tests/tun/sandbox.hpp"

#include <boost/test/unit_test.hpp>

namespace troupe::test {

inline constexpr tun::joins all_kinds{.segments = true, .datagrams = true};

using grouping = std::vector<std::vector<std::uint32_t>>;

struct join_batch {
  void add(const octets& packet, std::uint8_t queue = 0) {
    std::copy(packet.begin(), packet.end(), slab->memory().begin() + used);
    slab->deliveries.push_back(
        {used, static_cast<std::uint32_t>(packet.size()), peer_id::none, queue});
    used += static_cast<std::uint32_t>(packet.size());
  }

  /// The deliveries of each group. Whatever they are, the oracle has nothing to say against them.
  grouping groups(const tun::joins& wanted = all_kinds, std::uint8_t queue = 0) {
    last = joins.group(*slab, wanted, queue);
    BOOST_TEST(problem_of(*slab, joins, last, wanted, queue) == "");
    grouping found;
    for (const tun::joined& group : last) {
      std::vector<std::uint32_t>& members = found.emplace_back();
      std::uint32_t member = group.first;
      for (std::uint32_t i = 0; i < group.packets; ++i, member = joins.next_of(member))
        members.push_back(member);
    }
    return found;
  }

  void clear() {
    slab->deliveries.clear();
    used = 0;
  }

  bare_slab slab = make_slab(1024 * 1024);
  std::uint32_t used = 0;
  tun::coalescer joins;
  std::span<const tun::joined> last;
};

/// 12 octets of TCP options, as Linux has them: two no-operations and timestamps.
inline const octets timestamps{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};

/// A stream: each packet goes on where the one before ended.
struct packet_stream {
  packet_fields fields;

  explicit packet_stream(bool tcp = true, bool v6 = false) {
    fields.tcp = tcp;
    fields.v6 = v6;
  }

  octets next(std::size_t payload, std::uint8_t flags = 0x10) {
    fields.payload = some_octets(payload, static_cast<std::uint8_t>(fields.sequence));
    fields.flags = flags;
    const octets made = make_packet(fields);
    fields.sequence += static_cast<std::uint32_t>(payload);
    ++fields.identification;
    return made;
  }
};

} // namespace troupe::test
