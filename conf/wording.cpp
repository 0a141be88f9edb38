#include "conf/wording.hpp"

#include "messages/keys.hpp"

#include <algorithm>
#include <vector>

namespace troupe::conf {

namespace {

/// More would not be read, and the distance of two words costs the product of their lengths.
constexpr std::size_t shown_characters_max = 80;

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=';
}

/// Half a key already helps an attacker; no host name, prefix or configuration key has so long a
/// run of base64. The slashes of a path break the run, unless the path is as long as a key.
bool may_hold_key(std::string_view text) {
  constexpr std::size_t suspicious_run = 22;
  constexpr std::size_t key_like_min = 40;
  constexpr std::size_t key_like_max = 48;
  const bool path = !text.empty() && text.front() == '/' &&
                    (text.size() < key_like_min || text.size() > key_like_max ||
                     !std::all_of(text.begin(), text.end(), is_base64));
  std::size_t run = 0;
  for (const char c : text) {
    run = is_base64(c) && !(path && c == '/') ? run + 1 : 0;
    if (run >= suspicious_run)
      return true;
  }
  return false;
}

} // namespace

std::string shown(std::string_view text) {
  if (may_hold_key(text))
    return "(text withheld, as it may hold a key)";
  if (text.size() > shown_characters_max)
    return "(a text of " + std::to_string(text.size()) + " octets)";
  if (!prints(text))
    return "(a text with control characters)";
  return "`" + std::string(text) + "`";
}

bool prints(std::string_view text) {
  const auto octet_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (octet_at(i) < 0x20 || octet_at(i) == 0x7f)
      return false;
    // U+0080 to U+009F: a terminal may take them for the beginning of a command.
    if (octet_at(i) == 0xc2 && i + 1 < text.size() && octet_at(i + 1) < 0xa0)
      return false;
  }
  return true;
}

std::string_view endpoint_fault(std::string_view text,
                                const std::optional<endpoint_setting>& read) {
  if (!read && text.find('%') != std::string_view::npos)
    return "; write it as [fe80::1%INTERFACE]:51820, with an interface that is there";
  if (!read)
    return "; write it as HOST:PORT, 192.0.2.1:51820 or [2001:db8::1]:51820";
  if (read->literal && !is_one_host(read->literal->address))
    return ", which is no address of one host; give the peer's own address";
  return {};
}

std::string mtu_fault(const interface_config& of) {
  constexpr std::uint32_t ipv6_mtu_min = 1280;
  const bool has_ipv6 =
      std::any_of(of.addresses.begin(), of.addresses.end(),
                  [](const ip_prefix& given) { return given.address.family == ip_family::v6; });
  if (of.mtu >= ipv6_mtu_min || !has_ipv6)
    return {};
  return "is " + std::to_string(of.mtu) + "; with an IPv6 address it must be at least 1280";
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last(right.size() + 1);
  std::vector<std::size_t> last(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[right.size()];
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  word = word.substr(0, shown_characters_max);
  std::string_view nearest;
  std::size_t distance = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t other = edit_distance(word, candidate);
    if (other < distance) {
      distance = other;
      nearest = candidate;
    }
  }
  if (!nearest.empty())
    return "; did you mean `" + std::string(nearest) + "`?";
  std::string known = "; known here: ";
  for (std::size_t i = 0; i < candidates.size(); ++i)
    known += (i == 0 ? "`" : ", `") + std::string(candidates[i]) + "`";
  return known;
}

std::string key_fault(std::string_view text) {
  constexpr std::size_t characters = (key_octets + 2) / 3 * 4;
  if (text.empty())
    return "is empty";
  if (text.size() != characters)
    return "has " + std::to_string(text.size()) + " characters; a key is " +
           std::to_string(characters) + " characters of base64";
  if (!std::all_of(text.begin(), text.end(), is_base64))
    return "has a character that is not base64";
  if (text.find('=') != characters - 1)
    return "does not end in one `=` as a key of 32 octets does";
  return "is no key of 32 octets: its end is mistyped";
}

} // namespace troupe::conf
