// How much may stand in a socket's send buffer: what leaves in the target's time. The kernel's
// queue behind the socket is part of the delay, and its size is the only word that we have in it.
// Pure: what the kernel had queued and when; out comes a size.
//
// While a socket is full nothing is added, so what left until it could be written to again is the
// rate of the way out.
#pragma once

#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include <cstddef>
#include <optional>

namespace troupe::udp {

class send_buffer {
public:
  /// Octets as the kernel counts them (SIOCOUTQ, SO_SNDBUF as it answers). `most` is what the
  /// socket has at first, and never exceeds.
  send_buffer(std::size_t most, duration target_delay)
      : most_(most), size_(most), target_delay_(target_delay) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  /// The socket took no more, with so much queued.
  void full(std::size_t queued, time_point now) {
    queued_ = queued;
    since_ = now;
  }
  /// It can be written to again. The new size, if it is another one. `longest`: the longest
  /// datagram that was sent; its fragments have to fit beside what is queued.
  [[nodiscard]] std::optional<std::size_t> writable(std::size_t queued, std::size_t longest,
                                                    time_point now);

private:
  const std::size_t most_;
  std::size_t size_;
  const duration target_delay_;
  std::size_t queued_ = 0;
  std::optional<time_point> since_;
};

} // namespace troupe::udp
