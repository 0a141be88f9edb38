// Where a UDP RECEIVER's datagrams come from: a socket, or a fake in memory.
#pragma once

#include "messages/limits.hpp"
#include "messages/slab.hpp"

#include <string>
#include <system_error>

namespace troupe::udp {

struct receive_result {
  /// Appended to `arrivals`, and their octets.
  std::size_t datagrams = 0;
  std::size_t octets = 0;
  /// Messages that they came in: joined datagrams are one.
  std::size_t messages = 0;
  /// Longer than their slot: counted, not delivered.
  std::size_t truncated = 0;
  /// Wait with poll(2) before the next call.
  bool socket_empty = false;
  /// An error that does not go away by itself at once: wait on a timer (limits::socket_retry_first,
  /// doubling) and try again, as long as the socket lives. No error ends a receiver.
  std::error_code error;
};

class datagram_source {
public:
  virtual ~datagram_source() = default;

  /// Readable when datagrams wait.
  [[nodiscard]] virtual int fd() const = 0;

  /// Fills a slab without arrivals, without blocking, from one thread at a time. Datagram i of the
  /// batch, or train of datagrams that came joined, gets slot i, the i-th of
  /// limits::messages_per_receive_slab equal parts of the slab. Empty datagrams arrive too.
  /// At most `messages_max` of them, at least one.
  virtual receive_result receive_batch(slab& into, std::size_t messages_max) = 0;
  receive_result receive_batch(slab& into) {
    return receive_batch(into, limits::messages_per_receive_slab);
  }

  /// Whether datagrams may come joined: "on", or "off: " and why.
  [[nodiscard]] virtual std::string offload() const = 0;

  /// See bound_socket::kernel_drops.
  [[nodiscard]] virtual std::uint32_t kernel_drops() const = 0;
};

} // namespace troupe::udp
