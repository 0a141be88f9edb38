// A TOML text as a tree that remembers where everything stood. Decides syntax only, and knows no
// key of ours. It stands between toml++, which only document.cpp sees, and the reading of meaning.
#pragma once

#include "conf/config_error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::conf {

struct position {
  unsigned line = 1;
  unsigned column = 1;
};

struct member;

/// The field that belongs to `what` is set, the others are empty.
struct value {
  enum class kind : std::uint8_t { table, array, string, integer, boolean, floating, date };

  kind what = kind::table;
  position at;
  std::string text;        // string
  std::int64_t number = 0; // integer; boolean: 0 or 1
  /// Of a date with a time and an offset, and of no other; fractions of a second are cut off.
  std::optional<std::chrono::sys_seconds> instant;
  std::vector<value> items;    // array
  std::vector<member> members; // table, sorted by key

  value();
  ~value();
  value(value&&) noexcept;
  value& operator=(value&&) noexcept;
};

struct member {
  std::string key;
  position at;
  value content;
};

/// `a string`, `an array`: as error messages call it.
std::string_view kind_name(value::kind kind);

/// The root table, or the first error of syntax. Strings of the tree are the only copies that the
/// caller can wipe; toml++ has working copies of its own, which is one reason for key files.
std::variant<value, config_error> parse_document(const std::string& file, std::string_view text);

} // namespace troupe::conf
