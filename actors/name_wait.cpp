#include "actors/name_wait.hpp"

#include <algorithm>
#include <iterator>

namespace troupe::actors {

std::vector<conf::rule> name_wait::ready_rules(const conf::config& of,
                                               std::uint32_t own_mark) const {
  std::vector<conf::rule> rules = conf::rules_of(of, own_mark);
  std::erase_if(rules,
                [&](const conf::rule& each) { return waits(conf::default_peer(of, each.family)); });
  return rules;
}

void name_wait::take_away(const std::vector<public_key>& removed, bool park, bool bring_back) {
  if (bring_back)
    found_.merge(parked_);
  if (park)
    parked_.clear();
  for (const public_key& gone : removed)
    if (found_.erase(gone) != 0 && park)
      parked_.insert(gone);
}

void name_wait::settle(const conf::config& now) {
  waited_for_.clear();
  for (const ip_family family : {ip_family::v4, ip_family::v6})
    if (const conf::peer_config* const peer = conf::default_peer(now, family))
      (waits(peer) ? waited_for_ : found_).insert(peer->settings.key);
}

/// One that calls us may be anywhere, and one with an address is where it says.
bool name_wait::waits(const conf::peer_config* peer) const {
  return peer != nullptr && !peer->endpoints.empty() && !peer->endpoints.front().literal &&
         found_.count(peer->settings.key) == 0;
}

void keep_to_ready(conf::plan& plan, const std::vector<conf::rule>& there,
                   const std::vector<conf::rule>& wanted) {
  plan.rules_to_remove.clear();
  plan.rules_to_add.clear();
  std::set_difference(there.begin(), there.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(plan.rules_to_remove));
  std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(),
                      std::back_inserter(plan.rules_to_add));
}

} // namespace troupe::actors
