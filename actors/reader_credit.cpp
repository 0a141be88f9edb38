#include "actors/reader_credit.hpp"

#include <algorithm>

namespace troupe::actors {

reader_credit::reader_credit(std::string_view origin, const slab_sizes& sizes,
                             const credit_settings& settings,
                             const std::shared_ptr<slab_home>& home)
    : window_(settings, sizes.slabs * sizes.octets), automatic_(!settings.window) {
  at_rest_.reserve(sizes.slabs);
  out_since_.reserve(sizes.slabs);
  for (std::size_t i = 0; i < sizes.slabs; ++i)
    at_rest_.push_back(slab::make(origin, sizes.octets, sizes.descriptors_max, home));
}

void reader_credit::set(const credit_settings& settings, time_point now) {
  window_.set(settings, now);
  automatic_ = !settings.window;
}

void reader_credit::ran_out(time_point now) {
  if (!starved_since_)
    starved_since_ = now;
  window_.stopped();
}

slab_ref reader_credit::launch(std::size_t octets, time_point now) {
  slab_ref launched = slab::launch(std::move(at_rest_.back()), ++serial_, now, octets);
  at_rest_.pop_back();
  out_since_.push_back(now);
  window_.took(octets, now);
  return launched;
}

void reader_credit::take_back(slab_return&& home) {
  const time_point filled_at = home.slab->filled_at();
  if (home.slab->reached_the_end()) {
    const duration sojourn = home.at - filled_at;
    sojourn_.count(sojourn);
    window_.came_home(home.slab->filled_octets(), sojourn, home.at);
  } else { // all dropped, or waiting elsewhere: it has seen no queue
    window_.gave_back(home.slab->filled_octets());
  }
  const std::vector<time_point>::iterator since =
      std::find(out_since_.begin(), out_since_.end(), filled_at);
  if (since != out_since_.end())
    out_since_.erase(since);
  at_rest_.push_back(std::move(home.slab));
  if (starved_since_ && is_there()) {
    starved_ += std::max(home.at - *starved_since_, duration::zero());
    starved_since_.reset();
  }
}

credit_status reader_credit::status(time_point now) const {
  credit_status found;
  found.window_octets = window_.octets();
  found.automatic = automatic_;
  found.out_octets = window_.out();
  found.slabs_out = out_since_.size();
  found.slabs = out_since_.size() + at_rest_.size();
  found.starved = starved_ + (starved_since_ ? now - *starved_since_ : duration::zero());
  found.sojourn = sojourn_;
  if (!out_since_.empty())
    found.oldest_out = now - *std::min_element(out_since_.begin(), out_since_.end());
  return found;
}

} // namespace troupe::actors
