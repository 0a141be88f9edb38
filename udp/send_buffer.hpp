// How much may stand in a socket's send buffer: what leaves in the target's time. The kernel's
// queue behind the socket is part of the delay, and its size is the only word that we have in it.
// Pure: what the kernel had queued and when; out comes a size.
//
// While its only sender waits for a full socket nothing is added, so what left until it could be
// written to again is the rate of the way out. Of several senders on one socket each sees less than
// that, and errs on the side of a short queue; who finds it empty makes it larger.
#pragma once

#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include <cstddef>
#include <optional>

namespace troupe::udp {

class send_buffer {
public:
  /// Octets as the kernel counts them (SIOCOUTQ, SO_SNDBUF as it answers). `most` is never
  /// exceeded.
  send_buffer(std::size_t most, duration target_delay) : most_(most), target_delay_(target_delay) {}

  /// The socket took no more, with so much queued.
  void full(std::size_t queued, time_point now) {
    queued_ = queued;
    since_ = now;
  }
  /// It can be written to again. The size that it should have instead of `size`, if another.
  /// `longest`: the longest datagram that was sent; its fragments have to fit beside what is
  /// queued.
  [[nodiscard]] std::optional<std::size_t> writable(std::size_t queued, std::size_t size,
                                                    std::size_t longest, time_point now);

private:
  const std::size_t most_;
  const duration target_delay_;
  std::size_t queued_ = 0;
  std::optional<time_point> since_;
};

} // namespace troupe::udp
