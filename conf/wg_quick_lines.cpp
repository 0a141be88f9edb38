#include "conf/wg_quick_lines.hpp"

#include <algorithm>
#include <array>

namespace troupe::conf {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

/// Never leaves the text, so that an empty result still has a position.
std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

/// The octets of the character at the front; 0 if it is none. RFC 3629: no surrogates, no longer
/// form than needed, nothing above U+10FFFF.
std::size_t character_octets(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = octet(0);
  if (first < 0x80)
    return 1;
  if (first < 0xc2 || first > 0xf4)
    return 0;
  const std::size_t octets = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < octets)
    return 0;
  for (std::size_t i = 1; i < octets; ++i)
    if (!continues_character(text[i]))
      return 0;
  const unsigned second = octet(1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : octets;
}

} // namespace

position wg_quick_line::at(std::string_view part) const {
  const std::string_view before(whole.data(), static_cast<std::size_t>(part.data() - whole.data()));
  const std::ptrdiff_t characters =
      std::count_if(before.begin(), before.end(), [](char c) { return !continues_character(c); });
  return {number, static_cast<unsigned>(characters) + 1};
}

wg_quick_line read_wg_quick_line(std::string_view whole, unsigned number) {
  wg_quick_line line;
  line.number = number;
  line.whole = whole;
  const std::size_t hash = std::min(whole.find('#'), whole.size());
  line.key = trimmed(whole.substr(0, hash));
  if (hash != whole.size())
    line.comment = whole.substr(hash + 1);
  if (line.key.empty()) {
    line.what = hash == whole.size() ? wg_quick_line::kind::blank : wg_quick_line::kind::comment;
    return line;
  }
  const std::string_view code = line.key;
  const std::size_t equals = code.find('=');
  line.what = wg_quick_line::kind::other;
  if (code.front() == '[') {
    line.what = wg_quick_line::kind::section;
    line.value = code.substr(1, 0);
    if (code.back() == ']')
      line.value = trimmed(code.substr(1, code.size() - 2));
  } else if (equals != 0 && equals != std::string_view::npos) {
    line.what = wg_quick_line::kind::setting;
    line.key = trimmed(code.substr(0, equals));
    line.value = trimmed(code.substr(equals + 1));
  }
  return line;
}

std::vector<std::string_view> words_of(std::string_view list) {
  constexpr std::string_view separators = ", \t\r\v\f";
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t first = list.find_first_not_of(separators);
    if (first == std::string_view::npos)
      return words;
    list.remove_prefix(first);
    const std::size_t length = std::min(list.find_first_of(separators), list.size());
    words.push_back(list.substr(0, length));
    list.remove_prefix(length);
  }
}

bool same_word(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view peer_name_in(std::string_view comment) {
  comment = trimmed(comment);
  // Nyr's and angristan's wireguard-install, PiVPN.
  constexpr std::array<std::string_view, 3> marks = {"BEGIN_PEER ", "## Client ", "## begin "};
  for (const std::string_view mark : marks) {
    if (comment.substr(0, mark.size()) != mark)
      continue;
    std::string_view name = comment.substr(mark.size());
    return trimmed(name.substr(0, name.find_last_not_of("# ") + 1));
  }
  const std::size_t equals = comment.find('=');
  if (equals == std::string_view::npos)
    return {};
  const std::string_view key = trimmed(comment.substr(0, equals));
  const bool names = same_word(key, "name") || same_word(key, "friendly_name");
  return names ? trimmed(comment.substr(equals + 1)) : std::string_view();
}

std::size_t valid_utf8_octets(std::string_view text) {
  std::size_t valid = 0;
  while (valid < text.size()) {
    const std::size_t octets = character_octets(text.substr(valid));
    if (octets == 0)
      return valid;
    valid += octets;
  }
  return valid;
}

} // namespace troupe::conf
