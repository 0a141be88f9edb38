// The received initiations that are being worked on, over all and by source: what load is judged
// by. Bounded by the jobs that may be out; this file knows nothing of them. One thread.
#pragma once

#include "messages/address.hpp"
#include "messages/limits.hpp"

#include "crypto/rate_limiter.hpp"

#include <cstddef>
#include <map>

namespace troupe::crypto {

class backlog {
public:
  void begin(const ip_address& sender) {
    ++by_source_[source_of(sender)];
    ++all_;
  }
  /// For every `begin`, once.
  void end(const ip_address& sender) {
    const std::map<ip_address, std::size_t>::iterator source = by_source_.find(source_of(sender));
    if (--source->second == 0)
      by_source_.erase(source);
    --all_;
  }

  [[nodiscard]] bool is_load() const { return all_ >= limits::under_load_backlog; }
  /// Whether `sender` alone has as many waiting as one source may.
  [[nodiscard]] bool is_full_of(const ip_address& sender) const {
    const std::map<ip_address, std::size_t>::const_iterator source =
        by_source_.find(source_of(sender));
    return source != by_source_.end() && source->second >= limits::initiations_per_source_max;
  }

private:
  std::size_t all_ = 0;
  /// Ordered, not hashed: nobody can choose addresses that collide.
  std::map<ip_address, std::size_t> by_source_;
};

} // namespace troupe::crypto
