#include "actors/tun_writer.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"

#include <utility>

namespace troupe::actors {

namespace {

using self_pointer = tun_writer_actor::stateful_pointer<tun_writer_state>;

/// Writes all that may go now.
void go_on(self_pointer self) {
  tun_writer_state& state = self->state;
  const shortcut::turn mine(*state.parts.direct);
  while (const slab* const batch = state.waiting.next()) {
    state.write(*batch);
    state.waiting.done();
  }
  if (state.waiting.is_at_its_end())
    self->quit();
}

template <class Told>
void take(self_pointer self, Told told) {
  self->state.waiting.add(std::move(told));
  go_on(self);
}

} // namespace

void tun_writer_state::start(tun_writer_parts given) {
  parts = std::move(given);
  status.actor = parts.name;
  waiting = told_queue(parts.direct);
  parts.direct->open([this](const slab_ref& batch) { return write_now(*batch); });
}

tun_writer_state::~tun_writer_state() {
  if (parts.direct)
    parts.direct->close();
}

bool tun_writer_state::write_now(const slab& batch) {
  std::size_t octets = 0;
  for (const delivery& each : batch.deliveries)
    octets += each.queue == parts.queue ? each.length : 0;
  if (octets > limits::shortcut_octets_max)
    return false;
  write(batch);
  return true;
}

void tun_writer_state::write(const slab& batch) {
  // A device that is gone is its TUN READER's to report.
  const tun::write_result result = parts.sink->write_batch(batch);
  ++status.batches;
  status.packets += result.packets;
  status.octets += result.octets;
  status.units += result.units;
  status.drops.count(drop_reason::tun_refused, result.refused);
  if (!result.drops.empty())
    caf::anon_send(parts.tunnel, sink_drops{{result.drops.begin(), result.drops.end()}});
  if (result.joining_refused)
    parts.log->warn("joining packets for the device: {}", parts.sink->offload());
  if (parts.log->should_log(spdlog::level::trace))
    parts.log->trace("batch {}#{}: wrote {} packets, {} octets; the device refused {}",
                     batch.origin(), batch.serial(), result.packets, result.octets, result.refused);
}

tun_writer_actor::behavior_type tun_writer(self_pointer self, tun_writer_parts parts) {
  if (parts.own_thread)
    name_thread(parts.name);
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts));
  return counted(
      self, [self](deliver_batch& batch) { take(self, std::move(batch.slab)); },
      [self](const use_queue& wanted) {
        const shortcut::turn mine(*self->state.parts.direct);
        self->state.parts.sink = wanted.sink;
      },
      [self](handover_mark& mark) { take(self, std::move(mark)); },
      [self](atom::go_on) { go_on(self); }, [self](atom::stop) { self->quit(); },
      [self](const status_query& query) {
        const shortcut::turn mine(*self->state.parts.direct);
        self->state.status.offload = self->state.parts.sink->offload();
        self->state.status.thread = use_of_this_thread(self->clock().now());
        answer_query(self, query, self->state.status);
      });
}

} // namespace troupe::actors
