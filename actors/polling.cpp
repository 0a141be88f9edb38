#include "actors/polling.hpp"

#include <poll.h>

#include <vector>

namespace troupe::actors {

struct poll_waiter::poll_set {
  std::vector<pollfd> entries;
};

poll_waiter::poll_waiter() : polled_(std::make_unique<poll_set>()) {}

poll_waiter::~poll_waiter() = default;

bool poll_waiter::wait(doorbell& bell, std::span<watched_fd> descriptors,
                       std::chrono::milliseconds timeout) {
  std::vector<pollfd>& entries = polled_->entries;
  entries.clear();
  for (const watched_fd& each : descriptors)
    entries.push_back(
        {each.fd,
         static_cast<short>((each.for_reading ? POLLIN : 0) | (each.for_writing ? POLLOUT : 0)),
         0});
  entries.push_back({bell.fd(), POLLIN, 0});
  ::poll(entries.data(), entries.size(), static_cast<int>(timeout.count()));
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const short found = entries[i].revents;
    descriptors[i].readable = (found & POLLIN) != 0;
    descriptors[i].writable = (found & POLLOUT) != 0;
    descriptors[i].failed = (found & (POLLERR | POLLHUP | POLLNVAL)) != 0;
  }
  return true; // also after a signal or the timeout: a turn too many harms nobody
}

} // namespace troupe::actors
