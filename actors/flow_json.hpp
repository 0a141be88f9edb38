// The shape of `flow`, for scripts: what is on its way through the router, where it stands, and
// what has died. Keys may be added, none is renamed.
#pragma once

#include "messages/status.hpp"

#include "conf/config.hpp"

#include <nlohmann/json.hpp>

#include <vector>

namespace troupe::actors {

/// What all actors of the data path said, at about the same time.
struct flow_sample {
  tunnel_status tunnel;
  std::vector<stage_status> stages;
  /// Of the TUN device, because its queue was full; unknown if it is out of sight.
  std::optional<std::uint64_t> ring_drops;
};

/// Shares, rates and percentiles are of the time since `before`, if there is one, else since the
/// start. Holds no secret.
nlohmann::ordered_json flow_json(const conf::config& running, const flow_sample& now,
                                 const flow_sample* before);

/// What holds the packets up, in words: `udp-sender/0 is waiting for the socket 83 % of the time`.
std::string bottleneck_of(const flow_sample& now, const flow_sample* before);

} // namespace troupe::actors
