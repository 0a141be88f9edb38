// TCP and UDP packets for tests of the offloads, written field by field, and checksums summed word
// by word: not the way of tun/checksum.
#pragma once

#include "messages/bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace troupe::test {

using octets = std::vector<std::uint8_t>;

/// The sum with an end-around carry for every word; an odd last octet is followed by a zero.
inline std::uint16_t naive_sum(const_bytes data, std::uint16_t sum = 0) {
  for (std::size_t at = 0; at < data.size(); at += 2) {
    const unsigned low = at + 1 < data.size() ? data[at + 1] : 0U;
    const std::uint16_t word = static_cast<std::uint16_t>(unsigned{data[at]} << 8 | low);
    sum = static_cast<std::uint16_t>(sum + word);
    if (sum < word)
      ++sum;
  }
  return sum;
}

inline bool is_ipv4(const_bytes packet) {
  return packet[0] >> 4 == 4;
}

/// Where the header behind the IP header begins.
inline std::size_t ip_end(const_bytes packet) {
  return is_ipv4(packet) ? (packet[0] & 0xfU) * std::size_t{4} : 40;
}

/// The sum of the pseudo header and all that is behind `transport`: 0xffff if its checksum is
/// right.
inline std::uint16_t transport_sum(const_bytes packet, std::uint8_t protocol,
                                   std::size_t transport) {
  const std::uint16_t length = static_cast<std::uint16_t>(packet.size() - transport);
  octets summed;
  const const_bytes addresses = is_ipv4(packet) ? packet.subspan(12, 8) : packet.subspan(8, 32);
  summed.insert(summed.end(), addresses.begin(), addresses.end());
  summed.insert(summed.end(), {0, protocol, static_cast<std::uint8_t>(length >> 8),
                               static_cast<std::uint8_t>(length)});
  summed.insert(summed.end(), packet.begin() + static_cast<std::ptrdiff_t>(transport),
                packet.end());
  return naive_sum(summed);
}

inline std::size_t checksum_at(std::uint8_t protocol) {
  return protocol == 6 ? 16 : 6;
}

/// Whether both checksums of a packet are there and right.
inline bool has_right_checksums(const_bytes packet, std::uint8_t protocol, std::size_t transport) {
  if (is_ipv4(packet) && naive_sum(packet.first(ip_end(packet))) != 0xffff)
    return false;
  const bool absent = protocol == 17 && load_be16(&packet[transport + 6]) == 0;
  return !absent && transport_sum(packet, protocol, transport) == 0xffff;
}

inline void mend_ip_checksum(bytes packet) {
  if (!is_ipv4(packet))
    return;
  store_be16(&packet[10], 0);
  store_be16(&packet[10], static_cast<std::uint16_t>(~naive_sum(packet.first(ip_end(packet)))));
}

inline void mend_transport_checksum(bytes packet, std::uint8_t protocol, std::size_t transport) {
  const std::size_t field = transport + checksum_at(protocol);
  store_be16(&packet[field], 0);
  const std::uint16_t sum = static_cast<std::uint16_t>(~transport_sum(packet, protocol, transport));
  store_be16(&packet[field], protocol == 17 && sum == 0 ? 0xffff : sum);
}

/// What a packet is made from.
struct packet_fields {
  bool v6 = false;
  bool tcp = true;
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 64;
  std::uint16_t identification = 7;
  std::uint16_t fragment = 0x4000; // DF
  std::uint32_t flow_label = 0;
  /// IPv4's, or IPv6 extension headers, the first of which is of this kind.
  octets ip_options = {};
  std::uint8_t first_extension = 0;
  /// The last octets of the addresses.
  std::uint8_t source = 1;
  std::uint8_t target = 2;
  std::uint16_t source_port = 1000;
  std::uint16_t target_port = 2000;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 77;
  std::uint8_t flags = 0x10;
  std::uint16_t window = 500;
  std::uint16_t urgent = 0;
  octets tcp_options = {};
  octets payload = {};

  [[nodiscard]] std::uint8_t protocol() const { return tcp ? 6 : 17; }
  [[nodiscard]] std::size_t transport() const { return (v6 ? 40U : 20U) + ip_options.size(); }
  [[nodiscard]] std::size_t headers() const {
    return transport() + (tcp ? 20 + tcp_options.size() : 8);
  }
};

inline octets transport_header(const packet_fields& of) {
  octets header(of.tcp ? 20 : 8);
  store_be16(&header[0], of.source_port);
  store_be16(&header[2], of.target_port);
  if (of.tcp) {
    store_be32(&header[4], of.sequence);
    store_be32(&header[8], of.acknowledgement);
    header[12] = static_cast<std::uint8_t>((5 + of.tcp_options.size() / 4) << 4);
    header[13] = of.flags;
    store_be16(&header[14], of.window);
    store_be16(&header[18], of.urgent);
    header.insert(header.end(), of.tcp_options.begin(), of.tcp_options.end());
  } else {
    store_be16(&header[4], static_cast<std::uint16_t>(8 + of.payload.size()));
  }
  return header;
}

inline octets ip_header(const packet_fields& of, std::size_t behind) {
  octets header(of.v6 ? 40 : 20);
  if (of.v6) {
    store_be32(&header[0],
               0x60000000U | static_cast<std::uint32_t>(of.traffic_class) << 20 | of.flow_label);
    store_be16(&header[4], static_cast<std::uint16_t>(behind + of.ip_options.size()));
    header[6] = of.ip_options.empty() ? of.protocol() : of.first_extension;
    header[7] = of.hop_limit;
    header[8] = header[24] = 0xfd;
    header[23] = of.source;
    header[39] = of.target;
  } else {
    header[0] = static_cast<std::uint8_t>(0x45 + of.ip_options.size() / 4);
    header[1] = of.traffic_class;
    store_be16(&header[2], static_cast<std::uint16_t>(20 + of.ip_options.size() + behind));
    store_be16(&header[4], of.identification);
    store_be16(&header[6], of.fragment);
    header[8] = of.hop_limit;
    header[9] = of.protocol();
    store_be32(&header[12], 0x0a000000U + of.source);
    store_be32(&header[16], 0x0a000000U + of.target);
  }
  header.insert(header.end(), of.ip_options.begin(), of.ip_options.end());
  return header;
}

/// With right checksums.
inline octets make_packet(const packet_fields& of) {
  const octets transport = transport_header(of);
  octets packet = ip_header(of, transport.size() + of.payload.size());
  packet.insert(packet.end(), transport.begin(), transport.end());
  packet.insert(packet.end(), of.payload.begin(), of.payload.end());
  mend_ip_checksum(packet);
  mend_transport_checksum(packet, of.protocol(), of.transport());
  return packet;
}

/// Octets that differ from their neighbours, beginning with `first`.
inline octets some_octets(std::size_t count, std::uint8_t first = 0) {
  octets made(count);
  for (std::size_t i = 0; i < count; ++i)
    made[i] = static_cast<std::uint8_t>(first + i * 31 + (i >> 8));
  return made;
}

} // namespace troupe::test
