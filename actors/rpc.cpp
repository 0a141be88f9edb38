#include "actors/rpc.hpp"

#include <algorithm>
#include <array>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view files =
    "{files: [{path, text}], key_files: [{path, text, absolute}]}: FILE, its drop-ins, and the key "
    "files that they name";

constexpr std::array methods = {
    rpc_method{"status", "the interface, its peers and what was dropped"},
    rpc_method{"flow", "what is on its way, where it stands, what was dropped, and the bottleneck"},
    rpc_method{"diff", files, false, true},
    rpc_method{"apply",
               "{files, key_files, confirm_s, dry_run}: makes it the running configuration; with "
               "confirm_s until then unless confirmed",
               true, true},
    rpc_method{"confirm", "keeps the change that waits for it", true},
    rpc_method{"rollback", "takes back the change that waits to be confirmed", true},
    rpc_method{"history", "the last changes: when, who, what"},
    rpc_method{"reload", "applies the daemon's own file", true},
    rpc_method{"show.config", "{file, keys}: the running configuration, or that of the file, as "
                              "TOML; keys for root only"},
    rpc_method{"save", "writes the running configuration to the daemon's own file", true},
    rpc_method{"peer.add",
               "{name, public_key, allowed_ips, endpoint, persistent_keepalive, preshared_key, "
               "enabled}",
               true},
    rpc_method{"peer.set", "{peer: NAME or KEY} and the settings of peer.add to be changed", true},
    rpc_method{"peer.remove", "{peer}", true},
    rpc_method{"peer.enable", "{peer}", true},
    rpc_method{"peer.disable", "{peer}: keeps it in the configuration, and nowhere else", true},
    rpc_method{"log.level", "{level, actor}: until the next restart or apply", true},
    rpc_method{"rpc.list", "these methods"},
};

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

std::string rpc_result(std::string_view id, std::string_view result) {
  std::string line = R"({"jsonrpc":"2.0","id":)";
  return line.append(id).append(R"(,"result":)").append(result).append("}\n");
}

std::string rpc_error(std::string_view id, const rpc_failure& failure) {
  std::string line = R"({"jsonrpc":"2.0","id":)";
  const json error = {{"code", static_cast<int>(failure.code)}, {"message", failure.text}};
  return line.append(id).append(R"(,"error":)").append(dump(error)).append("}\n");
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
