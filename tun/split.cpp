#include "tun/split.hpp"

#include "tun/checksum.hpp"
#include "tun/transport.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::tun {

namespace {

/// Where the transport header may begin: behind the IP header, or 0 for no IP packet. IPv6
/// extension headers lie between; where they end only the kernel's word says.
std::size_t ip_header_end(const_bytes packet) {
  if (packet.size() < ipv4::header_octets)
    return 0;
  if (packet[0] >> 4 == 4) {
    const std::size_t length = std::size_t{packet[0] & 0xfU} * 4;
    return length >= ipv4::header_octets && length <= packet.size() ? length : 0;
  }
  return packet[0] >> 4 == 6 && packet.size() >= ipv6::header_octets ? ipv6::header_octets : 0;
}

std::uint8_t protocol_of(bool is_tcp) {
  return is_tcp ? ip_protocol::tcp : ip_protocol::udp;
}

/// `sum` less the word at `from` (RFC 1624 section 3: ones' complement).
std::uint32_t without_word(std::uint32_t sum, const std::uint8_t* from) {
  return sum + 0xffff - load_be16(from);
}

/// The pseudo header's sum without its length. A checksum that is to be completed is one already,
/// and the better one: with a routing header the address that counts is not in the IP header.
std::uint32_t pseudo_sum(const vnet_header& about, const_bytes packet, const_bytes header,
                         bool is_tcp) {
  if ((about.flags & vnet::needs_checksum) == 0)
    return pseudo_header_sum(packet, protocol_of(is_tcp), 0);
  const std::size_t length = packet.size() - about.checksum_start;
  const std::uint16_t folded = static_cast<std::uint16_t>((length & 0xffff) + (length >> 16));
  return load_be16(&header[is_tcp ? tcp::checksum_at : udp::checksum_at]) + 0xffffU - folded;
}

/// TCP's flags of one segment: what ends the stream or asks for attention stands in the last, the
/// answer to congestion in the first.
std::uint8_t flags_of(std::uint8_t flags, bool first, bool last) {
  if (!last)
    flags &= static_cast<std::uint8_t>(~(tcp::fin | tcp::psh));
  if (!first)
    flags &= static_cast<std::uint8_t>(~tcp::cwr);
  return flags;
}

} // namespace

std::optional<splitter> splitter::of(const vnet_header& about, const_bytes packet) {
  const int kind = about.gso_type & ~vnet::ecn_bit;
  const bool v4 = !packet.empty() && packet[0] >> 4 == 4;
  const bool is_tcp = kind == (v4 ? vnet::tcp4_segments : vnet::tcp6_segments);
  if (!is_tcp && kind != vnet::udp_segments)
    return std::nullopt;
  const std::size_t ip_end = ip_header_end(packet);
  // Only a checksum to be completed says where it begins; else nothing lies between.
  const bool told = (about.flags & vnet::needs_checksum) != 0;
  if (!told && !v4 && ip_end != 0 && packet[ipv6::next_header_at] != protocol_of(is_tcp))
    return std::nullopt;
  const std::size_t transport = told ? about.checksum_start : ip_end;
  const std::size_t least = is_tcp ? tcp::header_octets : udp::header_octets;
  if (ip_end == 0 || (v4 ? transport != ip_end : transport < ip_end) ||
      transport + least > packet.size() || about.gso_size == 0)
    return std::nullopt;
  const std::size_t length =
      is_tcp ? (packet[transport + tcp::data_offset_at] >> 4U) * std::size_t{4} : least;
  if (length < least || transport + length >= packet.size())
    return std::nullopt;
  return splitter(about, packet, transport, transport + length, is_tcp);
}

splitter::splitter(const vnet_header& about, const_bytes packet, std::size_t transport,
                   std::size_t headers, bool tcp)
    : packet_(packet), transport_(transport), headers_(headers), size_(about.gso_size),
      segments_((packet.size() - headers + size_ - 1) / size_), tcp_(tcp) {
  const std::uint8_t* const ip = packet.data();
  if (ip[0] >> 4 == 4) {
    ip_sum_ = add_words(0, packet.first(transport_));
    for (const std::size_t at : {ipv4::total_length_at, ipv4::identification_at, ipv4::checksum_at})
      ip_sum_ = without_word(ip_sum_, ip + at);
  }
  const const_bytes header = packet.subspan(transport_, headers - transport_);
  transport_sum_ = add_words(pseudo_sum(about, packet, header, tcp), header);
  const auto exclude = [&](std::size_t at) {
    transport_sum_ = without_word(transport_sum_, &header[at]);
  };
  if (tcp) {
    for (const std::size_t at :
         {tcp::sequence_at, tcp::sequence_at + 2, tcp::data_offset_at, tcp::checksum_at})
      exclude(at);
  } else {
    exclude(udp::length_at);
    exclude(udp::checksum_at);
  }
}

const_bytes splitter::payload_of(std::size_t segment) const {
  const std::size_t at = headers_ + segment * size_;
  return packet_.subspan(at, std::min(size_, packet_.size() - at));
}

std::size_t splitter::length_of(std::size_t segment) const {
  return headers_ + payload_of(segment).size();
}

void splitter::write_ip(std::uint8_t* ip, std::size_t length, std::size_t segment) const {
  if (ip[0] >> 4 == 6)
    return store_be16(ip + ipv6::payload_length_at,
                      static_cast<std::uint16_t>(length - ipv6::header_octets));
  std::uint8_t* const id = ip + ipv4::identification_at;
  store_be16(id, static_cast<std::uint16_t>(load_be16(id) + segment));
  store_be16(ip + ipv4::total_length_at, static_cast<std::uint16_t>(length));
  store_be16(ip + ipv4::checksum_at,
             finish_checksum(ip_sum_ + load_be16(id) + static_cast<std::uint32_t>(length)));
}

std::uint32_t splitter::write_tcp(std::uint8_t* header, std::size_t segment,
                                  std::size_t length) const {
  std::uint8_t* const sequence = header + tcp::sequence_at;
  store_be32(sequence, load_be32(sequence) + static_cast<std::uint32_t>(segment * size_));
  header[tcp::flags_at] = flags_of(header[tcp::flags_at], segment == 0, segment + 1 == segments_);
  return transport_sum_ + static_cast<std::uint32_t>(length) + load_be16(sequence) +
         load_be16(sequence + 2) + load_be16(header + tcp::data_offset_at);
}

std::uint32_t splitter::write_udp(std::uint8_t* header, std::size_t length) const {
  store_be16(header + udp::length_at, static_cast<std::uint16_t>(length));
  return transport_sum_ + 2 * static_cast<std::uint32_t>(length); // in either header
}

void splitter::write(std::size_t segment, std::uint8_t* to) const {
  const const_bytes payload = payload_of(segment);
  std::memcpy(to, packet_.data(), headers_);
  std::memcpy(to + headers_, payload.data(), payload.size());
  const std::size_t length = headers_ + payload.size();
  write_ip(to, length, segment);
  std::uint8_t* const header = to + transport_;
  const std::size_t behind_ip = length - transport_;
  if (tcp_) {
    const std::uint32_t sum = add_words(write_tcp(header, segment, behind_ip), payload);
    store_be16(header + tcp::checksum_at, finish_checksum(sum));
  } else {
    const std::uint32_t sum = add_words(write_udp(header, behind_ip), payload);
    store_be16(header + udp::checksum_at, finish_udp_checksum(sum));
  }
}

bool complete_checksum(const vnet_header& about, bytes packet) {
  const std::size_t start = about.checksum_start;
  const std::size_t field = start + about.checksum_offset;
  if (field + 2 > packet.size())
    return false;
  // The field holds the sum of the pseudo header already.
  const std::uint32_t sum = add_words(0, packet.subspan(start));
  const bool is_udp = about.checksum_offset == udp::checksum_at;
  store_be16(&packet[field], is_udp ? finish_udp_checksum(sum) : finish_checksum(sum));
  return true;
}

} // namespace troupe::tun
