#include "actors/udp_sender.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"

#include <algorithm>
#include <utility>

namespace troupe::actors {

namespace {

using self_pointer = udp_sender_actor::stateful_pointer<udp_sender_state>;

/// Sends what waits. If the socket takes no more, goes on in poll(2) until it does.
void turn(self_pointer self) {
  udp_sender_state& state = self->state;
  if (std::exchange(state.writable, false))
    state.end_wait(self->clock().now());
  stale_sources stale;
  const bool all_sent = state.send_waiting(stale.peers);
  if (!stale.peers.empty())
    self->send(state.parts.tunnel, std::move(stale));
  state.polling = !all_sent;
  if (!all_sent || state.waits_since)
    state.note_wait(!all_sent, self->clock().now());
  if (state.waiting.is_at_its_end())
    return self->quit();
  if (all_sent)
    return;
  const bool paused = state.pause > std::chrono::milliseconds::zero();
  watched_fd socket_writable = watch_writing(state.blocked_fd);
  sleep_until_ready(self, *state.parts.wait, *state.parts.bell,
                    {&socket_writable, paused ? std::size_t{0} : 1}, false,
                    paused ? state.pause : forever);
  state.writable = socket_writable.writable;
}

void go_on(self_pointer self) {
  if (!self->state.polling) // a blocked sender has its turns already
    turn(self);
}

template <class Told>
void take(self_pointer self, Told told) {
  self->state.waiting.add(std::move(told));
  go_on(self);
}

} // namespace

void udp_sender_state::start(udp_sender_parts given) {
  parts = std::move(given);
  status.actor = parts.name;
  waiting = told_queue(parts.direct);
  use(parts.sockets);
  parts.sockets = {};
  parts.direct->open([this](const slab_ref& batch) { return send_now(batch); });
}

udp_sender_state::~udp_sender_state() {
  if (parts.direct)
    parts.direct->close();
}

void udp_sender_state::use(const use_sockets& sockets) {
  const shortcut::turn mine(*parts.direct);
  sink = parts.sink_of(sockets);
  pause = std::chrono::milliseconds::zero();
}

bool udp_sender_state::send_waiting(std::vector<peer_id>& stale) {
  const shortcut::turn mine(*parts.direct);
  while (const slab* const batch = waiting.next()) {
    const udp::send_result result = send_some(*batch, stale);
    added = added || result.datagrams > 0;
    if (result.then == udp::send_result::next::wait_writable) {
      blocked_fd = result.blocked_fd;
      pause = std::chrono::milliseconds::zero();
      return false;
    }
    if (result.then == udp::send_result::next::wait_a_while) {
      pause = std::clamp<std::chrono::milliseconds>(2 * pause, limits::socket_retry_first,
                                                    limits::socket_retry_max);
      return false;
    }
    waiting.done();
  }
  return true;
}

bool udp_sender_state::send_now(const slab_ref& batch) {
  std::size_t octets = 0;
  for (const transmit& each : batch->transmits)
    octets += each.lane == parts.lane ? each.length : 0;
  if (octets > limits::shortcut_octets_max)
    return false;
  stale_sources stale;
  const udp::send_result result = send_some(*batch, stale.peers);
  if (!stale.peers.empty())
    caf::anon_send(parts.tunnel, std::move(stale));
  return result.then == udp::send_result::next::slab_done;
}

udp::send_result udp_sender_state::send_some(const slab& batch, std::vector<peer_id>& stale) {
  const udp::send_result result = sink->send_batch(batch, parts.lane, cursor);
  account(batch, result, stale);
  if (result.datagrams > 0)
    pause = std::chrono::milliseconds::zero();
  if (result.then == udp::send_result::next::slab_done) {
    ++status.batches;
    cursor = {};
  }
  return result;
}

void udp_sender_state::account(const slab& batch, const udp::send_result& result,
                               std::vector<peer_id>& stale) {
  status.packets += result.datagrams;
  status.octets += result.octets;
  status.units += result.messages;
  if (result.joining_refused)
    parts.log->warn("joining datagrams: {}", sink->offload());
  std::size_t dropped_datagrams = 0;
  for (const peer_drop& drop : result.drops) {
    status.drops.count(drop.reason, drop.packets);
    dropped_datagrams += drop.packets;
  }
  if (!result.drops.empty())
    caf::anon_send(parts.tunnel, sink_drops{{result.drops.begin(), result.drops.end()}});
  stale.insert(stale.end(), result.stale_sources.begin(), result.stale_sources.end());
  if (!parts.log->should_log(spdlog::level::trace))
    return;
  parts.log->trace("batch {}#{}: sent {} datagrams, {} octets; dropped {}{}", batch.origin(),
                   batch.serial(), result.datagrams, result.octets, dropped_datagrams,
                   result.then == udp::send_result::next::slab_done ? "" : "; the socket is full");
  for (const peer_drop& drop : result.drops)
    parts.log->trace("batch {}#{}: dropped {} datagrams: {}", batch.origin(), batch.serial(),
                     drop.packets, describe(drop.reason).text);
}

void udp_sender_state::note_wait(bool waits, time_point now) {
  if (waits_since)
    (waits_for_memory ? status.paused : status.blocked) += now - *waits_since;
  waits_since = waits ? std::optional(now) : std::nullopt;
  // While it waits the short cut is not taken, and all of the state is the actor's.
  waits_for_memory = waits && pause > std::chrono::milliseconds::zero();
  const bool for_socket = waits && !waits_for_memory;
  const bool same_wait = for_socket && measured_fd == blocked_fd && !std::exchange(added, false);
  if (same_wait)
    return;
  measured_fd = for_socket ? blocked_fd : -1;
  if (!for_socket)
    return;
  const shortcut::turn mine(*parts.direct);
  sink->begin_wait(now);
}

void udp_sender_state::end_wait(time_point now) {
  if (std::exchange(measured_fd, -1) < 0)
    return;
  const shortcut::turn mine(*parts.direct);
  sink->end_wait(now);
}

stage_status udp_sender_state::status_at(time_point now) {
  const shortcut::turn mine(*parts.direct);
  stage_status answer = status;
  answer.offload = sink->offload();
  const udp::send_queue queue = sink->queue();
  answer.queued_octets = queue.octets;
  answer.queue_limit = queue.limit;
  answer.thread = use_of_this_thread(now);
  if (waits_since) {
    (waits_for_memory ? answer.paused : answer.blocked) += now - *waits_since;
    answer.waits_for = waits_for_memory ? "memory, or room in a device's queue" : "the socket";
  }
  waiting.for_each_batch([&](const slab& batch) {
    for (const transmit& each : batch.transmits)
      answer.held_octets += each.lane == parts.lane ? each.length : 0;
  });
  return answer;
}

udp_sender_actor::behavior_type udp_sender(self_pointer self, udp_sender_parts parts) {
  if (parts.own_thread)
    name_thread(parts.name);
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts));
  return counted(
      self, [self](transmit_batch& batch) { take(self, std::move(batch.slab)); },
      [self](atom::poll) { turn(self); },
      [self](const use_sockets& sockets) { self->state.use(sockets); },
      [self](handover_mark& mark) { take(self, std::move(mark)); },
      [self](atom::go_on) { go_on(self); }, [self](atom::stop) { self->quit(); },
      [self](const status_query& query) {
        answer_query(self, query, self->state.status_at(self->clock().now()));
      });
}

} // namespace troupe::actors
