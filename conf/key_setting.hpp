// Keys in the document: given in place, or as a file that holds them. Wipes every copy of a secret
// that it meets.
#pragma once

#include "conf/section.hpp"
#include "conf/toml.hpp"

#include <optional>
#include <string_view>

namespace troupe::conf {

struct secret_setting {
  /// Whether one of the two keys is there, right or wrong.
  bool given = false;
  /// Absent when not given, or wrong and now an error.
  secret_key key;
  /// Of the file that it was in; empty: it was given in place.
  std::string file;
};

/// The secret under `key`, or in the file named by `KEY_file`; both is an error, but in what a
/// daemon kept of itself, where the file is not read.
secret_setting read_secret(section& from, std::string_view key, const key_reader& read_key);

std::optional<public_key> read_public_key(section& from, std::string_view key);

} // namespace troupe::conf
