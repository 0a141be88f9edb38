// How many handshakes one source may have looked at while we are under load (whitepaper
// section 5.3): a token bucket per IPv4 address or IPv6 /64. Only sources that proved their address
// with a cookie come here; this file knows nothing of that. One thread.
#pragma once

#include "messages/address.hpp"
#include "messages/moment.hpp"

#include <list>
#include <map>

namespace troupe::crypto {

/// What counts as one source: whoever has one IPv6 address usually has its /64.
[[nodiscard]] ip_address source_of(const ip_address& sender);

class rate_limiter {
public:
  /// Whether `sender` has a token left; takes it. False as well for a new source when
  /// rate_limit_sources_max others were active within rate_limit_entry_idle_time.
  [[nodiscard]] bool allow(const ip_address& sender, time_point now);

  [[nodiscard]] std::size_t size() const { return buckets_.size(); }

private:
  struct bucket {
    ip_address source;
    time_point last_used;
    /// Time not yet spent on packets, at most burst_time.
    duration saved;
  };

  void collect_idle(time_point now);

  /// Least recently used first, so that the idle ones are all at the front.
  std::list<bucket> buckets_;
  /// Ordered, not hashed: nobody can choose addresses that collide.
  std::map<ip_address, std::list<bucket>::iterator> by_source_;
};

} // namespace troupe::crypto
