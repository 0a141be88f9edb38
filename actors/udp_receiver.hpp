// UDP RECEIVER: turns datagrams of one socket into slabs for TUNNEL. Without credit it
// leaves them to the socket's buffer. No error ends it; one that persists makes it wait a while.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"
#include "actors/polling.hpp"
#include "actors/reader_credit.hpp"
#include "udp/datagram_source.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace troupe::actors {

struct udp_receiver_parts {
  std::string name;
  /// From a pair of sockets, the one of this receiver's family; null: the host has none.
  std::function<std::shared_ptr<udp::datagram_source>(const use_sockets&)> source_of;
  use_sockets sockets;
  tunnel_actor tunnel;
  std::shared_ptr<doorbell> bell;
  std::shared_ptr<waiter> wait;
  logger log;
  bool own_thread = true;
  credit_settings credit = {};
};

struct udp_receiver_state {
  udp_receiver_parts parts;
  std::shared_ptr<udp::datagram_source> source;
  std::optional<reader_credit> credit;
  std::chrono::milliseconds pause{0};
  stage_status status;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;
  std::uint64_t drops_of_former_sockets = 0;

  void start(udp_receiver_parts given, const std::shared_ptr<slab_home>& home);
  /// Receives a batch if there is credit and a datagram. Whether there was.
  bool receive_once(slab_ref& filled, time_point now);
  /// Of all sockets so far.
  [[nodiscard]] std::uint64_t kernel_drops() const {
    return drops_of_former_sockets + (source ? source->kernel_drops() : 0);
  }

private:
  void note_error(const std::error_code& error);
};

udp_receiver_actor::behavior_type
udp_receiver(udp_receiver_actor::stateful_pointer<udp_receiver_state> self,
             udp_receiver_parts parts);

} // namespace troupe::actors
