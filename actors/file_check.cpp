#include "actors/file_check.hpp"

#include "messages/keys.hpp"

#include "conf/toml.hpp"
#include "crypto/noise.hpp"

#include <variant>
#include <vector>

namespace troupe::actors {

namespace {

constexpr std::string_view made_up_path = "request";

/// Where something stands in a text that nobody wrote says nothing.
std::string without_places(std::string text) {
  const std::string place = " at " + std::string(made_up_path) + ":";
  for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place)) {
    const std::size_t end = text.find_first_not_of("0123456789", at + place.size());
    text.erase(at, end == std::string::npos ? end : end - at);
  }
  return text;
}

} // namespace

std::optional<std::string> file_fault(const conf::config& whole, conf::keys how) {
  if (!whole.interface.private_key)
    return "the interface has no private key yet: give it one with wg(8) or a file";
  const bool with_files = how == conf::keys::shown_with_files;
  conf::source_file file;
  file.path = made_up_path;
  file.text = conf::to_toml(with_files ? whole : conf::without_key_files(whole), how);
  file.kept_by_daemon = with_files;
  const auto no_drop_ins = [](const std::string&) { return conf::drop_in_files{}; };
  const auto no_file = [](const std::string&) { return conf::key_unreadable{"not read"}; };
  const auto parsed = conf::parse_config(file, no_drop_ins, no_file, crypto::derive_public);
  wipe(file.text);
  const auto* const errors = std::get_if<std::vector<conf::config_error>>(&parsed);
  if (errors == nullptr)
    return std::nullopt;
  std::string text;
  for (const conf::config_error& error : *errors)
    text.append(text.empty() ? "" : "\n").append(without_places(error.text));
  return text;
}

} // namespace troupe::actors
