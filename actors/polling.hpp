// The loop of a POLLING actor: a turn of work, and where there was none, a sleep in poll(2).
// Between turns it looks into its mailbox, so that stop, credits and questions are seen.
#pragma once

#include "messages/interfaces.hpp"

#include <algorithm>
#include <chrono>
#include <span>

namespace troupe::actors {

inline constexpr std::chrono::milliseconds forever{-1};

/// The timeout of a wait that ends at `next`, or never.
inline std::chrono::milliseconds until(time_point next, time_point now) {
  if (next == never)
    return forever;
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::ceil<std::chrono::milliseconds>(next - now));
}

/// A descriptor to wait for; one below zero is none.
struct watched_fd {
  int fd = -1;
  bool for_reading = false;
  bool for_writing = false;
  // What the wait found. `failed`: the other end, or the device, is gone.
  bool readable = false;
  bool writable = false;
  bool failed = false;

  [[nodiscard]] bool ready() const { return readable || writable || failed; }
};

inline watched_fd watch_reading(int fd) {
  return {fd, true, false};
}
inline watched_fd watch_writing(int fd) {
  return {fd, false, true};
}

/// How a POLLING actor waits; tests have one that does not.
class waiter {
public:
  virtual ~waiter() = default;
  /// Waits until something is ready, the bell rings, or the time is up. False: the actor is not to
  /// look again by itself.
  virtual bool wait(doorbell& bell, std::span<watched_fd> descriptors,
                    std::chrono::milliseconds timeout) = 0;
};

/// poll(2).
class poll_waiter final : public waiter {
public:
  poll_waiter();
  ~poll_waiter() override;
  bool wait(doorbell& bell, std::span<watched_fd> descriptors,
            std::chrono::milliseconds timeout) override;

private:
  /// The kernel's form of what is waited for; kept for its capacity.
  struct poll_set;
  std::unique_ptr<poll_set> polled_;
};

/// Ends a turn in which there was nothing to do: sleeps, unless mail has come. Whether another turn
/// is wanted. `without_credit`: a credit coming home is worth waking for.
template <class Self>
[[nodiscard]] bool wait_until_ready(Self* self, waiter& how, doorbell& bell,
                                    std::span<watched_fd> descriptors, bool without_credit = false,
                                    std::chrono::milliseconds timeout = forever) {
  bell.about_to_sleep(without_credit);
  const bool another = !self->mailbox().empty() || how.wait(bell, descriptors, timeout);
  bell.awake();
  return another;
}

/// The same, and asks for the turn by a message.
template <class Self>
void sleep_until_ready(Self* self, waiter& how, doorbell& bell, std::span<watched_fd> descriptors,
                       bool without_credit = false, std::chrono::milliseconds timeout = forever) {
  if (wait_until_ready(self, how, bell, descriptors, without_credit, timeout))
    self->send(self, atom::poll_v);
}

/// Takes turns as long as `turn` says that another is wanted; mail comes first, and then the next
/// turn is asked for by a message. For actors that bring in batches: they need no message for each.
template <class Self, class Turn>
void take_turns(Self* self, Turn turn) {
  while (turn(self))
    if (!self->mailbox().empty())
      return self->send(self, atom::poll_v);
}

/// Sends a slab home to a POLLING actor.
template <class Actor>
class polled_home final : public slab_home {
public:
  explicit polled_home(polled<Actor> home) : home_(std::move(home)) {}
  void take_back(bare_slab returned) noexcept override {
    home_.post_credit({std::move(returned), home_.actor->home_system().clock().now()});
  }

private:
  polled<Actor> home_;
};

} // namespace troupe::actors
