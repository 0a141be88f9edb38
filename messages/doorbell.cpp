#include "messages/doorbell.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace troupe {

doorbell::doorbell() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!event_)
    throw std::system_error(errno, std::system_category(), "cannot make an eventfd");
}

void doorbell::awake() noexcept {
  if (state_.exchange(state::awake) == state::awake)
    ++events_unread_;
  if (events_unread_ == 0)
    return;
  std::uint64_t written = 0;
  if (::read(event_.fd(), &written, sizeof written) == static_cast<ssize_t>(sizeof written))
    events_unread_ -= std::min(written, events_unread_);
}

void doorbell::write_event() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.fd(), &one, sizeof one);
}

} // namespace troupe
