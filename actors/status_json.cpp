#include "actors/status_json.hpp"

#include "actors/drops_json.hpp"
#include "conf/instant.hpp"

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

std::int64_t epoch_seconds(const std::optional<wall_time>& at) {
  if (!at)
    return 0;
  return std::chrono::duration_cast<std::chrono::seconds>(at->time_since_epoch()).count();
}

json peer_json(const conf::peer_config& peer, const peer_status* live) {
  json allowed_ips = json::array();
  for (const ip_prefix& prefix : peer.settings.allowed_ips)
    allowed_ips.push_back(to_string(prefix));
  json endpoints = json::array();
  for (const conf::endpoint_setting& each : peer.endpoints)
    endpoints.push_back(each.text());
  json out = {
      {"name", peer.settings.name},
      {"public_key", to_base64(peer.settings.key)},
      {"endpoint", nullptr},
      {"allowed_ips", std::move(allowed_ips)},
      {"latest_handshake", epoch_seconds(live != nullptr ? live->latest_handshake : std::nullopt)},
      {"rx_bytes", live != nullptr ? live->rx_bytes : 0},
      {"tx_bytes", live != nullptr ? live->tx_bytes : 0},
      {"persistent_keepalive", peer.settings.persistent_keepalive_s},
      {"endpoints", std::move(endpoints)},
      {"enabled", peer.enabled},
      {"expires", peer.expires ? json(conf::to_text(*peer.expires)) : json(nullptr)},
      {"state", !peer.enabled  ? "disabled"
                : peer.expired ? "expired"
                               : "enabled"},
  };
  if (live != nullptr && live->remote)
    out["endpoint"] = to_string(*live->remote);
  else if (!peer.endpoints.empty())
    out["endpoint"] = peer.endpoints.front().text();
  json drops = json::array();
  if (live != nullptr)
    append_drops(drops, "tunnel", live->drops);
  out["drops"] = std::move(drops);
  return out;
}

} // namespace

json status_json(const conf::config& running, const socket_facts& sockets,
                 const std::optional<public_key>& own_key, const tunnel_status& tunnel,
                 const std::vector<stage_status>& stages) {
  json out;
  out["interface"] = {
      {"name", running.interface.name},
      {"public_key", own_key ? json(to_base64(*own_key)) : json(nullptr)},
      {"listen_port", sockets.port},
      {"fwmark", sockets.mark},
      {"mtu", running.interface.mtu},
      {"under_load", tunnel.under_load},
      {"aead", tunnel.aead},
      {"cpu", tunnel.cpu},
  };
  out["peers"] = json::array();
  for (const conf::peer_config& peer : running.peers)
    out["peers"].push_back(peer_json(peer, find_peer(tunnel, peer.settings.key)));
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
