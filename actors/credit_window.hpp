// How many octets a reader may have out: as few as keep the way behind it busy. Pure: what was
// taken, what came home after which time, and when; out comes a window.
//
// After BQL (Linux lib/dynamic_queue_limits.c): a reader that had to stop while nothing stood in a
// queue had too little. And after CoDel (RFC 8289 section 3): the least time that anything needed,
// over an interval, is the standing queue; what comes and goes within it is a burst and does no
// harm.
#pragma once

#include "messages/credit.hpp"
#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe::actors {

class credit_window {
public:
  /// `most`: what all slabs of the reader hold together.
  credit_window(const credit_settings& settings, std::size_t most);
  /// From now on by these; what is out stays out.
  void set(const credit_settings& settings, time_point now);

  /// Whether to read more. What is then read may exceed the window by one batch.
  [[nodiscard]] bool has_room() const { return out_ < window_; }
  [[nodiscard]] std::size_t room() const { return window_ - std::min(out_, window_); }
  [[nodiscard]] std::size_t octets() const { return window_; }
  [[nodiscard]] std::size_t out() const { return out_; }

  void took(std::size_t octets, time_point now);
  /// The reader stops for want of room.
  void stopped() { stopped_ = true; }
  /// What has seen no queue.
  void gave_back(std::size_t octets) {
    out_ -= std::min(out_, octets);
    ran_empty_ = ran_empty_ || out_ == 0;
  }
  /// `after` what time.
  void came_home(std::size_t octets, duration after, time_point now);

private:
  void begin_interval(time_point now);
  void adapt(duration elapsed, duration last);
  [[nodiscard]] duration interval() const;

  credit_settings settings_;
  const std::size_t most_;
  std::size_t window_;
  std::size_t out_ = 0;
  // Of the interval that runs.
  time_point begin_{};
  duration least_ = duration::max();
  std::size_t home_ = 0;
  int batches_home_ = 0;
  bool stopped_ = false;
  bool ran_empty_ = false;
};

} // namespace troupe::actors
