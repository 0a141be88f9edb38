#include "actors/rpc.hpp"

#include "messages/limits.hpp"

#include "conf/wording.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

constexpr std::array methods = {
    rpc_method{"status", "the interface, its peers and what was dropped", ""},
    rpc_method{"flow", "what is on its way, where it stands, what was dropped, and the bottleneck",
               ""},
    rpc_method{"actors", "each actor: its thread, CPU, state, mailbox, rates and CPU time", ""},
    rpc_method{"logs",
               "the last lines of the log; with follow then each new one as a notification `logs`, "
               "until another request or the end of the connection",
               "actor peer level follow"},
    rpc_method{"diff",
               "what FILE would change; files: [{path, text}], FILE first and then its drop-ins; "
               "key_files: [{path, text, absolute}], those that they name",
               "files key_files", false, true},
    rpc_method{"apply",
               "makes FILE the running configuration; with confirm_s until then unless confirmed",
               "files key_files confirm_s dry_run", true, true},
    rpc_method{"confirm", "keeps the change that waits for it", "", true},
    rpc_method{"rollback", "takes back the change that waits to be confirmed", "", true},
    rpc_method{"history", "the last changes: when, who, what", ""},
    rpc_method{"reload", "applies the daemon's own file", "confirm_s dry_run", true},
    rpc_method{"show.config",
               "the running configuration, or that of the file, as TOML; keys (with inline_keys "
               "even those that are in files) for root only",
               "file keys inline_keys"},
    rpc_method{"save", "writes the running configuration to the daemon's own file", "", true},
    rpc_method{"peer.add", "adds a peer",
               "name public_key allowed_ips endpoint persistent_keepalive preshared_key enabled "
               "expires confirm_s dry_run",
               true},
    rpc_method{"peer.set", "changes the settings given of peer (NAME or KEY)",
               "peer name allowed_ips endpoint persistent_keepalive preshared_key enabled "
               "expires confirm_s dry_run",
               true},
    rpc_method{"peer.remove", "removes it", "peer confirm_s dry_run", true},
    rpc_method{"peer.enable", "lets it in again", "peer confirm_s dry_run", true},
    rpc_method{"peer.disable", "keeps it in the configuration, and nowhere else",
               "peer confirm_s dry_run", true},
    rpc_method{"peer.rehandshake",
               "looks its name up again, and shakes hands with it whatever session there is",
               "peer", true},
    rpc_method{"log.level", "of all actors, or of one", "level actor confirm_s dry_run", true},
    rpc_method{"rpc.list", "these methods", ""},
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

/// Behind the string that begins with the quotation mark `at`.
std::size_t behind_string(std::string_view text, std::size_t at) {
  for (std::size_t i = at + 1; i < text.size(); ++i)
    if (text[i] == '"')
      return i + 1;
    else if (text[i] == '\\')
      ++i;
  return text.size();
}

/// Whether a tree of it costs no more than it may: the parser recurses nowhere, but who copies the
/// tree does, it looks through all keys of an object for each, and a value costs more than its
/// text. Of what is no JSON this says nothing.
bool is_bounded(std::string_view text) {
  std::array<std::size_t, limits::json_depth_max + 1> parts_at{};
  std::array<bool, limits::json_depth_max + 1> is_object{};
  std::size_t depth = 0;
  std::size_t parts = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = behind_string(text, i);
      continue;
    }
    if (c == '{' || c == '[') {
      if (++depth > limits::json_depth_max)
        return false;
      parts_at[depth] = 0;
      is_object[depth] = c == '{';
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    } else if (c == ',' && is_object[depth] && ++parts_at[depth] >= limits::json_keys_max) {
      return false;
    }
    if ((c == ',' || c == '{' || c == '[') && ++parts > limits::json_parts_max)
      return false;
    ++i;
  }
  return true;
}

} // namespace

std::span<const rpc_method> rpc_methods() {
  return methods;
}

const rpc_method* find_rpc_method(std::string_view name) {
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [&](const rpc_method& each) { return each.name == name; });
  return found == methods.end() ? nullptr : &*found;
}

std::variant<rpc_call, std::string> parse_rpc(std::string_view line) {
  if (!is_bounded(line))
    return rpc_error("null", {rpc_code::parse_error,
                              "the request is nested too deep, or has more than " +
                                  std::to_string(limits::json_parts_max) + " parts or " +
                                  std::to_string(limits::json_keys_max) + " keys in one"});
  json request = json::parse(line, nullptr, false);
  if (request.is_discarded())
    return rpc_error("null", {rpc_code::parse_error, "the request is no JSON"});
  if (!request.is_object())
    return rpc_error("null",
                     {rpc_code::invalid_request, "the request is no object; there are no batches"});
  const json id = request.value("id", json(nullptr));
  const bool is_valid = request.value("jsonrpc", json(nullptr)) == "2.0" &&
                        request.value("method", json(nullptr)).is_string() &&
                        (id.is_null() || id.is_string() || id.is_number());
  if (!is_valid)
    return rpc_error("null", {rpc_code::invalid_request,
                              "the request is no JSON-RPC 2.0: it needs jsonrpc, method and id"});
  rpc_call call{request.contains("id") ? dump(id) : "", request["method"], json::object()};
  if (request.contains("params"))
    call.params = std::move(request["params"]);
  if (!call.params.is_object())
    return rpc_error(dump(id), {rpc_code::invalid_params, "params must be an object"});
  return call;
}

std::optional<rpc_failure> judge_parameters(const rpc_method& method, const json& params) {
  const std::vector<std::string_view> known = words_of(method.parameters);
  for (const auto& [name, value] : params.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      return rpc_failure{rpc_code::invalid_params,
                         std::string(method.name) + " has no parameter called " +
                             conf::shown(name) +
                             (known.empty() ? "" : conf::suggestion(name, known))};
  return std::nullopt;
}

std::string rpc_result(std::string_view id, std::string_view result) {
  std::string line = R"({"jsonrpc":"2.0","id":)";
  return line.append(id).append(R"(,"result":)").append(result).append("}\n");
}

std::string rpc_error(std::string_view id, const rpc_failure& failure) {
  std::string line = R"({"jsonrpc":"2.0","id":)";
  const json error = {{"code", static_cast<int>(failure.code)}, {"message", failure.text}};
  return line.append(id).append(R"(,"error":)").append(dump(error)).append("}\n");
}

std::string rpc_notification(std::string_view method, const json& params) {
  return dump({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}}) + "\n";
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool may_be_long(std::string_view begin) {
  constexpr std::string_view key = "\"method\"";
  constexpr std::string_view filler = " \t:\"";
  const std::size_t found = begin.find(key);
  if (found == std::string_view::npos)
    return false;
  const std::size_t name = begin.find_first_not_of(filler, found + key.size());
  if (name == std::string_view::npos)
    return false;
  const rpc_method* const method =
      find_rpc_method(begin.substr(name, begin.find('"', name) - name));
  return method != nullptr && method->takes_files;
}

} // namespace troupe::actors
