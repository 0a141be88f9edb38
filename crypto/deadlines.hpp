// Who is due when, over all peers. Entries are cheap to add and never searched for: a peer that is
// due earlier adds another, and an entry that is no longer the peer's earliest is skipped when it
// comes up.
#pragma once

#include "messages/moment.hpp"
#include "messages/slab.hpp"

#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace troupe::crypto {

class deadlines {
public:
  void add(time_point due, peer_id who) { entries_.emplace(due, who); }

  [[nodiscard]] time_point earliest() const {
    return entries_.empty() ? never : entries_.top().first;
  }

  /// The next entry due at `now`.
  [[nodiscard]] std::optional<std::pair<time_point, peer_id>> take_due(time_point now) {
    if (earliest() > now)
      return std::nullopt;
    const std::pair<time_point, peer_id> due = entries_.top();
    entries_.pop();
    return due;
  }

private:
  using entry = std::pair<time_point, peer_id>;

  std::priority_queue<entry, std::vector<entry>, std::greater<>> entries_;
};

} // namespace troupe::crypto
