#include "udp/send_buffer.hpp"

#include <algorithm>
#include <utility>

namespace troupe::udp {

std::optional<std::size_t> send_buffer::writable(std::size_t queued, std::size_t size,
                                                 std::size_t longest, time_point now) {
  const std::optional<time_point> since = std::exchange(since_, std::nullopt);
  // What leaves at once, as a device takes a burst, says nothing of a rate.
  if (!since || now <= *since || queued > queued_ - queued_ / 4)
    return std::nullopt;
  const double rate =
      static_cast<double>(queued_ - queued) / static_cast<double>((now - *since).count());
  std::size_t wanted = 2 * size;
  if (queued > queued_ / 8) // else it ran empty, or nearly: the rate is more than was seen
    wanted = std::min(wanted,
                      static_cast<std::size_t>(rate * static_cast<double>(target_delay_.count())));
  const std::size_t least =
      std::min(most_, limits::udp_send_queue_min + longest * limits::fragment_overhead_factor);
  wanted = std::clamp(wanted, least, most_);
  // A little more or less is not worth a system call.
  const bool is_other = wanted > size + size / 4 || wanted < size - size / 4;
  return is_other ? std::optional(wanted) : std::nullopt;
}

} // namespace troupe::udp
