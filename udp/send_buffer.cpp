#include "udp/send_buffer.hpp"

#include <algorithm>
#include <utility>

namespace troupe::udp {

std::optional<std::size_t> send_buffer::writable(std::size_t queued, std::size_t longest,
                                                 time_point now) {
  if (!since_ || now <= *since_ || queued >= queued_)
    return std::nullopt;
  const duration time = now - *std::exchange(since_, std::nullopt);
  const std::size_t left = queued_ - queued;
  std::size_t wanted = 0;
  if (queued < queued_ / 8) // it ran empty, or nearly: the rate is more than was seen
    wanted = 2 * size_;
  else
    wanted = static_cast<std::size_t>(static_cast<double>(left) *
                                      static_cast<double>(target_delay_.count()) /
                                      static_cast<double>(time.count()));
  const std::size_t least =
      std::min(most_, limits::udp_send_queue_min + longest * limits::fragment_overhead_factor);
  wanted = std::clamp(wanted, least, most_);
  // A little more or less is not worth a system call.
  if (wanted < size_ + size_ / 4 && wanted > size_ - size_ / 4)
    return std::nullopt;
  size_ = wanted;
  return size_;
}

} // namespace troupe::udp
