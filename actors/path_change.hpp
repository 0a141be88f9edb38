// A change of how many TUN READERs, TUN WRITERs and UDP SENDERs there are, and of whether
// super-packets pass the device, while packets are on their way. ADMIN's thread.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/path_maker.hpp"
#include "actors/transaction.hpp"
#include "conf/config.hpp"
#include "tun/queue.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace troupe::actors {

class path_change final : public prepared_path {
public:
  /// What it is a change of; all outlives it.
  struct environment {
    const path_maker& make;
    tun::queue_set& device;
    data_path& in_use;
    link_status link;
    /// `in_use` is another by now: whoever keeps actors of it has to let them go, or their threads
    /// stay.
    std::function<void()> on_commit;
  };

  /// Makes what is missing of `wanted`. Throws std::exception when the device or the host does not
  /// give it, and then all is as before.
  static std::unique_ptr<path_change> prepare(const environment& around,
                                              const conf::config& running,
                                              const conf::config& wanted,
                                              const use_sockets& sockets);
  path_change(const path_change&) = delete;
  path_change& operator=(const path_change&) = delete;
  ~path_change() override;

  void commit() override;

private:
  path_change(const environment& around, bool offload_before)
      : around_(around), next_(around.in_use), offload_before_(offload_before),
        queues_before_(around.device.queues()) {}

  void make_missing(const conf::config& wanted, const use_sockets& sockets);
  void abandon() noexcept;
  [[nodiscard]] std::vector<data_path_change::newcomer> newcomers() const;
  [[nodiscard]] std::vector<caf::actor_addr> leavers() const;

  environment around_;
  data_path next_;
  bool offload_before_;
  std::size_t queues_before_;
  bool offload_changed_ = false;
  bool committed_ = false;
};

} // namespace troupe::actors
