#include "messages/flow.hpp"

namespace troupe {

namespace {

constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;

std::uint32_t mix(std::uint64_t value) { // splitmix64's finalizer
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return static_cast<std::uint32_t>(value ^ (value >> 31));
}

std::uint32_t hash_end(const_bytes address, std::uint16_t port) {
  std::uint64_t sum = port;
  for (std::size_t at = 0; at < address.size(); at += 4)
    sum = sum * 0x9e3779b97f4a7c15U + load_be32(&address[at]);
  return mix(sum);
}

} // namespace

std::uint32_t flow_hash(const_bytes packet) {
  const bool v4 = packet.size() >= 20 && packet[0] >> 4 == 4;
  const bool v6 = packet.size() >= 40 && packet[0] >> 4 == 6;
  if (!v4 && !v6)
    return 0;
  constexpr std::uint16_t more_or_offset = 0x3fff;
  const std::size_t transport = v4 ? (packet[0] & 0xfU) * std::size_t{4} : 40;
  const std::uint8_t protocol = v4 ? packet[9] : packet[6];
  const bool whole = v6 || (load_be16(&packet[6]) & more_or_offset) == 0;
  const bool has_ports =
      (protocol == tcp || protocol == udp) && whole && transport + 4 <= packet.size();
  const std::size_t octets = v4 ? 4 : 16;
  const std::size_t source = v4 ? 12 : 8;
  // A sum, so that the two ends may change places.
  return hash_end(packet.subspan(source, octets), has_ports ? load_be16(&packet[transport]) : 0) +
         hash_end(packet.subspan(source + octets, octets),
                  has_ports ? load_be16(&packet[transport + 2]) : 0) +
         protocol;
}

} // namespace troupe
