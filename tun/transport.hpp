// The parts of IP, TCP and UDP headers that splitting, coalescing and ICMP work on: places, values
// (RFC 791, 8200, 9293, 768).
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::tun {

namespace ip_protocol {
inline constexpr std::uint8_t icmpv4 = 1;
inline constexpr std::uint8_t icmpv6 = 58;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
} // namespace ip_protocol

namespace ipv4 {
inline constexpr std::size_t header_octets = 20; // without options
inline constexpr std::size_t total_length_at = 2;
inline constexpr std::size_t identification_at = 4;
inline constexpr std::size_t fragment_at = 6;
inline constexpr std::size_t protocol_at = 9;
inline constexpr std::size_t checksum_at = 10;
inline constexpr std::uint16_t more_or_offset = 0x3fff; // MF and the fragment offset
} // namespace ipv4

namespace ipv6 {
inline constexpr std::size_t header_octets = 40;
inline constexpr std::size_t payload_length_at = 4;
inline constexpr std::size_t next_header_at = 6;
} // namespace ipv6

namespace tcp {
inline constexpr std::size_t header_octets = 20; // without options
inline constexpr std::size_t sequence_at = 4;
inline constexpr std::size_t data_offset_at = 12;
inline constexpr std::size_t flags_at = 13;
inline constexpr std::size_t checksum_at = 16;
inline constexpr std::uint8_t fin = 0x01;
inline constexpr std::uint8_t psh = 0x08;
inline constexpr std::uint8_t ack = 0x10;
inline constexpr std::uint8_t cwr = 0x80;
} // namespace tcp

namespace udp {
inline constexpr std::size_t header_octets = 8;
inline constexpr std::size_t length_at = 4;
inline constexpr std::size_t checksum_at = 6;
} // namespace udp

} // namespace troupe::tun
