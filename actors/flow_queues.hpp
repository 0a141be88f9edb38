// Which TUN queue a flow's packets are written to: the one it was last read from, since the kernel
// reads a flow from the queue that it was last written to, and packets of one flow on two queues
// would overtake each other. A flow that was never read goes by its hash.
#pragma once

#include "messages/slab.hpp"

#include <array>

namespace troupe::actors {

class flow_queues {
public:
  explicit flow_queues(std::size_t queues) : queues_(queues) {}

  /// `arrivals` of `batch` were read from `queue`.
  void read_from(const slab& batch, std::uint8_t queue);
  /// Sets the queue of each of the deliveries.
  void steer(slab& batch) const;

private:
  /// Flows whose hashes collide share an entry: they are on one queue, perhaps not the best one.
  static constexpr std::size_t entries = 4096;

  std::size_t queues_;
  /// The queue and one; 0: never read.
  std::array<std::uint8_t, entries> seen_{};
};

} // namespace troupe::actors
