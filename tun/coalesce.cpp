#include "tun/coalesce.hpp"

#include "messages/limits.hpp"

#include "tun/checksum.hpp"
#include "tun/transport.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::tun {

namespace {

constexpr std::size_t buckets = 512; // a power of two; flows that collide are joined less, no more
constexpr std::size_t packet_octets_max = 65535;

struct transport_place {
  std::size_t at = 0; // 0: not where it can be seen
  std::uint8_t protocol = 0;
};

/// Fragments, IPv4 options and IPv6 extension headers hide the transport header, or are no use to
/// join.
transport_place find_transport(const_bytes packet) {
  if (packet.size() >= ipv4::header_octets && packet[0] == 0x45) {
    const bool whole = load_be16(&packet[ipv4::total_length_at]) == packet.size() &&
                       (load_be16(&packet[ipv4::fragment_at]) & ipv4::more_or_offset) == 0;
    return {whole ? ipv4::header_octets : 0, packet[ipv4::protocol_at]};
  }
  if (packet.size() >= ipv6::header_octets && packet[0] >> 4 == 6 &&
      load_be16(&packet[ipv6::payload_length_at]) + ipv6::header_octets == packet.size())
    return {ipv6::header_octets, packet[ipv6::next_header_at]};
  return {};
}

bool same_octets(const_bytes left, const_bytes right, std::size_t from, std::size_t to) {
  return std::memcmp(left.data() + from, right.data() + from, to - from) == 0;
}

/// Addresses and ports, mixed (the multiplier is that of splitmix64).
std::size_t hash_of(const_bytes packet, std::size_t transport) {
  const std::size_t addresses = transport == ipv4::header_octets ? 12 : 8;
  std::uint64_t mixed = 0;
  for (std::size_t at = addresses; at < transport + 4; at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, &packet[at], sizeof word);
    mixed = (mixed ^ word) * 0xbf58476d1ce4e5b9U;
    mixed ^= mixed >> 29;
  }
  return static_cast<std::size_t>(mixed % buckets);
}

/// What must not differ in the IP headers of packets that are joined (RFC 6864 lets the
/// identification of what is not fragmented be anything).
bool same_ip(const_bytes left, const_bytes right) {
  if (left[0] >> 4 == 4)
    return same_octets(left, right, 0, ipv4::total_length_at) &&
           same_octets(left, right, ipv4::fragment_at, ipv4::checksum_at) &&
           same_octets(left, right, 12, ipv4::header_octets);
  return same_octets(left, right, 0, ipv6::payload_length_at) &&
         same_octets(left, right, ipv6::next_header_at, ipv6::header_octets);
}

/// All of it but sequence, checksum and PSH.
bool same_tcp(const_bytes left, const_bytes right) {
  const std::uint8_t differing = left[tcp::flags_at] ^ right[tcp::flags_at];
  return same_octets(left, right, 0, tcp::sequence_at) &&
         same_octets(left, right, 8, tcp::flags_at) && (differing & ~tcp::psh) == 0 &&
         same_octets(left, right, tcp::flags_at + 1, tcp::checksum_at) &&
         same_octets(left, right, tcp::checksum_at + 2, left.size());
}

bool has_no_checksum(const_bytes packet, std::size_t transport) {
  return packet[0] >> 4 == 4 && load_be16(&packet[transport + udp::checksum_at]) == 0;
}

/// Of the IPv4 header, which a result has anew, and of the transport.
bool checksums_fit(const_bytes packet, std::size_t transport, bool tcp) {
  if (packet[0] >> 4 == 4 && finish_checksum(add_words(0, packet.first(transport))) != 0)
    return false;
  if (!tcp && load_be16(&packet[transport + udp::checksum_at]) == 0)
    return packet[0] >> 4 == 4;
  const const_bytes behind_ip = packet.subspan(transport);
  const std::uint8_t protocol = tcp ? ip_protocol::tcp : ip_protocol::udp;
  return finish_checksum(
             add_words(pseudo_header_sum(packet, protocol, behind_ip.size()), behind_ip)) == 0;
}

} // namespace

struct coalescer::candidate {
  enum class kind {
    hidden, // may be of any flow
    other,  // no TCP and no UDP: of no flow that is joined
    single, // of a flow, but never joined
    usual,
  };
  kind what = kind::hidden;
  bool tcp = false;
  std::uint32_t transport = 0;
  std::uint32_t header_octets = 0;
  std::uint32_t payload_octets = 0;
  std::size_t hash = 0;
};

coalescer::candidate coalescer::look_at(const_bytes packet) {
  candidate found;
  const transport_place place = find_transport(packet);
  if (place.at == 0)
    return found;
  const bool v6 = packet[0] >> 4 == 6;
  found.tcp = place.protocol == ip_protocol::tcp;
  if (!found.tcp && place.protocol != ip_protocol::udp) {
    // What is no extension header of IPv6 (RFC 8200 section 4) is a protocol of its own.
    found.what = v6 && place.protocol != ip_protocol::icmpv6 ? candidate::kind::hidden
                                                             : candidate::kind::other;
    return found;
  }
  const const_bytes behind_ip = packet.subspan(place.at);
  if (behind_ip.size() < (found.tcp ? tcp::header_octets : udp::header_octets))
    return found;
  const std::size_t header =
      found.tcp ? (behind_ip[tcp::data_offset_at] >> 4U) * std::size_t{4} : udp::header_octets;
  found.transport = static_cast<std::uint32_t>(place.at);
  found.hash = hash_of(packet, place.at);
  found.what = candidate::kind::single;
  if (header < tcp::header_octets && found.tcp)
    return found;
  const bool plain = found.tcp ? (behind_ip[tcp::flags_at] & ~tcp::psh) == tcp::ack
                               : load_be16(&behind_ip[udp::length_at]) == behind_ip.size();
  if (!plain || behind_ip.size() <= header)
    return found;
  found.what = candidate::kind::usual;
  found.header_octets = static_cast<std::uint32_t>(place.at + header);
  found.payload_octets = static_cast<std::uint32_t>(packet.size() - found.header_octets);
  return found;
}

coalescer::coalescer() : buckets_(buckets) {}

std::span<const joined> coalescer::group(const slab& from, const joins& wanted,
                                         std::uint8_t queue) {
  groups_.clear();
  growths_.clear();
  next_.resize(std::max(next_.size(), from.deliveries.size()));
  ++batch_;
  for (std::uint32_t i = 0; i < from.deliveries.size(); ++i) {
    const delivery& each = from.deliveries[i];
    if (each.queue != queue)
      continue;
    const candidate what = look_at(from.range(each.offset, each.length));
    if (what.what == candidate::kind::hidden)
      ++batch_; // nothing behind it is joined to anything before it
    bucket& flow = buckets_[what.hash];
    const bool of_a_flow =
        what.what == candidate::kind::single || what.what == candidate::kind::usual;
    if (what.what == candidate::kind::usual && flow.batch == batch_ &&
        (what.tcp ? wanted.segments : wanted.datagrams) &&
        try_join(from, flow.group, i, what) == fate::joined)
      continue;
    if (of_a_flow)
      flow = {batch_, static_cast<std::uint32_t>(groups_.size())};
    begin_group(i, each.length, what);
  }
  for (std::size_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].packets > 1)
      write_headers(from, i);
  return groups_;
}

void coalescer::begin_group(std::uint32_t delivery, std::uint32_t octets, const candidate& what) {
  joined& made = groups_.emplace_back();
  made.first = delivery;
  made.octets = octets;
  growth& grows = growths_.emplace_back();
  grows.last = delivery;
  grows.transport = what.transport;
  grows.header_octets = what.header_octets;
  grows.segment_octets = what.payload_octets;
  grows.tcp = what.tcp;
  grows.ended = what.what != candidate::kind::usual;
}

coalescer::fate coalescer::try_join(const slab& from, std::uint32_t group, std::uint32_t delivery,
                                    const candidate& what) {
  joined& into = groups_[group];
  growth& grows = growths_[group];
  const auto packet_of = [&from](std::uint32_t index) {
    return from.range(from.deliveries[index].offset, from.deliveries[index].length);
  };
  const const_bytes first = packet_of(into.first);
  const const_bytes next = packet_of(delivery);
  const std::uint32_t packets_max =
      grows.tcp ? limits::joined_packets_max : limits::joined_datagrams_max;
  if (grows.ended || what.tcp != grows.tcp || what.header_octets != grows.header_octets ||
      what.payload_octets > grows.segment_octets || into.packets >= packets_max ||
      into.octets + what.payload_octets > packet_octets_max ||
      !continues(first, next, grows, into.octets - grows.header_octets))
    return fate::apart;
  grows.verified = grows.verified || checksums_fit(first, grows.transport, grows.tcp);
  if (!grows.verified || !checksums_fit(next, what.transport, what.tcp))
    return fate::apart;
  next_[grows.last] = delivery;
  grows.last = delivery;
  ++into.packets;
  into.octets += what.payload_octets;
  grows.ended = what.payload_octets < grows.segment_octets ||
                (grows.tcp && (next[grows.transport + tcp::flags_at] & tcp::psh) != 0);
  return fate::joined;
}

/// Whether `next` is what a splitter would make of the octets behind `joined_payload`.
bool coalescer::continues(const_bytes first, const_bytes next, const growth& group,
                          std::size_t joined_payload) {
  if (!same_ip(first, next))
    return false;
  if (!group.tcp)
    return same_octets(first, next, group.transport, group.transport + udp::length_at) &&
           has_no_checksum(first, group.transport) == has_no_checksum(next, group.transport);
  const std::size_t octets = group.header_octets - group.transport;
  const const_bytes left = first.subspan(group.transport, octets);
  const const_bytes right = next.subspan(group.transport, octets);
  return (left[tcp::flags_at] & tcp::psh) == 0 && same_tcp(left, right) &&
         load_be32(&right[tcp::sequence_at]) ==
             static_cast<std::uint32_t>(load_be32(&left[tcp::sequence_at]) + joined_payload);
}

/// The first packet's headers, with the whole's lengths and the last one's PSH. The kernel
/// completes the transport checksum from the pseudo header's sum in its field.
void coalescer::write_headers(const slab& from, std::size_t group) {
  joined& made = groups_[group];
  const growth& grown = growths_[group];
  made.header_octets = grown.header_octets;
  std::uint8_t* const ip = made.headers.data();
  std::memcpy(ip, from.memory().data() + from.deliveries[made.first].offset, grown.header_octets);
  const bool v4 = ip[0] >> 4 == 4;
  if (v4) {
    store_be16(ip + ipv4::total_length_at, static_cast<std::uint16_t>(made.octets));
    store_be16(ip + ipv4::checksum_at, 0);
    store_be16(ip + ipv4::checksum_at, finish_checksum(add_words(0, {ip, ipv4::header_octets})));
  } else {
    store_be16(ip + ipv6::payload_length_at,
               static_cast<std::uint16_t>(made.octets - ipv6::header_octets));
  }
  std::uint8_t* const transport = ip + grown.transport;
  const std::size_t behind_ip = made.octets - grown.transport;
  std::size_t checksum_at = udp::checksum_at;
  if (grown.tcp) {
    checksum_at = tcp::checksum_at;
    const std::uint32_t last = from.deliveries[grown.last].offset + grown.transport;
    if ((from.memory()[last + tcp::flags_at] & tcp::psh) != 0)
      transport[tcp::flags_at] |= tcp::psh;
    made.about.gso_type = v4 ? vnet::tcp4_segments : vnet::tcp6_segments;
  } else {
    store_be16(transport + udp::length_at, static_cast<std::uint16_t>(behind_ip));
    made.about.gso_type = vnet::udp_segments;
  }
  const std::uint8_t protocol = grown.tcp ? ip_protocol::tcp : ip_protocol::udp;
  const std::uint16_t sum =
      finish_checksum(pseudo_header_sum({ip, grown.header_octets}, protocol, behind_ip));
  store_be16(transport + checksum_at, static_cast<std::uint16_t>(~sum));
  made.about.flags = vnet::needs_checksum;
  made.about.header_length = static_cast<std::uint16_t>(grown.header_octets);
  made.about.gso_size = static_cast<std::uint16_t>(grown.segment_octets);
  made.about.checksum_start = static_cast<std::uint16_t>(grown.transport);
  made.about.checksum_offset = static_cast<std::uint16_t>(checksum_at);
}

} // namespace troupe::tun
