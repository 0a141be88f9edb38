#include "actors/tun_writer.hpp"

#include "actors/actor_support.hpp"

namespace troupe::actors {

void tun_writer_state::write(const slab& batch) {
  // A device that is gone is its TUN READER's to report.
  const tun::write_result result = parts.sink->write_batch(batch);
  ++status.batches;
  status.packets += result.packets;
  status.octets += result.octets;
  status.drops.count(drop_reason::tun_refused, result.refused);
  if (parts.log->should_log(spdlog::level::trace))
    parts.log->trace("batch {}#{}: wrote {} packets, {} octets; the device refused {}",
                     batch.origin(), batch.serial(), result.packets, result.octets, result.refused);
}

tun_writer_actor::behavior_type
tun_writer(tun_writer_actor::stateful_pointer<tun_writer_state> self, tun_writer_parts parts) {
  if (parts.own_thread)
    name_thread(parts.name);
  end_loudly_on_exceptions(self, parts.log);
  self->state.status.actor = parts.name;
  self->state.parts = std::move(parts);
  return {
      [self](deliver_batch& batch) {
        const slab_ref slab = std::move(batch.slab);
        self->state.write(*slab);
      },
      [self](atom::stop) { self->quit(); },
      [self](const status_query& query) {
        query.reader.post(stage_answer{query.token, self->state.status});
      },
  };
}

} // namespace troupe::actors
