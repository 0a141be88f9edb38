// What stands before each packet of a TUN device with offloads: struct virtio_net_hdr (virtio 1.2,
// section 5.1.6), in the machine's byte order as the TUN driver has it. Its kernel header is older
// than UDP segmentation in Debian 12.
#pragma once

#include <cstdint>

namespace troupe::tun {

struct vnet_header {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_length = 0;
  /// Payload octets of each segment but the last.
  std::uint16_t gso_size = 0;
  /// Where summing begins, and how far behind that the checksum field lies.
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(vnet_header) == 10);

namespace vnet {
/// The checksum field holds the sum of the pseudo header only.
inline constexpr std::uint8_t needs_checksum = 1;
inline constexpr std::uint8_t no_segments = 0;
inline constexpr std::uint8_t tcp4_segments = 1;
inline constexpr std::uint8_t tcp6_segments = 4;
inline constexpr std::uint8_t udp_segments = 5;
/// Beside a kind: the transport answers congestion, and CWR stands in the first segment only.
inline constexpr std::uint8_t ecn_bit = 0x80;
} // namespace vnet

} // namespace troupe::tun
