// What must hold of every answer of the coalescer, whatever the packets: said the slow way, for
// tests and for a fuzz target.
#pragma once

#include "messages/slab.hpp"

#include "tests/tun/packets.hpp"
#include "tun/coalesce.hpp"
#include "tun/split.hpp"

#include <numeric>
#include <span>
#include <string>

namespace troupe::test {

inline octets packet_of(const slab& from, std::uint32_t delivery) {
  const const_bytes packet =
      from.range(from.deliveries[delivery].offset, from.deliveries[delivery].length);
  return {packet.begin(), packet.end()};
}

/// What is written for a group of several: its headers, and the payloads.
inline octets written_for(const slab& from, const tun::coalescer& by, const tun::joined& group) {
  octets whole(group.headers.begin(), group.headers.begin() + group.header_octets);
  std::uint32_t member = group.first;
  for (std::uint32_t i = 0; i < group.packets; ++i, member = by.next_of(member)) {
    const octets packet = packet_of(from, member);
    whole.insert(whole.end(), packet.begin() + group.header_octets, packet.end());
  }
  return whole;
}

/// Which flow a packet is of: all that tells flows apart, or nothing if that cannot be seen, so
/// that it may be of any.
inline octets flow_of(const octets& packet) {
  const bool v4 = packet.size() >= 20 && packet[0] == 0x45 &&
                  load_be16(&packet[2]) == packet.size() && (load_be16(&packet[6]) & 0x3fff) == 0;
  const bool v6 = packet.size() >= 40 && packet[0] >> 4 == 6 &&
                  load_be16(&packet[4]) + std::size_t{40} == packet.size();
  if (!v4 && !v6)
    return {};
  const std::uint8_t protocol = packet[v4 ? 9 : 6];
  octets flow(packet.begin() + (v4 ? 12 : 8), packet.begin() + (v4 ? 20 : 40));
  flow.push_back(protocol);
  if (protocol != 6 && protocol != 17)
    return v4 || protocol == 58 ? flow : octets{};
  const std::size_t transport = ip_end(packet);
  if (packet.size() < transport + (protocol == 6 ? 20 : 8))
    return {};
  flow.insert(flow.end(), packet.begin() + static_cast<std::ptrdiff_t>(transport),
              packet.begin() + static_cast<std::ptrdiff_t>(transport) + 4);
  return flow;
}

/// `original`, with what a splitter may write otherwise taken from `segment`.
inline octets as_split(octets original, const octets& segment, bool udp) {
  const std::size_t tcp_checksum = ip_end(original) + 16;
  if (!udp && load_be16(&original[tcp_checksum]) == 0xffff && segment.size() > tcp_checksum + 1 &&
      load_be16(&segment[tcp_checksum]) == 0)
    store_be16(&original[tcp_checksum], 0); // the other zero of ones' complement
  if (!is_ipv4(original))
    return original;
  std::copy_n(segment.begin() + 4, 2, original.begin() + 4);
  mend_ip_checksum(original);
  if (udp && load_be16(&original[26]) == 0)
    std::copy_n(segment.begin() + 26, 2, original.begin() + 26);
  return original;
}

/// Empty, or what is wrong with a group of several.
inline std::string problem_of_group(const slab& from, const tun::coalescer& by,
                                    const tun::joined& group, const tun::joins& wanted) {
  const bool udp = group.about.gso_type == tun::vnet::udp_segments;
  if (!(udp ? wanted.datagrams : wanted.segments))
    return "joined what was not to be";
  octets whole = written_for(from, by, group);
  if (whole.size() != group.octets || whole.size() > 65535)
    return "the length is wrong";
  const std::optional<tun::splitter> split = tun::splitter::of(group.about, whole);
  if (!split || split->segments() != group.packets)
    return "it cannot be split into as many";
  const std::uint8_t protocol = udp ? 17 : 6;
  std::uint32_t member = group.first;
  for (std::uint32_t i = 0; i < group.packets; ++i, member = by.next_of(member)) {
    octets segment(split->length_of(i));
    split->write(i, segment.data());
    const octets original = packet_of(from, member);
    if (segment != as_split(original, segment, udp))
      return "split, it gives other packets";
    const bool without = udp && is_ipv4(original) && load_be16(&original[26]) == 0;
    if (!has_right_checksums(segment, protocol, ip_end(segment)) ||
        (!without && !has_right_checksums(original, protocol, ip_end(original))) ||
        (is_ipv4(original) && naive_sum(const_bytes(original).first(20)) != 0xffff))
      return "a checksum is wrong";
  }
  if (!tun::complete_checksum(group.about, whole) ||
      !has_right_checksums(whole, protocol, ip_end(whole)))
    return "its own checksum cannot be completed";
  return {};
}

/// Empty, or what is wrong with the order `out` in which the deliveries leave.
inline std::string problem_of_order(const slab& from, const std::vector<std::uint32_t>& out) {
  std::vector<octets> flows;
  for (const std::uint32_t each : out)
    flows.push_back(flow_of(packet_of(from, each)));
  for (std::size_t later = 0; later < out.size(); ++later)
    for (std::size_t earlier = 0; earlier < later; ++earlier)
      if (out[earlier] > out[later] &&
          (flows[earlier].empty() || flows[later].empty() || flows[earlier] == flows[later]))
        return "a packet overtook another of its flow";
  return {};
}

/// Empty, or what is wrong with `groups`, the answer for `queue`.
inline std::string problem_of(const slab& from, const tun::coalescer& by,
                              std::span<const tun::joined> groups, const tun::joins& wanted,
                              std::uint8_t queue = 0) {
  std::vector<std::uint32_t> out;
  for (const tun::joined& group : groups) {
    std::uint32_t member = group.first;
    for (std::uint32_t i = 0; i < group.packets; ++i, member = by.next_of(member))
      out.push_back(member);
    if (group.packets == 1 && group.octets != from.deliveries[group.first].length)
      return "a single packet has another length";
    if (group.packets > 1)
      if (const std::string problem = problem_of_group(from, by, group, wanted); !problem.empty())
        return problem;
  }
  std::vector<std::uint32_t> expected;
  for (std::uint32_t i = 0; i < from.deliveries.size(); ++i)
    if (from.deliveries[i].queue == queue)
      expected.push_back(i);
  std::vector<std::uint32_t> sorted = out;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != expected)
    return "not every delivery is there once";
  return problem_of_order(from, out);
}

} // namespace troupe::test
