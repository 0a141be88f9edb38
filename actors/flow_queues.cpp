#include "actors/flow_queues.hpp"

#include "messages/flow.hpp"

namespace troupe::actors {

void flow_queues::share_out(std::size_t queues) {
  queues_ = queues;
  seen_.resize(queues > 1 ? entries : 0);
  for (entry& each : seen_)
    if (each.queue_and_one > queues)
      each = {};
}

void flow_queues::read_from(const slab& batch, std::uint8_t queue) {
  if (queues_ == 1 || queue >= queues_) // one that is gone has left some behind
    return;
  ++batches_;
  for (const arrival& packet : batch.arrivals) {
    const std::uint32_t hash = flow_hash(batch.range(packet.offset, packet.length));
    entry& found = seen_[hash % entries];
    if (found.queue_and_one == 0 || found.hash == hash || batches_ - found.read_last > batches_kept)
      found = {hash, batches_, static_cast<std::uint8_t>(queue + 1)};
  }
}

void flow_queues::steer(slab& batch) const {
  if (queues_ == 1)
    return;
  for (delivery& packet : batch.deliveries) {
    const std::uint32_t hash = flow_hash(batch.range(packet.offset, packet.length));
    const entry& found = seen_[hash % entries];
    const bool is_its_own = found.queue_and_one != 0 && found.hash == hash;
    packet.queue =
        static_cast<std::uint8_t>(is_its_own ? found.queue_and_one - 1U : hash % queues_);
  }
}

} // namespace troupe::actors
