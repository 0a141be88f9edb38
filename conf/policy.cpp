#include "conf/policy.hpp"

#include <algorithm>

namespace troupe::conf {

namespace {

bool has_policy(const config& of) {
  return default_peer(of, ip_family::v4) != nullptr || default_peer(of, ip_family::v6) != nullptr;
}

} // namespace

const peer_config* default_peer(const config& of, ip_family family) {
  if (of.interface.routes == route_mode::off || of.interface.table)
    return nullptr;
  const ip_prefix everything{{{}, family}, 0};
  const auto found = std::find_if(of.peers.begin(), of.peers.end(), [&](const peer_config& peer) {
    const std::vector<ip_prefix>& prefixes = peer.settings.allowed_ips;
    return peer.in_use() &&
           std::find(prefixes.begin(), prefixes.end(), everything) != prefixes.end();
  });
  return found == of.peers.end() ? nullptr : &*found;
}

bool needs_own_mark(const config& of) {
  return of.interface.fwmark == 0 && has_policy(of);
}

std::uint32_t mark_of(const config& wanted, std::uint32_t own_mark) {
  return needs_own_mark(wanted) ? own_mark : wanted.interface.fwmark;
}

std::vector<rule> rules_of(const config& wanted, std::uint32_t own_mark) {
  std::vector<rule> rules;
  for (const ip_family family : {ip_family::v4, ip_family::v6})
    if (default_peer(wanted, family) != nullptr) {
      rules.push_back({family, 0});
      rules.push_back({family, mark_of(wanted, own_mark)});
    }
  return rules;
}

std::string mark_fault(const config& of) {
  const std::uint32_t mark = of.interface.fwmark;
  if (mark < system_tables_first || mark > system_tables_last || !has_policy(of))
    return {};
  return "is " + std::to_string(mark) +
         ", and the table of that number, into which the default route would go, is the kernel's "
         "own; choose another mark, or leave it out";
}

} // namespace troupe::conf
