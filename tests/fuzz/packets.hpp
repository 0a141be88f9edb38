// IP packets for seeds.
#pragma once

#include "messages/address.hpp"

#include "tests/fuzz/target.hpp"

namespace troupe::fuzz {

/// With a header checksum of zero, which no parser here looks at.
inline octets ipv4_packet(std::string_view source, std::string_view target, std::uint8_t protocol,
                          const octets& payload) {
  octets packet(20);
  packet[0] = 0x45;
  store_be16(&packet[2], static_cast<std::uint16_t>(20 + payload.size()));
  packet[8] = 64;
  packet[9] = protocol;
  std::copy_n(parse_ip_address(source).value().octets.begin(), 4, packet.begin() + 12);
  std::copy_n(parse_ip_address(target).value().octets.begin(), 4, packet.begin() + 16);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

inline octets ipv6_packet(std::string_view source, std::string_view target,
                          std::uint8_t next_header, const octets& payload) {
  octets packet(40);
  packet[0] = 0x60;
  store_be16(&packet[4], static_cast<std::uint16_t>(payload.size()));
  packet[6] = next_header;
  packet[7] = 64;
  std::copy_n(parse_ip_address(source).value().octets.begin(), 16, packet.begin() + 8);
  std::copy_n(parse_ip_address(target).value().octets.begin(), 16, packet.begin() + 24);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

} // namespace troupe::fuzz
