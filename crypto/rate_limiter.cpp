#include "crypto/rate_limiter.hpp"

#include "messages/limits.hpp"

#include <algorithm>

namespace troupe::crypto {

namespace {

constexpr duration packet_time =
    duration(std::chrono::seconds(1)) / limits::rate_limit_packets_per_second;
constexpr duration burst_time = packet_time * limits::rate_limit_burst;
static_assert(burst_time <= limits::rate_limit_entry_idle_time,
              "a bucket that is forgotten would be full again anyway");

/// More than one, so that the table shrinks while new sources come.
constexpr int collected_per_call = 2;

} // namespace

ip_address source_of(const ip_address& sender) {
  return sender.family == ip_family::v4 ? sender : masked(ip_prefix{sender, 64}).address;
}

bool rate_limiter::allow(const ip_address& sender, time_point now) {
  collect_idle(now);
  const ip_address source = source_of(sender);
  const std::map<ip_address, std::list<bucket>::iterator>::iterator known = by_source_.find(source);
  if (known == by_source_.end()) {
    if (buckets_.size() >= limits::rate_limit_sources_max)
      return false;
    buckets_.push_back({source, now, burst_time - packet_time});
    by_source_.emplace(source, std::prev(buckets_.end()));
    return true;
  }

  bucket& used = *known->second;
  used.saved = std::min(used.saved + (now - used.last_used), burst_time);
  used.last_used = now;
  buckets_.splice(buckets_.end(), buckets_, known->second);
  if (used.saved < packet_time)
    return false;
  used.saved -= packet_time;
  return true;
}

void rate_limiter::collect_idle(time_point now) {
  for (int i = 0; i < collected_per_call && !buckets_.empty(); ++i) {
    if (now - buckets_.front().last_used < limits::rate_limit_entry_idle_time)
      return;
    by_source_.erase(buckets_.front().source);
    buckets_.pop_front();
  }
}

} // namespace troupe::crypto
