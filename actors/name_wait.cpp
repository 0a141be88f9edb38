#include "actors/name_wait.hpp"

#include <algorithm>
#include <iterator>

namespace troupe::actors {

namespace {

std::string text_of(const std::vector<conf::endpoint_setting>& endpoints) {
  std::string text;
  for (const conf::endpoint_setting& each : endpoints)
    text += each.text() + " ";
  return text;
}

} // namespace

std::vector<conf::rule> name_wait::ready_rules(const conf::config& of,
                                               std::uint32_t own_mark) const {
  std::vector<conf::rule> rules = conf::rules_of(of, own_mark);
  std::erase_if(rules,
                [&](const conf::rule& each) { return waits(conf::default_peer(of, each.family)); });
  return rules;
}

void name_wait::hold_back(conf::plan& plan, const conf::config& before, const conf::config& after,
                          std::uint32_t own_mark) const {
  const std::vector<conf::rule> there = ready_rules(before, own_mark);
  plan.rules_to_add = ready_rules(after, own_mark); // whichever of them are not there
  plan.rules_to_remove.clear();
  std::set_difference(there.begin(), there.end(), plan.rules_to_add.begin(),
                      plan.rules_to_add.end(), std::back_inserter(plan.rules_to_remove));
}

void name_wait::found(const conf::peer_config& peer) {
  found_.insert_or_assign(peer.settings.key, text_of(peer.endpoints));
}

/// One that calls us may be anywhere, and one with an address is where it says.
bool name_wait::waits(const conf::peer_config* peer) const {
  if (peer == nullptr || peer->endpoints.empty() || peer->endpoints.front().literal)
    return false;
  const auto known = found_.find(peer->settings.key);
  return known == found_.end() || known->second != text_of(peer->endpoints);
}

} // namespace troupe::actors
