// What a last actor (UDP SENDER, TUN WRITER) was told to do and has not done, in its order, up to
// the next handover that is not over.
#pragma once

#include "messages/interfaces.hpp"

#include <deque>
#include <memory>

namespace troupe::actors {

class told_queue {
public:
  /// `direct`: the actor's own short cut, which waits until all is done.
  explicit told_queue(std::shared_ptr<shortcut> direct = nullptr) : direct_(std::move(direct)) {}

  void add(slab_ref batch) { entries_.push_back({std::move(batch), {}}); }
  void add(handover_mark mark) { entries_.push_back({{}, std::move(mark)}); }

  /// The batch to do; null: there is none, or a handover is waited for, whose end the actor is told
  /// of. Passes the handovers that are over.
  [[nodiscard]] const slab* next();
  /// The one that `next` said is done.
  void done();
  /// A handover was passed behind which there is nothing for this actor, ever.
  [[nodiscard]] bool is_at_its_end() const { return at_its_end_; }

  template <class Visitor>
  void for_each_batch(Visitor visit) const {
    for (const entry& each : entries_)
      if (each.batch)
        visit(*each.batch);
  }

private:
  struct entry {
    slab_ref batch; // null: a mark
    handover_mark mark;
  };

  std::shared_ptr<shortcut> direct_;
  std::deque<entry> entries_;
  bool at_its_end_ = false;
};

} // namespace troupe::actors
