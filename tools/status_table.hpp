// What `troupectl status` shows a person: `status` as text, aligned, without colour or any other
// demand on the terminal. Scripts take the JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace troupe::tools {

/// `status` is the daemon's answer, `now` the time of day in seconds since the epoch. Throws
/// nlohmann::json::exception when the answer has not the shape of status_json.hpp.
std::string status_table(const nlohmann::ordered_json& status, std::int64_t now);

/// `laptop (expired)`; a peer that is in use has its name alone.
std::string name_and_state(const nlohmann::ordered_json& peer);

/// `12 s ago`, `2 min 5 s ago`, `3 h 0 min ago`, `2 d 4 h ago`, `never`.
std::string time_ago(std::int64_t at, std::int64_t now);

} // namespace troupe::tools
