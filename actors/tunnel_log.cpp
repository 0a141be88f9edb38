// What TUNNEL writes to its log: events of peers at `info`, and at `trace` where the packets of
// each batch went. Below trace a batch costs one branch.
#include "actors/tunnel.hpp"

namespace troupe::actors {

namespace {

using crypto::peer_event;
using spdlog::level::trace;

std::string where(const peer_event& event) {
  return event.remote ? to_string(*event.remote) : "no endpoint";
}

std::string_view name_or_nobody(std::string_view name) {
  return name.empty() ? "nobody" : name;
}

spdlog::level::level_enum level_of(const peer_event& event) {
  switch (event.what) {
  case peer_event::kind::handshake_started:
    // The retries are no news, and with many silent peers they would be most of the log.
    return event.attempt == 1 ? spdlog::level::info : spdlog::level::debug;
  case peer_event::kind::unanswered:
  case peer_event::kind::peer_added:
  case peer_event::kind::peer_removed:
    return spdlog::level::debug;
  case peer_event::kind::own_key_ignored:
    return spdlog::level::warn;
  default:
    return spdlog::level::info;
  }
}

std::string text_of(const peer_event& event) {
  switch (event.what) {
  case peer_event::kind::handshake_started:
    return fmt::format("handshake started, attempt {}, to {}", event.attempt, where(event));
  case peer_event::kind::handshake_completed:
    return fmt::format("handshake completed, begun by {}, with {}",
                       event.by_peer ? "the peer" : "us", where(event));
  case peer_event::kind::handshake_failed:
    return fmt::format("handshake failed: {}", describe(event.reason).text);
  case peer_event::kind::handshake_gave_up:
    return fmt::format("handshake failed: no answer from {} in {} s; trying again when there is "
                       "something to send",
                       where(event), limits::rekey_attempt_time.count());
  case peer_event::kind::unanswered:
    return fmt::format("no answer from {} so far", where(event));
  case peer_event::kind::session_expired:
    return "session expired, its keys are wiped";
  case peer_event::kind::endpoint_moved:
    return "endpoint moved to " + where(event);
  case peer_event::kind::cookie_received:
    return "is under load and sent a cookie, for the next attempt";
  case peer_event::kind::peer_added:
    return "added";
  case peer_event::kind::peer_removed:
    return "removed";
  case peer_event::kind::own_key_ignored:
    return "ignored, it has this interface's own public key";
  }
  return {};
}

} // namespace

void tunnel_state::log_events() {
  for (const peer_event& event : out->events)
    if (const auto level = level_of(event); parts.log->should_log(level))
      parts.log->log(about(event.peer), level, "peer {}: {}", event.peer, text_of(event));
  out->events.clear();
}

void tunnel_state::log_sent(const slab& batch) const {
  if (!parts.log->should_log(trace))
    return;
  for (const transmit& each : batch.transmits) {
    const std::string_view peer = core->name_of(each.peer);
    parts.log->log(about(peer), trace,
                   "batch {}#{}: peer {}: sealed {} datagrams, {} octets -> udp-sender/{}, to {}",
                   batch.origin(), batch.serial(), name_or_nobody(peer), each.segments(),
                   each.length, each.lane, to_string(each.remote));
  }
  if (!batch.arrivals.empty())
    parts.log->trace("batch {}#{}: took {} packets: sealed {}, dropped {}, staged {}",
                     batch.origin(), batch.serial(), batch.arrivals.size(), batch.datagrams(),
                     batch.drops.size(),
                     batch.arrivals.size() - batch.datagrams() - batch.drops.size());
}

void tunnel_state::log_delivered(const slab& batch) const {
  if (!parts.log->should_log(trace))
    return;
  for (std::size_t i = 0; i < batch.deliveries.size();) {
    const delivery& first = batch.deliveries[i];
    std::size_t packets = 0;
    std::size_t octets = 0;
    for (; i < batch.deliveries.size() && batch.deliveries[i].peer == first.peer &&
           batch.deliveries[i].queue == first.queue;
         ++i, ++packets)
      octets += batch.deliveries[i].length;
    const std::string_view peer = core->name_of(first.peer);
    parts.log->log(
        about(peer), trace, "batch {}#{}: peer {}: opened {} packets, {} octets -> tun-writer/{}",
        batch.origin(), batch.serial(), name_or_nobody(peer), packets, octets, first.queue);
  }
  std::size_t datagrams = 0;
  for (const arrival& train : batch.arrivals)
    datagrams += train.segments();
  parts.log->trace("batch {}#{}: took {} datagrams: delivered {}, dropped {}, the rest were "
                   "handshakes and keepalives",
                   batch.origin(), batch.serial(), datagrams, batch.deliveries.size(),
                   batch.drops.size());
}

void tunnel_state::log_drops(const slab& batch) const {
  if (!parts.log->should_log(trace))
    return;
  for (const dropped& drop : batch.drops) {
    const std::string_view peer = core->name_of(drop.peer);
    parts.log->log(about(peer), trace, "batch {}#{}: peer {}: packet {} dropped: {} ({})",
                   batch.origin(), batch.serial(), name_or_nobody(peer), drop.arrival_index,
                   describe(drop.reason).name, describe(drop.reason).text);
  }
}

void tunnel_state::log_sink_drops(const std::vector<peer_drop>& drops) const {
  if (!parts.log->should_log(trace))
    return;
  for (const peer_drop& drop : drops) {
    const std::string_view peer = core->name_of(drop.peer);
    parts.log->log(about(peer), trace, "peer {}: {} packets dropped behind the tunnel: {} ({})",
                   name_or_nobody(peer), drop.packets, describe(drop.reason).name,
                   describe(drop.reason).text);
  }
}

} // namespace troupe::actors
