#include "tun/icmp.hpp"

#include "messages/assert.hpp"
#include "messages/ip_header.hpp"
#include "tun/checksum.hpp"
#include "tun/transport.hpp"

#include <algorithm>
#include <optional>

namespace troupe::tun {

namespace {

constexpr std::size_t icmp_header_octets = 8;
constexpr std::uint8_t hop_limit = 64;

namespace protocol {
constexpr std::uint8_t hop_by_hop = 0;
constexpr std::uint8_t routing = 43;
constexpr std::uint8_t fragment = 44;
constexpr std::uint8_t authentication = 51;
constexpr std::uint8_t destination_options = 60;
} // namespace protocol

/// RFC 1122 section 3.2.2 lists the errors; all else is a question or an answer.
bool is_icmpv4_error(std::uint8_t type) {
  constexpr std::uint8_t unreachable = 3, source_quench = 4, redirect = 5, time_exceeded = 11,
                         parameter_problem = 12;
  return type == unreachable || type == source_quench || type == redirect ||
         type == time_exceeded || type == parameter_problem;
}

/// RFC 4443 section 2.1: errors are below 128; section 2.4 e counts a redirect to them.
bool is_icmpv6_error(std::uint8_t type) {
  constexpr std::uint8_t redirect = 137;
  return type < 128 || type == redirect;
}

bool may_answer_v4(const_bytes original) {
  const std::uint8_t* const source = &original[12];
  const std::uint8_t* const target = &original[16];
  // 224 and above: multicast, reserved, broadcast.
  if (source[0] == 0 || source[0] == 127 || source[0] >= 224 || target[0] >= 224)
    return false;
  constexpr std::uint16_t fragment_offset_mask = 0x1fff;
  if ((load_be16(&original[6]) & fragment_offset_mask) != 0)
    return false;
  const std::size_t header_octets = std::size_t{original[0] & 0xfU} * 4;
  if (header_octets < ipv4::header_octets || header_octets > original.size())
    return false;
  if (original[9] != ip_protocol::icmpv4)
    return true;
  return original.size() > header_octets && !is_icmpv4_error(original[header_octets]);
}

bool may_answer_v6_payload(const_bytes original) {
  std::uint8_t next = original[6];
  std::size_t at = ipv6::header_octets;
  // Each extension header has at least eight octets, so this ends with the packet.
  while (at + 8 <= original.size()) {
    switch (next) {
    case ip_protocol::icmpv6:
      return !is_icmpv6_error(original[at]);
    case protocol::fragment:
      if (load_be16(&original[at + 2]) >> 3 != 0)
        return false;
      next = original[at];
      at += 8;
      break;
    case protocol::hop_by_hop:
    case protocol::routing:
    case protocol::destination_options:
      next = original[at];
      at += 8 + std::size_t{original[at + 1]} * 8;
      break;
    case protocol::authentication:
      next = original[at];
      at += 8 + std::size_t{original[at + 1]} * 4;
      break;
    default:
      return true;
    }
  }
  // Too short to tell: it may be an error.
  return next != ip_protocol::icmpv6;
}

bool may_answer_v6(const_bytes original) {
  const const_bytes source = original.subspan(8, 16);
  const const_bytes target = original.subspan(24, 16);
  // The unspecified address and loopback.
  const bool starts_with_zeros =
      std::all_of(source.begin(), source.end() - 1, [](std::uint8_t octet) { return octet == 0; });
  if ((starts_with_zeros && source[15] <= 1) || source[0] == 0xff || target[0] == 0xff)
    return false;
  return may_answer_v6_payload(original);
}

std::size_t make_v4(bytes out, const_bytes original) {
  constexpr std::size_t quote_at = ipv4::header_octets + icmp_header_octets;
  const std::size_t quoted = std::min(original.size(), icmpv4_octets_max - quote_at);
  const std::size_t length = quote_at + quoted;
  std::fill_n(out.begin(), quote_at, std::uint8_t{0});
  out[0] = 0x45;
  out[1] = 0xc0; // precedence "internetwork control", RFC 1812 section 4.3.2.5
  store_be16(&out[2], static_cast<std::uint16_t>(length));
  out[6] = 0x40; // never fragmented, so the identification may be zero (RFC 6864)
  out[8] = hop_limit;
  out[9] = ip_protocol::icmpv4;
  std::copy_n(&original[16], 4, &out[12]);
  std::copy_n(&original[12], 4, &out[16]);
  store_be16(&out[10], finish_checksum(add_words(0, out.first(ipv4::header_octets))));

  const bytes message = out.subspan(ipv4::header_octets, icmp_header_octets + quoted);
  message[0] = 3; // destination unreachable
  message[1] = 1; // host
  std::copy_n(original.begin(), quoted, &out[quote_at]);
  store_be16(&message[2], finish_checksum(add_words(0, message)));
  return length;
}

std::size_t make_v6(bytes out, const_bytes original) {
  constexpr std::size_t quote_at = ipv6::header_octets + icmp_header_octets;
  const std::size_t quoted = std::min(original.size(), icmpv6_octets_max - quote_at);
  const std::size_t length = quote_at + quoted;
  std::fill_n(out.begin(), quote_at, std::uint8_t{0});
  out[0] = 0x60;
  const std::uint16_t payload_octets = static_cast<std::uint16_t>(icmp_header_octets + quoted);
  store_be16(&out[4], payload_octets);
  out[6] = ip_protocol::icmpv6;
  out[7] = hop_limit;
  std::copy_n(&original[24], 16, &out[8]);
  std::copy_n(&original[8], 16, &out[24]);

  const bytes message = out.subspan(ipv6::header_octets, payload_octets);
  message[0] = 1; // destination unreachable
  message[1] = 3; // address
  std::copy_n(original.begin(), quoted, &out[quote_at]);
  // The pseudo-header (RFC 8200 section 8.1): both addresses, the length, the protocol.
  const std::uint32_t pseudo_header = pseudo_header_sum(out, ip_protocol::icmpv6, payload_octets);
  store_be16(&message[2], finish_checksum(add_words(pseudo_header, message)));
  return length;
}

} // namespace

std::size_t make_unreachable(bytes out, const_bytes original) {
  TROUPE_ASSERT(out.size() >= unreachable_octets_max);
  const std::optional<ip_header> header = parse_ip_header(original);
  if (!header)
    return 0;
  const const_bytes whole = original.first(header->total_length);
  if (header->source.family == ip_family::v4)
    return may_answer_v4(whole) ? make_v4(out, whole) : 0;
  return may_answer_v6(whole) ? make_v6(out, whole) : 0;
}

} // namespace troupe::tun
