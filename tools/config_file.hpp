// The configuration as files: reads FILE, FILE's drop-ins and the key files they name, and refuses
// those whose permissions give a key or the configuration away. What is in them is conf's to judge.
#pragma once

#include "conf/config.hpp"
#include "conf/config_error.hpp"
#include "conf/toml.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace troupe::tools {

/// The files as they were read, for who sends them on. Holds keys, and wipes them.
struct config_files {
  struct file {
    std::string path; // as errors name it, or as it is written in the configuration
    std::string text;
    std::string absolute;
  };
  std::vector<file> sources; // the main file, then the drop-ins
  std::vector<file> keys;

  config_files() = default;
  config_files(const config_files&) = delete;
  config_files& operator=(const config_files&) = delete;
  ~config_files();
};

/// `ignored`: somebody insists (`--insecure-permissions`).
enum class permissions : std::uint8_t { judged, ignored };

/// The content of a key file, unless its permissions give the key away.
std::variant<conf::key_text, conf::key_unreadable>
read_key_file(const std::string& path, permissions how = permissions::judged);

/// The drop-ins of the interface IFNAME are IFNAME.d/*.toml beside the file, whatever that is
/// called, taken in sorted order.
/// `texts`: also what was read.
std::variant<conf::config, std::vector<conf::config_error>>
read_config(const std::string& path, permissions how, config_files* texts = nullptr);

/// What a daemon kept of itself, keys and the names of their files.
std::variant<conf::config, std::vector<conf::config_error>>
read_kept_config(const std::string& path);

/// What is said of a file in which nothing is wrong.
std::string ok_text(const std::string& path, const conf::config& read);

} // namespace troupe::tools
