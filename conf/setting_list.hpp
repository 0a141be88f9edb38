// A configuration as a list of its settings, each a key of the file and a value in the file's
// words: for who writes a file, and for who says what two configurations differ in. A new setting
// is entered here, once.
#pragma once

#include "conf/config.hpp"

#include <string>
#include <string_view>

namespace troupe::conf {

class setting_sink {
public:
  virtual ~setting_sink() = default;
  /// What comes up to the next call is of this table.
  virtual void table(std::string_view name) = 0;
  /// `value` is TOML. `standard`: it is what the setting is where the file says nothing.
  virtual void setting(std::string_view key, const std::string& value, bool standard) = 0;
  /// A key that is there, and not in a file of its own.
  virtual void secret(std::string_view key, const secret_key& value) = 0;
  /// One that is. `file` is its path, as TOML.
  virtual void secret_in_file(std::string_view key, const secret_key& value,
                              const std::string& file) = 0;
  /// A key that the configuration does not work without, and that is not there.
  virtual void missing(std::string_view key) = 0;
};

/// All but the peers, in the order of README.md's table.
void list_settings(const config& from, setting_sink& to);
/// Without `table`.
void list_settings(const peer_config& from, setting_sink& to);

} // namespace troupe::conf
