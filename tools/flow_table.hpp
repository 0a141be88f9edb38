// What `troupectl flow` shows a person: `flow` as text. Scripts take the JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace troupe::tools {

/// `flow` is the daemon's answer. Throws nlohmann::json::exception when it has not the shape of
/// flow_json.hpp.
std::string flow_table(const nlohmann::ordered_json& flow);

} // namespace troupe::tools
