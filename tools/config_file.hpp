// The configuration as files: reads FILE, FILE's drop-ins and the key files they name, and refuses
// those whose permissions give a key or the configuration away. What is in them is conf's to judge.
#pragma once

#include "conf/config.hpp"
#include "conf/config_error.hpp"

#include <string>
#include <variant>
#include <vector>

namespace troupe::tools {

/// The drop-ins of the interface IFNAME are IFNAME.d/*.toml beside the file, whatever that is
/// called, taken in sorted order.
std::variant<conf::config, std::vector<conf::config_error>> read_config(const std::string& path);

} // namespace troupe::tools
