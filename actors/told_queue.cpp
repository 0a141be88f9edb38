#include "actors/told_queue.hpp"

#include <utility>

namespace troupe::actors {

const slab* told_queue::next() {
  while (!entries_.empty() && !entries_.front().batch) {
    handover_mark& mark = entries_.front().mark;
    if (std::exchange(mark.had_a_share, false))
      mark.at->arrive();
    at_its_end_ = at_its_end_ || !mark.has_a_share;
    if (!at_its_end_ && !mark.at->is_over())
      return nullptr;
    done();
  }
  return entries_.empty() ? nullptr : &*entries_.front().batch;
}

void told_queue::done() {
  entries_.pop_front();
  direct_->done();
}

} // namespace troupe::actors
