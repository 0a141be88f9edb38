// The lines of a wg-quick file: what kind each is, what it says, and where. Decides syntax only,
// and knows no key of wg-quick. All views point into the file's text, so that no key is copied.
#pragma once

#include "conf/document.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace troupe::conf {

struct wg_quick_line {
  enum class kind : std::uint8_t { blank, comment, section, setting, other };

  kind what = kind::blank;
  unsigned number = 1;
  std::string_view whole;
  /// Of a setting; of any other line all but the comment.
  std::string_view key;
  /// Of a setting; of a section the word between its brackets, empty if they are not closed.
  std::string_view value;
  std::string_view comment; // behind the first `#`, whatever the line is

  /// Of a part of this line.
  [[nodiscard]] position at(std::string_view part) const;
};

/// As wg(8): everything behind a `#` is a comment, blanks around words are nothing. `whole` is one
/// line without its end, which may be that of Windows.
wg_quick_line read_wg_quick_line(std::string_view whole, unsigned number);

/// What commas and blanks separate.
std::vector<std::string_view> words_of(std::string_view list);

/// The same but for the case of ASCII letters.
bool same_word(std::string_view left, std::string_view right);

/// The name that a comment gives a peer, or nothing: `Name = NAME`, `friendly_name = NAME`, and
/// what the usual install scripts write in front of [Peer].
std::string_view peer_name_in(std::string_view comment);

/// How many octets at the front of `text` are UTF-8; all, if it has no fault.
std::size_t valid_utf8_octets(std::string_view text);

} // namespace troupe::conf
