// Joins received packets of one flow into super-packets, so that the host's stack walks its way
// once for many (what GRO does for a network card). The inverse of tun/split. Pure: it reads a
// slab and says how to write it.
//
// Two packets are joined only if splitting the result gives both back, octet for octet, but for
// the IPv4 identification; and only if the checksums of both are right, since the kernel computes
// them anew for the result. (UDP over IPv4 without a checksum is joined with its like, and has one
// afterwards.)
//
// Order: a packet is joined to the last one before it that its flow has in the batch, or to none.
// Results leave in the order of their first packets, so no flow is ever reordered.
#pragma once

#include "messages/bytes.hpp"
#include "messages/slab.hpp"
#include "tun/queue.hpp"
#include "tun/vnet_header.hpp"

#include <span>
#include <vector>

namespace troupe::tun {

/// IPv6 and TCP with all its options.
inline constexpr std::size_t joined_headers_max = 40 + 60;

/// What is written to the device at once: one packet as it is, or several joined.
struct joined {
  vnet_header about{};
  /// The deliveries in it, linked by coalescer::next_of.
  std::uint32_t first = 0;
  std::uint32_t packets = 1;
  /// Headers and payloads.
  std::uint32_t octets = 0;
  /// Of several: the headers before their payloads; each packet has as many octets of headers of
  /// its own. 0 for one packet.
  std::uint32_t header_octets = 0;
  byte_array<joined_headers_max> headers{};
};

class coalescer {
public:
  coalescer();

  /// Groups the deliveries for `queue`, all of them; of those, the `wanted` kinds are joined. Valid
  /// until the next call; allocates nothing once it has seen its largest batch.
  std::span<const joined> group(const slab& from, const joins& wanted, std::uint8_t queue = 0);
  /// The delivery after `delivery` in its group.
  [[nodiscard]] std::uint32_t next_of(std::uint32_t delivery) const { return next_[delivery]; }

private:
  /// What is known of a packet's transport.
  struct candidate;
  /// What a group that can still grow must be told of.
  struct growth {
    std::uint32_t last = 0; // its last delivery
    std::uint32_t transport = 0;
    std::uint32_t header_octets = 0;
    std::uint32_t segment_octets = 0;
    bool tcp = false;
    bool verified = false; // the first packet's checksums are right
    bool ended = false;
  };
  enum class fate { joined, apart };

  static candidate look_at(const_bytes packet);
  fate try_join(const slab& from, std::uint32_t group, std::uint32_t delivery,
                const candidate& what);
  static bool continues(const_bytes first, const_bytes next, const growth& group,
                        std::size_t joined_payload);
  void begin_group(std::uint32_t delivery, std::uint32_t octets, const candidate& what);
  void write_headers(const slab& from, std::size_t group);

  std::vector<joined> groups_;
  std::vector<growth> growths_; // beside groups_
  std::vector<std::uint32_t> next_;
  /// The last group of the flows with this hash, and the batch it was in.
  struct bucket {
    std::uint64_t batch = 0;
    std::uint32_t group = 0;
  };
  std::vector<bucket> buckets_;
  std::uint64_t batch_ = 0;
};

} // namespace troupe::tun
