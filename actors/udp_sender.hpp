// UDP SENDER: sends what TUNNEL has sealed, in the order it came. When the socket takes no more it
// keeps the batches in hand, and with them the slabs: so a blocked socket stops the TUN READER.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"
#include "actors/polling.hpp"
#include "actors/told_queue.hpp"
#include "udp/datagram_sink.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace troupe::actors {

struct udp_sender_parts {
  std::string name;
  std::uint8_t lane = 0;
  std::function<std::shared_ptr<udp::datagram_sink>(const use_sockets&)> sink_of;
  use_sockets sockets;
  tunnel_actor tunnel;
  std::shared_ptr<doorbell> bell;
  std::shared_ptr<waiter> wait;
  std::shared_ptr<shortcut> direct;
  logger log;
  bool own_thread = true;
};

struct udp_sender_state {
  udp_sender_parts parts;
  std::shared_ptr<udp::datagram_sink> sink;
  /// Not yet sent, oldest first; as many as there are slabs, at most.
  told_queue waiting;
  /// How far the first of them has got.
  udp::send_cursor cursor;
  /// A turn of its loop is under way or asked for.
  bool polling = false;
  std::chrono::milliseconds pause{0};
  int blocked_fd = -1;
  std::optional<time_point> waits_since;
  /// For memory (`pause`), and not for the socket.
  bool waits_for_memory = false;
  /// Of whose wait the sink has heard; of its end it hears when the socket is writable, and it
  /// begins anew when something was added meanwhile. -1: none.
  int measured_fd = -1;
  bool added = false;
  bool writable = false;
  stage_status status;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;

  ~udp_sender_state();
  void start(udp_sender_parts given);
  void use(const use_sockets& sockets);
  /// Sends until all that may go now is sent (true) or the socket takes no more. `stale` collects
  /// the peers whose source addresses no longer work.
  bool send_waiting(std::vector<peer_id>& stale);
  /// The short cut: sends `batch`, if it is small, before anything waits. What it does not get
  /// through goes on where it stopped once the actor is told.
  bool send_now(const slab_ref& batch);

  void note_wait(bool waits, time_point now);
  void end_wait(time_point now);
  [[nodiscard]] stage_status status_at(time_point now);

private:
  udp::send_result send_some(const slab& batch, std::vector<peer_id>& stale);
  void account(const slab& batch, const udp::send_result& result, std::vector<peer_id>& stale);
};

udp_sender_actor::behavior_type
udp_sender(udp_sender_actor::stateful_pointer<udp_sender_state> self, udp_sender_parts parts);

} // namespace troupe::actors
