// The last answers to a question, which the next one is compared with: rates and shares are of the
// time between.
#pragma once

#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include <deque>
#include <utility>

namespace troupe::actors {

template <class Sample>
class sample_history {
public:
  /// The newest that is old enough for its difference to say something; null: there is none. Valid
  /// until the next `keep`.
  [[nodiscard]] const Sample* before(time_point now) const {
    const Sample* found = nullptr;
    for (const auto& [at, sample] : past_)
      if (const duration age = now - at;
          age >= limits::flow_span_min && age <= limits::flow_span_max)
        found = &sample;
    return found;
  }
  /// Who asks more often than that does not drive out what others' rates are of.
  void keep(time_point now, Sample&& sample) {
    if (!past_.empty() && now - past_.back().first < limits::flow_span_min)
      return;
    past_.emplace_back(now, std::move(sample));
    if (past_.size() > limits::flow_samples_max)
      past_.pop_front();
  }

private:
  std::deque<std::pair<time_point, Sample>> past_; // the newest last
};

} // namespace troupe::actors
