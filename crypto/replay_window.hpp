// Which counters of a session were received: the sliding window of RFC 6479. Whoever calls has
// verified the packet's tag before it commits a counter here; this file knows nothing of packets.
#pragma once

#include "messages/limits.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace troupe::crypto {

class replay_window {
public:
  /// Not beyond reject_after_messages, not seen before, and at most `late_max` behind the newest.
  [[nodiscard]] bool would_accept(std::uint64_t counter) const {
    if (counter >= limits::reject_after_messages)
      return false;
    if (counter > newest_)
      return true;
    return newest_ - counter <= late_max && (seen_[word_of(counter)] & bit_of(counter)) == 0;
  }

  /// Commits the counter. False, and nothing changed, where `would_accept` is false.
  bool accept(std::uint64_t counter) {
    if (!would_accept(counter))
      return false;
    if (counter > newest_)
      advance(counter);
    seen_[word_of(counter)] |= bit_of(counter);
    return true;
  }

private:
  static constexpr std::size_t word_bits = 64;
  static constexpr std::size_t words = limits::replay_window_bits / word_bits;
  /// The newest word is filled while the oldest is the one it replaced: one word is never history.
  static constexpr std::uint64_t late_max = limits::replay_window_bits - word_bits;
  static_assert(limits::replay_window_bits % word_bits == 0 && words > 1);

  static std::size_t word_of(std::uint64_t counter) { return counter / word_bits % words; }
  static std::uint64_t bit_of(std::uint64_t counter) {
    return std::uint64_t{1} << (counter % word_bits);
  }

  void advance(std::uint64_t counter) {
    const std::uint64_t entered =
        std::min<std::uint64_t>(counter / word_bits - newest_ / word_bits, words);
    for (std::uint64_t i = 1; i <= entered; ++i)
      seen_[(newest_ / word_bits + i) % words] = 0;
    newest_ = counter;
  }

  /// Zero before the first packet too: the clear bit of counter 0 then says that it may still come.
  std::uint64_t newest_ = 0;
  std::array<std::uint64_t, words> seen_{};
};

} // namespace troupe::crypto
