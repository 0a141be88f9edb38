// Where a UDP SENDER's datagrams go to: the sockets, or a fake in memory.
#pragma once

#include "messages/slab.hpp"

#include <span>
#include <string>

namespace troupe::udp {

/// The next datagram to send: `segment` of `transmits[transmit]`.
struct send_cursor {
  std::size_t transmit = 0;
  std::uint32_t segment = 0;

  friend auto operator<=>(const send_cursor&, const send_cursor&) = default;
};

struct send_result {
  enum class next {
    /// The lane's datagrams are all sent or dropped.
    slab_done,
    /// Wait until `blocked_fd` is writable, then go on from the cursor.
    wait_writable,
    /// The host is short of memory: wait on a timer (limits::socket_retry_first, doubling up to
    /// socket_retry_max; afresh once anything was sent), then go on from the cursor.
    wait_a_while,
  };

  next then = next::slab_done;
  int blocked_fd = -1;
  std::size_t datagrams = 0;
  std::size_t octets = 0;
  /// System calls' messages: a train of joined datagrams is one.
  std::size_t messages = 0;
  /// Datagrams of one family are no longer joined from now on. `offload` tells why.
  bool joining_refused = false;
  /// Valid until the next send_batch.
  std::span<const peer_drop> drops;
  /// Peers who could only be reached without their sticky source: TUNNEL is to forget it.
  std::span<const peer_id> stale_sources;
};

/// What a socket holds and may hold, as the kernel counts it.
struct send_queue {
  std::size_t octets = 0;
  std::size_t limit = 0;
};

class datagram_sink {
public:
  virtual ~datagram_sink() = default;

  /// Sends the segments in `lane` from `cursor` on, in order, without blocking. The cursor is moved
  /// past all that was sent or dropped; it starts at {} for each slab. From one thread at a time.
  virtual send_result send_batch(const slab& from, std::uint8_t lane, send_cursor& cursor) = 0;

  /// The wait for a writable socket begins, or is over: how long it takes for how much says how
  /// large the socket's buffer should be.
  virtual void begin_wait(time_point now) = 0;
  virtual void end_wait(time_point now) = 0;
  /// Of all its sockets.
  [[nodiscard]] virtual send_queue queue() const = 0;

  /// Whether datagrams are joined: "on", or in words what is not, and why.
  [[nodiscard]] virtual std::string offload() const = 0;
};

} // namespace troupe::udp
