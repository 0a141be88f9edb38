#include "tools/free_address.hpp"

#include <algorithm>
#include <cstdint>

namespace troupe::tools {

namespace {

ip_address next(ip_address address) {
  for (std::size_t i = address.bits() / 8; i-- > 0;)
    if (++address.octets[i] != 0)
      break;
  return address;
}

bool covers(const ip_prefix& prefix, const ip_address& address) {
  return address.family == prefix.address.family &&
         masked({address, prefix.length}) == masked(prefix);
}

ip_address last_of(const ip_prefix& prefix) {
  ip_address last = masked(prefix).address;
  for (unsigned bit = prefix.length; bit < last.bits(); ++bit)
    last.octets[bit / 8] = static_cast<std::uint8_t>(last.octets[bit / 8] | (0x80U >> (bit % 8)));
  return last;
}

} // namespace

taken_addresses::taken_addresses(const conf::config& running) {
  for (const ip_prefix& each : running.interface.addresses)
    hosts_.insert(each.address);
  for (const conf::peer_config& peer : running.peers)
    for (const ip_prefix& prefix : peer.settings.allowed_ips)
      if (prefix.length == prefix.address.bits())
        hosts_.insert(prefix.address);
      else
        networks_.push_back(prefix);
}

/// The last address of whatever has `address`, a host or a network; nothing: it is free. A network
/// that holds all of `own` gives none of its hosts away: others are more specific.
std::optional<ip_address> taken_addresses::taken_to(const ip_address& address,
                                                    const ip_prefix& own) const {
  const auto network = std::find_if(networks_.begin(), networks_.end(), [&](const ip_prefix& each) {
    return each.length > own.length && covers(each, address);
  });
  if (network != networks_.end())
    return last_of(*network);
  return hosts_.count(address) != 0 ? std::optional(address) : std::nullopt;
}

std::optional<ip_prefix> taken_addresses::free_host(const ip_prefix& own) const {
  const std::uint8_t whole = static_cast<std::uint8_t>(own.address.bits());
  const ip_address last = last_of(own);
  ip_address candidate = masked(own).address; // names the network itself
  while (candidate != last) {
    candidate = next(candidate);
    const bool is_broadcast = own.address.family == ip_family::v4 && candidate == last;
    const std::optional<ip_address> taken = is_broadcast ? last : taken_to(candidate, own);
    if (!taken)
      return ip_prefix{candidate, whole};
    candidate = *taken;
  }
  return std::nullopt;
}

} // namespace troupe::tools
