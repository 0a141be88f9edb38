#include "actors/request_files.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "crypto/noise.hpp"

#include <algorithm>
#include <optional>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

/// Moved out, so that one copy is left to be wiped.
std::string take_text(json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? std::move(object[key].get_ref<std::string&>())
             : std::string();
}

/// Moved out; nothing unless it is an array of objects, or absent.
std::optional<json> take_list(json& params, const char* key) {
  if (!params.contains(key))
    return json::array();
  json list = std::move(params[key]);
  const bool right = list.is_array() && std::all_of(list.begin(), list.end(), [](const json& each) {
                       return each.is_object();
                     });
  return right ? std::optional(std::move(list)) : std::nullopt;
}

} // namespace

request_files::~request_files() {
  for (conf::source_file& source : sources_)
    wipe(source.text);
  for (auto& [path, file] : keys_)
    wipe(file.text);
}

bool request_files::take(json& params) {
  std::optional<json> sources = take_list(params, "files");
  std::optional<json> keys = take_list(params, "key_files");
  if (!sources || !keys || sources->empty())
    return false;
  bool short_paths = true;
  const auto take_path = [&](json& from, const char* key) {
    std::string path = take_text(from, key);
    short_paths = short_paths && path.size() <= limits::request_path_octets_max;
    return path;
  };
  for (json& each : *sources)
    sources_.push_back({take_path(each, "path"), take_text(each, "text")});
  for (json& each : *keys) {
    key_file& file = keys_[take_path(each, "path")];
    wipe(file.text);
    file = {take_text(each, "text"), take_path(each, "absolute")};
  }
  return short_paths;
}

std::variant<conf::config, std::vector<conf::config_error>> request_files::parse() const {
  const auto read_key =
      [this](const std::string& path) -> std::variant<conf::key_text, conf::key_unreadable> {
    const auto found = keys_.find(path);
    if (found == keys_.end())
      return conf::key_unreadable{"the request does not bring this file"};
    return conf::key_text{found->second.text, found->second.absolute};
  };
  const auto drop_ins = [this](const std::string&) {
    return conf::drop_in_files{{sources_.begin() + 1, sources_.end()}, {}};
  };
  return conf::parse_config(sources_.front(), drop_ins, read_key, crypto::derive_public);
}

} // namespace troupe::actors
