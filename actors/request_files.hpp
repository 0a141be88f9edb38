// The files that come with a request to `diff` or `apply`: their texts, which hold keys.
#pragma once

#include "conf/config.hpp"
#include "conf/config_error.hpp"
#include "conf/toml.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace troupe::actors {

/// Wiped with it.
class request_files {
public:
  request_files() = default;
  request_files(const request_files&) = delete;
  request_files& operator=(const request_files&) = delete;
  ~request_files();

  /// Moves `files: [{path, text}]`, the first of them FILE, and `key_files: [{path, text,
  /// absolute}]` out of the parameters, so that one copy is left to be wiped. False if they are
  /// anything else.
  [[nodiscard]] bool take(nlohmann::ordered_json& params);
  /// What they say together. Once they are taken.
  [[nodiscard]] std::variant<conf::config, std::vector<conf::config_error>> parse() const;

private:
  struct key_file {
    std::string text;
    std::string absolute;
  };

  std::vector<conf::source_file> sources_;
  std::map<std::string, key_file> keys_;
};

} // namespace troupe::actors
