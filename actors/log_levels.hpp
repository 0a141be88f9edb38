// The levels of the log as the configuration has them.
#pragma once

#include "actors/log.hpp"
#include "conf/config.hpp"

namespace troupe::actors {

spdlog::level::level_enum spdlog_level(conf::log_level level);

/// Of an actor by its whole name, or else by its name without number, or else the common one.
level_chooser levels_of(const conf::log_config& wanted);

} // namespace troupe::actors
