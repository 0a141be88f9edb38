#include "conf/key_setting.hpp"

#include "conf/wording.hpp"

#include <algorithm>

namespace troupe::conf {

namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Every octet is looked at, whatever the ones before were.
bool all_zero(const_bytes octets) {
  std::uint8_t any = 0;
  for (const std::uint8_t octet : octets)
    any = static_cast<std::uint8_t>(any | octet);
  return any == 0;
}

/// `subject` begins the error: "`private_key`".
secret_key decode(section& from, position at, const std::string& subject, std::string_view text) {
  const std::optional<secret_key> key = secret_key_from_base64(text);
  if (!key) {
    from.error(at, subject + " " + key_fault(text) +
                       "; `troupectl genkey` and `troupectl genpsk` print whole ones");
    return {};
  }
  if (all_zero(key->octets())) {
    from.error(at, subject + " is all zero, which stands for no key; leave it out");
    return {};
  }
  return *key;
}

void read_file(section& from, std::string_view key, const value& path, const key_reader& read_key,
               secret_setting& result) {
  const std::string subject = "`" + std::string(key) + "_file`";
  if (path.text.empty() || path.text.find('\0') != std::string::npos) {
    from.error(path.at, subject + " must be the path of a file that holds the key");
    return;
  }
  std::variant<key_text, key_unreadable> content = read_key(path.text);
  if (const key_unreadable* const failure = std::get_if<key_unreadable>(&content)) {
    from.error(path.at, subject + " " + shown(path.text) + ": " + failure->why);
    return;
  }
  key_text& found = std::get<key_text>(content);
  result.key = decode(from, path.at, "the content of " + subject + " " + shown(path.text),
                      trimmed(found.text));
  result.file = std::move(found.path);
  wipe(found.text);
}

} // namespace

secret_setting read_secret(section& from, std::string_view key, const key_reader& read_key) {
  const std::string file_key = std::string(key) + "_file";
  secret_setting result;
  result.given = from.find(key) != nullptr || from.find(file_key) != nullptr;
  value* const in_place = from.find(key, value::kind::string);
  const value* const path = from.find(file_key, value::kind::string);
  if (in_place != nullptr && path != nullptr && !from.kept_by_daemon()) {
    from.error(path->at, "both `" + std::string(key) + "` and `" + file_key +
                             "` are given; keep one, best the file");
  } else if (in_place != nullptr) {
    result.key = decode(from, in_place->at, "`" + std::string(key) + "`", in_place->text);
    if (path != nullptr)
      result.file = path->text;
  } else if (path != nullptr) {
    read_file(from, key, *path, read_key, result);
  }
  if (in_place != nullptr) {
    from.expect_private(in_place->at);
    wipe(in_place->text);
  }
  return result;
}

/// A public key that is wrong may be the private one in the wrong place, so it is treated as that.
std::optional<public_key> read_public_key(section& from, std::string_view key) {
  value* const given = from.find(key, value::kind::string);
  if (given == nullptr)
    return std::nullopt;
  const std::optional<public_key> result = public_key_from_base64(given->text);
  if (!result) {
    from.error(given->at, "`" + std::string(key) + "` " + key_fault(given->text) +
                              "; `wg show` on the other side prints it whole");
    wipe(given->text);
    return std::nullopt;
  }
  if (all_zero(result->octets)) {
    from.error(given->at, "`" + std::string(key) + "` is all zero, which is nobody's key");
    return std::nullopt;
  }
  return result;
}

} // namespace troupe::conf
