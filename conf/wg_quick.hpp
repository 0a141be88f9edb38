// From a wg-quick file to a configuration, or to every error that is in it. Decides what a setting
// of wg(8) and wg-quick(8) is for troupe. What troupe has no equal for is never dropped in silence:
// it becomes a note with what to do instead. Reads no file and changes nothing.
#pragma once

#include "conf/config.hpp"
#include "conf/config_error.hpp"
#include "conf/toml.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::conf {

struct import_note {
  location where;
  /// What the configuration does not say, and what to do instead. Never holds a value that could be
  /// a key.
  std::string text;
};

/// `FILE:LINE:COL: note: text`
std::string to_string(const import_note& note);

struct wg_quick_import {
  config result;
  std::vector<import_note> notes; // by position
};

/// `path` gives the interface its name: the file's, which ends in `.conf`. The result is one that
/// `parse_config` could have returned. Keeps no copy of `text`, which its owner wipes.
std::variant<wg_quick_import, std::vector<config_error>>
parse_wg_quick(const std::string& path, std::string_view text, const key_deriver& derive);

} // namespace troupe::conf
