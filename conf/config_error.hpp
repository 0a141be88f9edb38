// What is wrong with a configuration, and where: one line each, for people.
#pragma once

#include "conf/config.hpp"

#include <string>
#include <vector>

namespace troupe::conf {

struct config_error {
  location where;
  /// What is wrong and what cures it. Never holds a value that could be a key.
  std::string text;
};

/// `FILE:LINE:COL: error: text`
std::string to_string(const config_error& error);

/// One line each; none behind the last.
std::string to_string(const std::vector<config_error>& errors);

} // namespace troupe::conf
