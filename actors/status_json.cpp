#include "actors/status_json.hpp"

#include <algorithm>
#include <map>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

std::string_view to_string(stage where) {
  switch (where) {
  case stage::tun_read:
    return "tun_read";
  case stage::send:
    return "send";
  case stage::udp_send:
    return "udp_send";
  case stage::udp_receive:
    return "udp_receive";
  case stage::receive:
    return "receive";
  case stage::handshake:
    return "handshake";
  case stage::tun_write:
    return "tun_write";
  }
  return "";
}

void append_drops(json& out, std::string_view actor, const drop_counters& drops) {
  for (std::size_t i = 0; i < drop_reasons.size(); ++i) {
    const std::uint64_t count = drops[static_cast<drop_reason>(i)];
    if (count == 0)
      continue;
    const drop_reason_entry& entry = drop_reasons[i];
    out.push_back({{"stage", to_string(entry.where)},
                   {"actor", actor},
                   {"reason", entry.name},
                   {"count", count},
                   {"text", entry.text}});
  }
}

std::int64_t epoch_seconds(const std::optional<wall_time>& at) {
  if (!at)
    return 0;
  return std::chrono::duration_cast<std::chrono::seconds>(at->time_since_epoch()).count();
}

json peer_json(const conf::peer_config& peer, const peer_status* live) {
  json allowed_ips = json::array();
  for (const ip_prefix& prefix : peer.settings.allowed_ips)
    allowed_ips.push_back(to_string(prefix));
  json out = {
      {"name", peer.settings.name},
      {"public_key", to_base64(peer.settings.key)},
      {"endpoint", nullptr},
      {"allowed_ips", std::move(allowed_ips)},
      {"latest_handshake", epoch_seconds(live != nullptr ? live->latest_handshake : std::nullopt)},
      {"rx_bytes", live != nullptr ? live->rx_bytes : 0},
      {"tx_bytes", live != nullptr ? live->tx_bytes : 0},
      {"persistent_keepalive", peer.settings.persistent_keepalive_s},
      {"enabled", peer.enabled},
  };
  if (live != nullptr && live->remote)
    out["endpoint"] = to_string(*live->remote);
  else if (peer.remote)
    out["endpoint"] = peer.remote->text();
  json drops = json::array();
  if (live != nullptr)
    append_drops(drops, "tunnel", live->drops);
  out["drops"] = std::move(drops);
  return out;
}

} // namespace

json status_json(const conf::config& running, std::uint16_t bound_port,
                 const std::optional<public_key>& own_key, const tunnel_status& tunnel,
                 const std::vector<stage_status>& stages) {
  json out;
  out["interface"] = {
      {"name", running.interface.name},
      {"public_key", own_key ? json(to_base64(*own_key)) : json(nullptr)},
      {"listen_port", bound_port},
      {"fwmark", running.interface.fwmark},
      {"mtu", running.interface.mtu},
      {"under_load", tunnel.under_load},
      {"aead", tunnel.aead},
      {"cpu", tunnel.cpu},
  };
  out["peers"] = json::array();
  for (const conf::peer_config& peer : running.peers) {
    const std::vector<peer_status>::const_iterator found = std::lower_bound(
        tunnel.peers.begin(), tunnel.peers.end(), peer.settings.key,
        [](const peer_status& left, const public_key& key) { return left.key < key; });
    const bool live = found != tunnel.peers.end() && found->key == peer.settings.key;
    out["peers"].push_back(peer_json(peer, live ? &*found : nullptr));
  }
  out["drops"] = json::array();
  append_drops(out["drops"], "tunnel", tunnel.drops);
  for (const stage_status& each : stages)
    append_drops(out["drops"], each.actor, each.drops);
  out["offloads"] = json::array();
  for (const stage_status& each : stages)
    if (!each.offload.empty())
      out["offloads"].push_back({{"actor", each.actor}, {"state", each.offload}});
  out["sockets"] = json::array();
  for (const stage_status& each : stages)
    if (each.kernel_drops > 0)
      out["sockets"].push_back({{"name", each.actor}, {"kernel_drops", each.kernel_drops}});
  return out;
}

} // namespace troupe::actors
