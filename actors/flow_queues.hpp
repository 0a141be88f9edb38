// Which TUN queue a flow's packets are written to: the one it was last read from, since the kernel
// reads a flow from the queue that it was last written to, and packets of one flow on two queues
// would overtake each other. A flow that was never read goes by its hash.
#pragma once

#include "messages/slab.hpp"

#include <vector>

namespace troupe::actors {

class flow_queues {
public:
  explicit flow_queues(std::size_t queues) { share_out(queues); }

  /// Among so many from now on. Flows of a queue that is still there stay on it.
  void share_out(std::size_t queues);
  /// `arrivals` of `batch` were read from `queue`.
  void read_from(const slab& batch, std::uint8_t queue);
  /// Sets the queue of each of the deliveries.
  void steer(slab& batch) const;

private:
  struct entry {
    std::uint32_t hash = 0;
    std::uint32_t read_last = 0;    // in batches
    std::uint8_t queue_and_one = 0; // 0: nobody's
  };
  static constexpr std::size_t entries = 4096;
  /// After so many batches without a packet of its flow an entry may be another's. Before that, a
  /// flow that finds it taken goes by its hash: were it shared, every flow in it would change its
  /// queue, and overtake itself, whenever another is read.
  static constexpr std::uint32_t batches_kept = 65536;

  std::size_t queues_ = 1;
  std::uint32_t batches_ = 0;
  std::vector<entry> seen_;
};

} // namespace troupe::actors
