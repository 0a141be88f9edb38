#include "crypto/tai64n.hpp"

#include <algorithm>
#include <chrono>

namespace troupe::crypto {

namespace {

/// The label of 1970-01-01 00:00:00 UTC: 2^62, and the ten seconds TAI was ahead by then.
constexpr std::uint64_t epoch_label = 0x400000000000000a;

/// Labels are coarse so that they do not tell the world how this machine's clock ticks. A step is
/// still shorter than initiation_interval_min, within which a responder drops a second initiation.
constexpr std::int64_t step_ns = std::int64_t{1} << 24;
constexpr std::int64_t second_ns = 1'000'000'000;
/// The last step of each second is cut short by the second's end.
constexpr std::int64_t ticks_per_second = (second_ns + step_ns - 1) / step_ns;

std::int64_t tick_of(wall_time now) {
  const std::chrono::sys_seconds second = std::chrono::floor<std::chrono::seconds>(now);
  return second.time_since_epoch().count() * ticks_per_second + (now - second).count() / step_ns;
}

timestamp label_of(std::int64_t tick) {
  const std::int64_t within = (tick % ticks_per_second + ticks_per_second) % ticks_per_second;
  const std::int64_t second = (tick - within) / ticks_per_second;
  timestamp label{};
  store_be64(label.data(), epoch_label + static_cast<std::uint64_t>(second));
  store_be32(label.data() + 8, static_cast<std::uint32_t>(within * step_ns));
  return label;
}

} // namespace

timestamp timestamp_source::next(wall_time now) {
  last_tick_ = std::max(tick_of(now), last_tick_ + 1);
  return label_of(last_tick_);
}

} // namespace troupe::crypto
