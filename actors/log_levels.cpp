#include "actors/log_levels.hpp"

namespace troupe::actors {

spdlog::level::level_enum spdlog_level(conf::log_level level) {
  switch (level) {
  case conf::log_level::trace:
    return spdlog::level::trace;
  case conf::log_level::debug:
    return spdlog::level::debug;
  case conf::log_level::info:
    return spdlog::level::info;
  case conf::log_level::warn:
    return spdlog::level::warn;
  case conf::log_level::error:
    return spdlog::level::err;
  case conf::log_level::off:
    return spdlog::level::off;
  }
  return spdlog::level::info;
}

level_chooser levels_of(const conf::log_config& wanted) {
  return [wanted](const std::string& actor) {
    const std::string kind = actor.substr(0, actor.find('/'));
    for (const std::string& name : {actor, kind})
      if (const auto own = wanted.actors.find(name); own != wanted.actors.end())
        return spdlog_level(own->second);
    return spdlog_level(wanted.level);
  };
}

} // namespace troupe::actors
