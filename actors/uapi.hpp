// UAPI: the WireGuard cross-platform socket (/var/run/wireguard/NAME.sock). Finds whole requests in
// what clients send, parses sets, and leaves what they mean to ADMIN. Removing the socket's file
// ends the program, as with other userspace implementations.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/client_hub.hpp"
#include "actors/log.hpp"
#include "actors/polling.hpp"
#include "conf/uapi.hpp"

#include <memory>
#include <optional>

namespace troupe::actors {

struct uapi_parts {
  std::shared_ptr<control_socket> socket;
  polled<admin_actor> admin;
  supervisor_actor supervisor;
  std::shared_ptr<doorbell> bell;
  std::shared_ptr<waiter> wait;
  logger log;
  bool own_thread = true;
};

struct uapi_state {
  uapi_parts parts;
  std::optional<client_hub> hub;
  /// Tells of a removed socket file.
  unique_fd removal;
  std::vector<watched_fd> watched;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;

  void start(uapi_parts given);
  /// False when the socket's file is gone.
  [[nodiscard]] bool serve(time_point now);
  void on_answer(const uapi_answer& answer, time_point now);

private:
  [[nodiscard]] bool socket_is_gone() const;
  void on_input(client& who);
  void on_set(client& who, std::string_view request);
};

uapi_actor::behavior_type uapi(uapi_actor::stateful_pointer<uapi_state> self, uapi_parts parts);

} // namespace troupe::actors
