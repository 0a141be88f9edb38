#include "actors/handshaker.hpp"

#include "actors/actor_support.hpp"
#include "crypto/handshake_job.hpp"

namespace troupe::actors {

handshaker_actor::behavior_type handshaker(handshaker_actor::pointer self, logger log) {
  end_loudly_on_exceptions(self, std::move(log));
  return {
      [](handshake_batch& batch) {
        for (const std::shared_ptr<crypto::handshake_job>& job : batch.jobs)
          crypto::perform(*job);
        return handshakes_done{std::move(batch.jobs)};
      },
  };
}

} // namespace troupe::actors
