#include "actors/handshaker.hpp"

#include "actors/actor_support.hpp"
#include "crypto/handshake_job.hpp"

namespace troupe::actors {

void handshaker_state::perform(const handshake_batch& batch) {
  const duration before = cpu_time_of_this_thread();
  for (const std::shared_ptr<crypto::handshake_job>& job : batch.jobs)
    crypto::perform(*job);
  status.thread.cpu += cpu_time_of_this_thread() - before;
  ++status.batches;
  status.packets += batch.jobs.size();
}

handshaker_actor::behavior_type
handshaker(handshaker_actor::stateful_pointer<handshaker_state> self, logger log) {
  self->state.start(log->name());
  end_loudly_on_exceptions(self, std::move(log));
  return counted(
      self,
      [self](handshake_batch& batch) {
        self->state.perform(batch);
        return handshakes_done{std::move(batch.jobs)};
      },
      [self](const status_query& query) { answer_query(self, query, self->state.status); });
}

} // namespace troupe::actors
