// Inner packets, as small as they can be and still be packets.
#pragma once

#include "messages/address.hpp"
#include "messages/bytes.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace troupe::actors {

using packet = std::vector<std::uint8_t>;

/// UDP over IPv4 with no ports worth the name; `octets` in all, at least the 20 of the header.
inline packet ipv4_packet(std::string_view source, std::string_view target,
                          std::size_t octets = 64) {
  constexpr std::uint8_t udp = 17;
  packet made(octets);
  made[0] = 0x45;
  store_be16(&made[2], static_cast<std::uint16_t>(octets));
  made[8] = 64;
  made[9] = udp;
  const ip_address from = parse_ip_address(source).value();
  const ip_address to = parse_ip_address(target).value();
  std::copy_n(from.octets.begin(), 4, &made[12]);
  std::copy_n(to.octets.begin(), 4, &made[16]);
  for (std::size_t i = 20; i < octets; ++i)
    made[i] = static_cast<std::uint8_t>(i);
  return made;
}

} // namespace troupe::actors
