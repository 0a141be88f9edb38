// What two configurations differ in, as people say it: before a change is made, and after.
#pragma once

#include "conf/config.hpp"

#include <string>
#include <vector>

namespace troupe::conf {

/// One thing that the change does.
struct change_line {
  enum class kind : std::uint8_t { added, removed, changed };

  kind what = kind::changed;
  /// `peer laptop`, `interface`, `log`.
  std::string subject;
  /// The setting of that subject, and its values in the file's words, which for a key are none.
  /// Empty where the whole peer is added or removed.
  std::string setting;
  std::string before;
  std::string after;

  friend bool operator==(const change_line&, const change_line&) = default;
};

/// Settings in the order of the file, then peers: removed, changed, added. Nothing for
/// configurations that are the same. Linear in what exists but for sorting.
std::vector<change_line> describe_change(const config& before, const config& after);

/// In all but the place where it was written.
bool same_peer(const peer_config& left, const peer_config& right);

/// `+ peer laptop`, `- peer phone`, `~ peer tablet: persistent_keepalive 0 -> 25`.
std::string to_string(const change_line& line);

/// `2 peers added, 1 removed, 1 changed; interface.mtu, log.level`, or `nothing`.
std::string summarize(const std::vector<change_line>& lines);

} // namespace troupe::conf
