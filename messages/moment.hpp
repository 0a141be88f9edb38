// Time as an argument. Nothing below the actors reads a clock: whoever calls says what time it is.
#pragma once

#include <chrono>

namespace troupe {

using duration = std::chrono::nanoseconds;
/// Timers and ages. Never goes back.
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;
/// What other machines see: handshake timestamps, `latest handshake`. May jump either way.
using wall_time = std::chrono::time_point<std::chrono::system_clock, duration>;

/// One reading of both clocks, taken once a batch.
struct moment {
  time_point steady;
  wall_time wall;
};

/// The deadline of somebody who has none.
inline constexpr time_point never = time_point::max();

} // namespace troupe
