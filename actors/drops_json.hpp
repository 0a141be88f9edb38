// How dropped packets are shown: by the stage and the actor that dropped them, and by peer.
#pragma once

#include "messages/status.hpp"

#include "conf/config.hpp"

#include <nlohmann/json.hpp>

#include <string_view>
#include <vector>

namespace troupe::actors {

/// Appends one {stage, actor, reason, count, text} for each reason that has counted anything.
void append_drops(nlohmann::ordered_json& out, std::string_view actor, const drop_counters& drops);

/// [{stage, peer, reason, count, text}]: those of each peer, and then, with a `peer` of null, those
/// of no peer or of one that is gone.
nlohmann::ordered_json drops_by_peer_json(const conf::config& running, const tunnel_status& tunnel,
                                          const std::vector<stage_status>& stages);

/// That peer's counts; null if TUNNEL does not have it.
const peer_status* find_peer(const tunnel_status& tunnel, const public_key& key);

} // namespace troupe::actors
