// Asks a running daemon on its admin socket: one JSON-RPC 2.0 request a connection, and whatever
// the daemon sends after its answer. Decides which
// daemon is meant and what counts as unreachable. Knows no method and no answer.
#pragma once

#include "messages/unique_fd.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tools {

/// No daemon, or none that may be asked, or one that does not answer.
class daemon_unreachable : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Several daemons run and none was named, or the name cannot be an interface's.
class daemon_not_chosen : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The daemon's own words: it refused, or the request failed there.
class daemon_refused : public std::runtime_error {
public:
  explicit daemon_refused(const std::string& text, int rpc_code = 0)
      : std::runtime_error(text), code(rpc_code) {}
  /// Of actors/rpc.hpp; 0: the answer was none.
  const int code;
};

/// A connection whose request is answered by more than one line.
class admin_stream {
public:
  admin_stream(unique_fd connected, std::string interface_name, std::string rest);

  /// Readable when there is more.
  [[nodiscard]] int fd() const { return connected_.fd(); }
  /// Whole lines that have come, each as JSON; perhaps none.
  [[nodiscard]] std::vector<nlohmann::ordered_json> read();
  /// Throws daemon_unreachable once the daemon has closed it.
  void require_open() const;

private:
  [[nodiscard]] bool receive();

  unique_fd connected_;
  std::string interface_name_;
  /// Received, and not yet read.
  std::string rest_;
  bool open_ = true;
  /// The daemon has said that it has no more.
  bool ended_ = false;
};

/// Of daemons that run, sorted: a socket that a killed one left behind does not count.
std::vector<std::string> running_interfaces();

class admin_client {
public:
  /// The daemon of `interface_name`; without a name the only one that runs.
  static admin_client of(const std::optional<std::string>& interface_name);

  /// The `result` of the answer. Waits for limits::admin_answer_time at most for each part of it.
  /// Wipes the request, which may hold keys, but not `params`.
  [[nodiscard]] nlohmann::ordered_json
  ask(std::string_view method,
      const nlohmann::ordered_json& params = nlohmann::ordered_json::object()) const;

  /// After the `result` of the answer, which is thrown away, what follows it.
  [[nodiscard]] admin_stream follow(std::string_view method,
                                    const nlohmann::ordered_json& params) const;

private:
  explicit admin_client(std::string interface_name);

  std::string interface_name_;
};

} // namespace troupe::tools
