// The shape of `flow`, for scripts: what is on its way through the router, where it stands, and
// what has died. Keys may be added, none is renamed.
#pragma once

#include "messages/status.hpp"

#include "conf/config.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// What all actors of the data path said, at about the same time. The actors are the same as long
/// as the program runs.
struct flow_sample {
  tunnel_counts counts;
  thread_use tunnel;
  std::vector<stage_status> stages;
  /// Packets that the TUN device could not hand over; unknown if it is out of sight.
  std::optional<std::uint64_t> queue_drops;

  [[nodiscard]] time_point at() const { return tunnel.at; }
};

/// Shares, rates, averages and percentiles are of the time since `before`; without one shares and
/// rates are 0, and the others of the time since the start. `peers`: of the same moment as `now`.
/// Holds no secret.
nlohmann::ordered_json flow_json(const conf::config& running, const tunnel_status& peers,
                                 const flow_sample& now, const flow_sample* before);

/// What holds the packets up, in words: `udp-sender/0 is waiting for the socket 83 % of the time`.
std::string bottleneck_of(const flow_sample& now, const flow_sample* before);

} // namespace troupe::actors
