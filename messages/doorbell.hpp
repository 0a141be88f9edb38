// How an actor that sleeps in poll(2) hears that its mailbox has something: an eventfd, written
// only when the actor has said that it is about to sleep.
//
// No wake-up is lost: the sleeper says `about_to_sleep`, then looks into its mailbox, then polls; a
// sender enqueues, then rings. Whichever order they meet in, one of them sees the other, since all
// operations here and on CAF's mailbox are sequentially consistent: weaken none of them.
#pragma once

#include "messages/unique_fd.hpp"

#include <atomic>
#include <cstdint>

namespace troupe {

class doorbell {
public:
  /// Throws std::system_error.
  doorbell();

  /// After the message is in the mailbox. Any thread; one atomic exchange while nobody sleeps.
  void ring() noexcept {
    if (state_.exchange(state::awake) != state::awake)
      write_event();
  }
  /// The same for a credit: wakes only a sleeper who has none left. The others take it when they
  /// next wake; a mailbox cannot fill with credits, since their number is fixed.
  void ring_for_credit() noexcept {
    state starved = state::starved;
    if (state_.compare_exchange_strong(starved, state::awake))
      write_event();
  }

  // The sleeper's side, on its own thread.
  void about_to_sleep(bool without_credit) noexcept {
    state_.store(without_credit ? state::starved : state::asleep);
  }
  /// After poll(2), or instead of it; once after each `about_to_sleep`.
  void awake() noexcept;
  [[nodiscard]] int fd() const { return event_.fd(); }

private:
  enum class state : int { awake, asleep, starved };

  void write_event() noexcept;

  unique_fd event_;
  std::atomic<state> state_{state::awake};
  /// The sleeper's. Who rings changes the state first and writes the event later, perhaps only when
  /// the sleeper is awake already; an event left unread would end every sleep at once.
  std::uint64_t events_unread_ = 0;
};

} // namespace troupe
