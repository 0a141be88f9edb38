// The commands around the interface's life as they are by now: ADMIN changes them, main runs them.
#pragma once

#include "conf/config.hpp"

#include <mutex>
#include <utility>

namespace troupe::actors {

class shared_hooks {
public:
  explicit shared_hooks(conf::hooks first) : now_(std::move(first)) {}

  void set(conf::hooks wanted) {
    const std::lock_guard held(mutex_);
    now_ = std::move(wanted);
  }
  [[nodiscard]] conf::hooks now() const {
    const std::lock_guard held(mutex_);
    return now_;
  }

private:
  mutable std::mutex mutex_;
  conf::hooks now_;
};

} // namespace troupe::actors
