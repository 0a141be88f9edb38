#include "conf/config_error.hpp"

namespace troupe::conf {

std::string to_string(const config_error& error) {
  return error.where.file + ":" + std::to_string(error.where.line) + ":" +
         std::to_string(error.where.column) + ": error: " + error.text;
}

std::string to_string(const std::vector<config_error>& errors) {
  std::string text;
  for (const config_error& error : errors)
    text.append(text.empty() ? "" : "\n").append(to_string(error));
  return text;
}

} // namespace troupe::conf
