// The shape of `status`, for scripts: keys may be added, none is renamed.
#pragma once

#include "messages/status.hpp"

#include "conf/config.hpp"

#include <nlohmann/json.hpp>

#include <vector>

namespace troupe::actors {

/// {interface: {...}, peers: [...], drops: [{stage, actor, reason, count, text}]}. Holds no secret.
/// `own_key`: absent without a private key.
nlohmann::ordered_json status_json(const conf::config& running, const socket_facts& sockets,
                                   const std::optional<public_key>& own_key,
                                   const tunnel_status& tunnel,
                                   const std::vector<stage_status>& stages);

} // namespace troupe::actors
