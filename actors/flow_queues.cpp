#include "actors/flow_queues.hpp"

#include "messages/flow.hpp"

namespace troupe::actors {

void flow_queues::read_from(const slab& batch, std::uint8_t queue) {
  if (queues_ == 1)
    return;
  for (const arrival& packet : batch.arrivals)
    seen_[flow_hash(batch.range(packet.offset, packet.length)) % entries] =
        static_cast<std::uint8_t>(queue + 1);
}

void flow_queues::steer(slab& batch) const {
  if (queues_ == 1)
    return;
  for (delivery& packet : batch.deliveries) {
    const std::uint32_t hash = flow_hash(batch.range(packet.offset, packet.length));
    const std::uint8_t seen = seen_[hash % entries];
    packet.queue =
        seen != 0 ? static_cast<std::uint8_t>(seen - 1) : static_cast<std::uint8_t>(hash % queues_);
  }
}

} // namespace troupe::actors
