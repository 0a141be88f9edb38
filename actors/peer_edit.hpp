// The verbs of one peer: from the parameters of a request to the configuration with that peer
// changed.
#pragma once

#include "conf/config.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <variant>

namespace troupe::actors {

/// `method` is one of peer.add, peer.set, peer.remove, peer.enable, peer.disable. The result may
/// still hold what no file may, as a prefix that two peers have; or what is wrong with the
/// parameters. Wipes the preshared key in `params`.
std::variant<conf::config, std::string>
edit_peer(const conf::config& from, const std::string& method, nlohmann::ordered_json& params);

/// The peer that `params` names by `peer`, or what is wrong.
std::variant<const conf::peer_config*, std::string> find_peer(const conf::config& in,
                                                              const nlohmann::ordered_json& params);

} // namespace troupe::actors
