// Whether a configuration could stand in a file.
#pragma once

#include "conf/config.hpp"
#include "conf/toml_text.hpp"

#include <optional>
#include <string>

namespace troupe::actors {

/// What keeps `whole`, which came together from several doors, from being a file that `trouped`
/// starts with; one line for each fault. Nothing: it is as strict as a file.
/// With keys::shown_with_files: from being one that a daemon keeps of itself.
std::optional<std::string> file_fault(const conf::config& whole,
                                      conf::keys how = conf::keys::shown);

} // namespace troupe::actors
