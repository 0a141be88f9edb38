// How work is shared out anew among the last actors (UDP SENDERs, TUN WRITERs) without one packet
// overtaking another. All of them, those that come and those that go, meet at one mark in their
// mail: who had a share before does all that stands before the mark, and nobody does what stands
// behind it until the last of these is there.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace troupe {

class handover {
public:
  /// `before`: so many had a share. `go_on` tells all who may wait, on the last one's thread.
  handover(std::size_t before, std::function<void()> go_on)
      : missing_(before), go_on_(std::move(go_on)) {}
  handover(const handover&) = delete;
  handover& operator=(const handover&) = delete;

  /// Once by each who had a share: all before the mark is done.
  void arrive() {
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      go_on_();
  }
  [[nodiscard]] bool is_over() const { return missing_.load(std::memory_order_acquire) == 0; }

private:
  std::atomic<std::size_t> missing_;
  std::function<void()> go_on_;
};

} // namespace troupe
