// What `troupectl actors` shows a person: `actors` as text. Scripts take the JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace troupe::tools {

/// `actors` is the daemon's answer. Throws nlohmann::json::exception when it has not the shape of
/// actors_json.hpp.
std::string actors_table(const nlohmann::ordered_json& actors);

} // namespace troupe::tools
