#include "messages/ip_header.hpp"

namespace troupe {

namespace {

constexpr std::size_t ipv4_header_octets_min = 20;
constexpr std::size_t ipv6_header_octets = 40;

std::optional<ip_header> parse_ipv4(const_bytes packet) {
  if (packet.size() < ipv4_header_octets_min)
    return std::nullopt;
  const std::uint32_t header_octets = std::uint32_t{packet[0] & 0xfU} * 4;
  const std::uint32_t total_length = load_be16(&packet[2]);
  // Other implementations leave the header length to the host, whose IP input drops what is wrong.
  // Here it is the parser's, so that whoever looks behind the header finds it inside the packet.
  if (header_octets < ipv4_header_octets_min || header_octets > total_length ||
      total_length > packet.size())
    return std::nullopt;
  return ip_header{make_ipv4(&packet[12]), make_ipv4(&packet[16]), total_length,
                   static_cast<ecn>(packet[1] & 3)};
}

std::optional<ip_header> parse_ipv6(const_bytes packet) {
  if (packet.size() < ipv6_header_octets)
    return std::nullopt;
  const std::uint32_t total_length =
      static_cast<std::uint32_t>(ipv6_header_octets + load_be16(&packet[4]));
  if (total_length > packet.size())
    return std::nullopt;
  return ip_header{make_ipv6(&packet[8]), make_ipv6(&packet[24]), total_length,
                   static_cast<ecn>((packet[1] >> 4) & 3)};
}

} // namespace

std::optional<ip_header> parse_ip_header(const_bytes packet) {
  if (packet.empty())
    return std::nullopt;
  switch (packet[0] >> 4) {
  case 4:
    return parse_ipv4(packet);
  case 6:
    return parse_ipv6(packet);
  default:
    return std::nullopt;
  }
}

void set_ecn(bytes packet, ecn value) {
  if (packet[0] >> 4 == 6) {
    packet[1] = static_cast<std::uint8_t>((packet[1] & 0xcf) | static_cast<unsigned>(value) << 4);
    return;
  }
  const std::uint16_t before = load_be16(packet.data());
  packet[1] = static_cast<std::uint8_t>((packet[1] & 0xfc) | static_cast<unsigned>(value));
  const std::uint16_t after = load_be16(packet.data());
  // RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
  std::uint32_t sum = static_cast<std::uint16_t>(~load_be16(&packet[10]));
  sum += static_cast<std::uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  store_be16(&packet[10], static_cast<std::uint16_t>(~sum));
}

std::optional<ecn> decapsulated_ecn(ecn outer, ecn inner) {
  if (inner == ecn::not_ect)
    return outer == ecn::ce ? std::nullopt : std::optional(ecn::not_ect);
  if (outer == ecn::ce)
    return ecn::ce;
  if (outer == ecn::ect1 && inner == ecn::ect0)
    return ecn::ect1;
  return inner;
}

} // namespace troupe
