#include "actors/drops_json.hpp"

#include <algorithm>
#include <array>

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
  case stage::make:
    return "make";
  }
  return "";
}

void append_peer_drop(json& out, const json& peer, drop_reason reason, std::uint64_t count) {
  const drop_reason_entry& entry = describe(reason);
  out.push_back({{"stage", to_string(entry.where)},
                 {"peer", peer},
                 {"reason", entry.name},
                 {"count", count},
                 {"text", entry.text}});
}

} // namespace

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

const peer_status* find_peer(const tunnel_status& tunnel, const public_key& key) {
  const std::vector<peer_status>::const_iterator found = std::lower_bound(
      tunnel.peers.begin(), tunnel.peers.end(), key,
      [](const peer_status& left, const public_key& right) { return left.key < right; });
  return found != tunnel.peers.end() && found->key == key ? &*found : nullptr;
}

json drops_by_peer_json(const conf::config& running, const tunnel_status& tunnel,
                        const std::vector<stage_status>& stages) {
  std::array<std::uint64_t, drop_reasons.size()> rest{};
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const drop_reason reason = static_cast<drop_reason>(i);
    rest[i] = tunnel.drops[reason];
    for (const stage_status& each : stages)
      rest[i] += each.drops[reason];
  }
  json out = json::array();
  for (const conf::peer_config& peer : running.peers) {
    const peer_status* const live = find_peer(tunnel, peer.settings.key);
    for (std::size_t i = 0; live != nullptr && i < rest.size(); ++i)
      if (const drop_reason reason = static_cast<drop_reason>(i); live->drops[reason] > 0) {
        append_peer_drop(out, peer.settings.name, reason, live->drops[reason]);
        // A stage's count may be a moment younger than the peer's.
        rest[i] -= std::min(rest[i], live->drops[reason]);
      }
  }
  for (std::size_t i = 0; i < rest.size(); ++i)
    if (rest[i] > 0)
      append_peer_drop(out, nullptr, static_cast<drop_reason>(i), rest[i]);
  return out;
}

} // namespace troupe::actors
