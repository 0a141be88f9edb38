#include "actors/credit_window.hpp"

#include <algorithm>

namespace troupe::actors {

credit_window::credit_window(const credit_settings& settings, std::size_t most)
    : settings_(settings), most_(most),
      window_(std::clamp(settings.window.value_or(limits::credit_window_first),
                         limits::credit_window_min, most)) {}

void credit_window::set(const credit_settings& settings, time_point now) {
  settings_ = settings;
  if (settings.window)
    window_ = std::clamp(*settings.window, limits::credit_window_min, most_);
  begin_interval(now);
}

void credit_window::took(std::size_t octets, time_point now) {
  // After idling: what was before says nothing of the rate.
  if (out_ == 0 && now - begin_ >= interval())
    begin_interval(now);
  out_ += octets;
}

void credit_window::came_home(std::size_t octets, duration after, time_point now) {
  gave_back(octets);
  if (settings_.window)
    return;
  home_ += octets;
  ++batches_home_;
  least_ = std::min(least_, after);
  const duration elapsed = now - begin_;
  // One that was slow is no queue, and what it carried no rate.
  if (elapsed < interval() || batches_home_ < limits::credit_batches_min)
    return;
  adapt(elapsed, after);
  begin_interval(now);
}

duration credit_window::interval() const {
  return limits::credit_intervals * settings_.target_delay;
}

void credit_window::begin_interval(time_point now) {
  begin_ = now;
  least_ = duration::max();
  home_ = 0;
  batches_home_ = 0;
  stopped_ = false;
  ran_empty_ = false;
}

/// Too much: at the rate that there was, what takes the target's time. Too little: twice as much
/// while the target is far, and less than that near it.
void credit_window::adapt(duration elapsed, duration last) {
  std::size_t wanted = window_;
  if (!ran_empty_ && least_ > settings_.target_delay) {
    const double share =
        static_cast<double>(settings_.target_delay.count()) / static_cast<double>(elapsed.count());
    wanted = std::min(window_, static_cast<std::size_t>(static_cast<double>(home_) * share));
  } else if (stopped_ && std::max(least_, last) <= settings_.target_delay) {
    // The last, too: an empty socket swallows the first, and everything since may stand.
    wanted += least_ < settings_.target_delay / 2 ? window_ : window_ / 8;
  }
  window_ = std::clamp(wanted, limits::credit_window_min, most_);
}

} // namespace troupe::actors
