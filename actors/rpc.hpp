// The envelope of the admin protocol: JSON-RPC 2.0, one object a line. Knows which methods there
// are, and of none what it does.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace troupe::actors {

struct rpc_method {
  std::string_view name;
  std::string_view summary;
  /// The names of all there are, with a blank between two.
  std::string_view parameters;
  /// Of those that change something a reader's socket knows nothing.
  bool changes = false;
  /// Its request may be as long as a configuration.
  bool takes_files = false;
};

/// In the order of the commands of troupectl.
std::span<const rpc_method> rpc_methods();
/// Null: there is none.
const rpc_method* find_rpc_method(std::string_view name);

struct rpc_call {
  std::string id; // as JSON; empty: a notification, which is not answered
  std::string method;
  nlohmann::ordered_json params; // an object, perhaps empty
};

/// JSON-RPC 2.0, section 5.1, and own ones.
enum class rpc_code : int {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  /// The change is not possible, and nothing has changed.
  refused = -32000,
  /// A change waits to be confirmed.
  pending = -32001,
  /// A change failed, and so did its undoing.
  rollback_incomplete = -32002,
  not_allowed = -32003,
  /// A port that another has, or a mark that this process may not set.
  socket_refused = -32004,
};

struct rpc_failure {
  rpc_code code{};
  std::string text;
};

/// How a line of the log about it begins: empty where something has changed.
inline std::string_view nothing_changed(const rpc_failure& failure) {
  return failure.code == rpc_code::rollback_incomplete ? "" : "nothing is changed: ";
}

/// The call, or the line that says why it is none. What is nested deeper than any request needs is
/// refused: the library copies it by recursion.
std::variant<rpc_call, std::string> parse_rpc(std::string_view line);

/// What is wrong with the names of the parameters; a misspelt one is never passed over, as it may
/// be what makes a change harmless.
std::optional<rpc_failure> judge_parameters(const rpc_method& method,
                                            const nlohmann::ordered_json& params);

/// Whole lines. `id` and `result` are JSON.
std::string rpc_result(std::string_view id, std::string_view result);
std::string rpc_error(std::string_view id, const rpc_failure& failure);
/// Of ours, to a client: it belongs to no request.
std::string rpc_notification(std::string_view method, const nlohmann::ordered_json& params);

/// As every answer writes it: text of others' making may be no UTF-8.
std::string dump(const nlohmann::ordered_json& value);

/// Whether the beginning of a request that is long asks for a method that takes files. Its
/// `method` has to come first, which no JSON library minds.
bool may_be_long(std::string_view begin);

} // namespace troupe::actors
