// What TUNNEL writes to its log: events of peers at `info`, and at `trace` where the packets of
// each batch went. Below trace a batch costs one branch.
#include "actors/tunnel.hpp"

namespace troupe::actors {

namespace {

using crypto::peer_event;

std::string where(const peer_event& event) {
  return event.remote ? to_string(*event.remote) : "no endpoint";
}

std::string_view name_or_nobody(std::string_view name) {
  return name.empty() ? "nobody" : name;
}

void log_event(spdlog::logger& log, const peer_event& event) {
  switch (event.what) {
  case peer_event::kind::handshake_started:
    // The retries are no news, and with many silent peers they would be most of the log.
    return log.log(event.attempt == 1 ? spdlog::level::info : spdlog::level::debug,
                   "peer {}: handshake started, attempt {}, to {}", event.peer, event.attempt,
                   where(event));
  case peer_event::kind::handshake_completed:
    return log.info("peer {}: handshake completed, begun by {}, with {}", event.peer,
                    event.by_peer ? "the peer" : "us", where(event));
  case peer_event::kind::handshake_failed:
    return log.info("peer {}: handshake failed: {}", event.peer, describe(event.reason).text);
  case peer_event::kind::handshake_gave_up:
    return log.info("peer {}: handshake failed: no answer from {} in {} s; trying again when there "
                    "is something to send",
                    event.peer, where(event), limits::rekey_attempt_time.count());
  case peer_event::kind::unanswered:
    return log.debug("peer {}: no answer from {} so far", event.peer, where(event));
  case peer_event::kind::session_expired:
    return log.info("peer {}: session expired, its keys are wiped", event.peer);
  case peer_event::kind::endpoint_moved:
    return log.info("peer {}: endpoint moved to {}", event.peer, where(event));
  case peer_event::kind::cookie_received:
    return log.info("peer {}: is under load and sent a cookie, for the next attempt", event.peer);
  case peer_event::kind::peer_added:
    return log.debug("peer {}: added", event.peer);
  case peer_event::kind::peer_removed:
    return log.debug("peer {}: removed", event.peer);
  case peer_event::kind::own_key_ignored:
    return log.warn("peer {}: ignored, it has this interface's own public key", event.peer);
  }
}

} // namespace

void tunnel_state::log_events() {
  for (const peer_event& event : out->events)
    log_event(*parts.log, event);
  out->events.clear();
}

void tunnel_state::log_sent(const slab& batch) const {
  if (!parts.log->should_log(spdlog::level::trace))
    return;
  for (const transmit& each : batch.transmits)
    parts.log->trace("batch {}#{}: peer {}: sealed {} datagrams, {} octets -> udp-sender/{}, to {}",
                     batch.origin(), batch.serial(), name_or_nobody(core->name_of(each.peer)),
                     each.segments(), each.length, each.lane, to_string(each.remote));
  if (!batch.arrivals.empty())
    parts.log->trace("batch {}#{}: took {} packets: sealed {}, dropped {}, staged {}",
                     batch.origin(), batch.serial(), batch.arrivals.size(), batch.datagrams(),
                     batch.drops.size(),
                     batch.arrivals.size() - batch.datagrams() - batch.drops.size());
}

void tunnel_state::log_delivered(const slab& batch) const {
  if (!parts.log->should_log(spdlog::level::trace))
    return;
  for (std::size_t i = 0; i < batch.deliveries.size();) {
    const delivery& first = batch.deliveries[i];
    std::size_t packets = 0;
    std::size_t octets = 0;
    for (; i < batch.deliveries.size() && batch.deliveries[i].peer == first.peer &&
           batch.deliveries[i].queue == first.queue;
         ++i, ++packets)
      octets += batch.deliveries[i].length;
    parts.log->trace("batch {}#{}: peer {}: opened {} packets, {} octets -> tun-writer/{}",
                     batch.origin(), batch.serial(), name_or_nobody(core->name_of(first.peer)),
                     packets, octets, first.queue);
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
  if (!parts.log->should_log(spdlog::level::trace))
    return;
  for (const dropped& drop : batch.drops)
    parts.log->trace("batch {}#{}: packet {} of {}: dropped: {} ({})", batch.origin(),
                     batch.serial(), drop.arrival_index, name_or_nobody(core->name_of(drop.peer)),
                     describe(drop.reason).name, describe(drop.reason).text);
}

} // namespace troupe::actors
