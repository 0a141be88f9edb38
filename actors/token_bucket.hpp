// So many a second, and a few at once.
#pragma once

#include "messages/moment.hpp"

#include <algorithm>

namespace troupe::actors {

class token_bucket {
public:
  token_bucket(int per_second, int burst)
      : cost_(duration(std::chrono::seconds(1)) / per_second), full_(cost_ * burst), saved_(full_) {
  }

  [[nodiscard]] bool take(time_point now) {
    if (last_ != time_point())
      saved_ = std::min(full_, saved_ + (now - last_));
    last_ = now;
    if (saved_ < cost_)
      return false;
    saved_ -= cost_;
    return true;
  }

private:
  duration cost_;
  duration full_;
  /// Time not spent yet; one token is worth cost_.
  duration saved_;
  time_point last_;
};

} // namespace troupe::actors
