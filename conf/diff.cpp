#include "conf/diff.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace troupe::conf {

namespace {

using peer_index = std::unordered_map<public_key, const peer_config*>;

peer_index peers_in_use(const config& from) {
  peer_index result;
  result.reserve(from.peers.size());
  for (const peer_config& peer : from.peers)
    if (peer.in_use())
      result.emplace(peer.settings.key, &peer);
  return result;
}

template <class Thing>
std::vector<Thing> sorted(std::vector<Thing> things) {
  std::sort(things.begin(), things.end());
  return things;
}

/// What is in `from` and not in `without`; both sorted.
template <class Thing>
std::vector<Thing> only_in(const std::vector<Thing>& from, const std::vector<Thing>& without) {
  std::vector<Thing> result;
  std::set_difference(from.begin(), from.end(), without.begin(), without.end(),
                      std::back_inserter(result));
  return result;
}

/// The order of prefixes means nothing.
bool same_prefixes(const std::vector<ip_prefix>& left, const std::vector<ip_prefix>& right) {
  return left == right || (left.size() == right.size() && sorted(left) == sorted(right));
}

bool same_but_prefixes(const peer_settings& left, const peer_settings& right) {
  return left.name == right.name && left.persistent_keepalive_s == right.persistent_keepalive_s &&
         left.preshared_key.same_as(right.preshared_key);
}

/// An endpoint that is taken away moves nobody: a peer may always have one learnt by roaming.
bool first_changes(const std::vector<endpoint_setting>& before,
                   const std::vector<endpoint_setting>& after) {
  return !after.empty() && (before.empty() || !same_endpoint(before.front(), after.front()));
}

/// What TUNNEL is told of where the peer is. `before`: null for a fresh peer.
std::optional<endpoint> compare_endpoints(const peer_config* before, const peer_config& after,
                                          const diff_hints& hints, plan& result) {
  static const std::vector<endpoint_setting> none;
  const std::vector<endpoint_setting>& old = before != nullptr ? before->endpoints : none;
  const bool first_is_new = first_changes(old, after.endpoints);
  if (!same_endpoints(old, after.endpoints))
    result.endpoints.push_back(
        {after.settings.key, after.endpoints, before != nullptr && first_is_new});
  const auto given = hints.endpoint_given.find(after.settings.key);
  if (given != hints.endpoint_given.end())
    return given->second;
  return first_is_new ? after.endpoints.front().literal : std::nullopt;
}

void compare_peers(const config& before, const config& after, const diff_hints& hints,
                   plan& result) {
  const peer_index old_peers = peers_in_use(before);
  const peer_index new_peers = peers_in_use(after);
  for (const peer_config& peer : before.peers) {
    const public_key& key = peer.settings.key;
    if (peer.in_use() && (new_peers.count(key) == 0 || hints.recreated.count(key) != 0))
      result.tunnel.removed.push_back(key);
  }
  for (const peer_config& peer : after.peers) {
    if (!peer.in_use())
      continue;
    const public_key& key = peer.settings.key;
    const peer_index::const_iterator found = old_peers.find(key);
    const bool fresh = found == old_peers.end() || hints.recreated.count(key) != 0;
    const std::optional<endpoint> remote =
        compare_endpoints(fresh ? nullptr : found->second, peer, hints, result);
    const bool routed_anew =
        fresh || !same_prefixes(found->second->settings.allowed_ips, peer.settings.allowed_ips);
    if (routed_anew || remote || !same_but_prefixes(found->second->settings, peer.settings))
      result.tunnel.changed.push_back({peer.settings, remote, routed_anew});
  }
}

std::vector<std::string> restart_needed(const config& before, const config& after) {
  std::vector<std::string> keys;
  const auto check = [&](const char* key, bool same) {
    if (!same)
      keys.emplace_back(key);
  };
  check("interface.name", before.interface.name == after.interface.name);
  check("tunnel.aead", before.tunnel.aead == after.tunnel.aead);
  check("tunnel.cpu", before.tunnel.cpu == after.tunnel.cpu);
  check("log.format", before.log.format == after.log.format);
  check("log.target", before.log.target == after.log.target);
  check("admin.group", before.admin.group == after.admin.group);
  check("admin.read_group", before.admin.read_group == after.admin.read_group);
  return keys;
}

bool same_socket_options(const udp_config& left, const udp_config& right) {
  return left.gso == right.gso && left.gro == right.gro &&
         left.receive_buffer == right.receive_buffer && left.send_buffer == right.send_buffer;
}

} // namespace

std::vector<route> routes_of(const config& wanted, std::uint32_t own_mark) {
  std::vector<route> result;
  if (wanted.interface.routes == route_mode::off)
    return result;
  const std::uint32_t table = wanted.interface.table.value_or(main_route_table);
  const std::uint32_t default_table = wanted.interface.table.value_or(mark_of(wanted, own_mark));
  std::vector<ip_prefix> connected;
  if (table == main_route_table)
    std::transform(wanted.interface.addresses.begin(), wanted.interface.addresses.end(),
                   std::back_inserter(connected), masked);
  for (const peer_config& peer : wanted.peers) {
    if (!peer.in_use())
      continue;
    for (const ip_prefix& prefix : peer.settings.allowed_ips)
      if (std::find(connected.begin(), connected.end(), prefix) == connected.end())
        result.push_back({prefix, is_default_route(prefix) ? default_table : table});
  }
  return sorted(std::move(result));
}

plan diff(const config& before, const config& after, const diff_hints& hints,
          std::uint32_t own_mark) {
  plan result;
  if (!before.interface.private_key.same_as(after.interface.private_key)) {
    result.tunnel.set_private_key = true;
    result.tunnel.private_key = after.interface.private_key;
  }
  compare_peers(before, after, hints, result);
  result.listen_port_changed = before.interface.listen_port != after.interface.listen_port;
  result.fwmark_changed = mark_of(before, own_mark) != mark_of(after, own_mark);
  result.tunnel.forget_sources = result.listen_port_changed || result.fwmark_changed;
  result.socket_options_changed = !same_socket_options(before.udp, after.udp);
  result.data_path_changed = before.tun.queues != after.tun.queues ||
                             before.tun.offload != after.tun.offload ||
                             before.udp.senders != after.udp.senders;
  result.mtu_changed = before.interface.mtu != after.interface.mtu;
  result.queue_length_changed = before.tun.queue_length != after.tun.queue_length;
  result.log_levels_changed =
      before.log.level != after.log.level || before.log.actors != after.log.actors;

  result.credit_changed = before.credit != after.credit;

  const std::vector<ip_prefix> old_addresses = sorted(before.interface.addresses);
  const std::vector<ip_prefix> new_addresses = sorted(after.interface.addresses);
  result.addresses_to_remove = only_in(old_addresses, new_addresses);
  result.addresses_to_add = only_in(new_addresses, old_addresses);
  const std::vector<route> old_routes = routes_of(before, own_mark);
  const std::vector<route> new_routes = routes_of(after, own_mark);
  result.routes_to_remove = only_in(old_routes, new_routes);
  result.routes_to_add = only_in(new_routes, old_routes);
  const std::vector<rule> old_rules = rules_of(before, own_mark);
  const std::vector<rule> new_rules = rules_of(after, own_mark);
  result.rules_to_remove = only_in(old_rules, new_rules);
  result.rules_to_add = only_in(new_rules, old_rules);
  result.needs_restart = restart_needed(before, after);
  return result;
}

plan first_plan(const config& wanted, std::uint32_t own_mark) {
  plan result = diff(bare_config(wanted.interface.name), wanted, {}, own_mark);
  result.needs_restart.clear();
  return result;
}

} // namespace troupe::conf
