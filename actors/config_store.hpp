// The daemon's own configuration file, as ADMIN sees it.
#pragma once

#include "conf/config.hpp"
#include "conf/config_error.hpp"

#include <string>
#include <variant>
#include <vector>

namespace troupe::actors {

class config_store {
public:
  virtual ~config_store() = default;
  [[nodiscard]] virtual const std::string& path() const = 0;
  /// As it is now, with its drop-ins and key files.
  [[nodiscard]] virtual std::variant<conf::config, std::vector<conf::config_error>>
  read() const = 0;
  /// The file alone, whole or not at all; what it was stays beside it as `PATH.old`. Throws
  /// std::system_error.
  virtual void write(const std::string& text) = 0;
};

} // namespace troupe::actors
