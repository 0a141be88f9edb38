// Whether a configuration could stand in a file.
#pragma once

#include "conf/config.hpp"

#include <optional>
#include <string>

namespace troupe::actors {

/// What keeps `whole`, which came together from several doors, from being a file that `trouped`
/// starts with; one line for each fault. Nothing: it is as strict as a file.
std::optional<std::string> file_fault(const conf::config& whole);

} // namespace troupe::actors
