// How long something took, many times: a count by size, four classes to each doubling, so that a
// percentile is right within a fifth and the whole is a few hundred octets. No allocation, no lock.
#pragma once

#include "messages/moment.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace troupe {

class histogram {
public:
  void count(duration each) {
    ++counts_[class_of(each)];
    largest_ = std::max(largest_, each);
  }

  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : counts_)
      sum += each;
    return sum;
  }

  /// What `percent` of all did not exceed: the upper end of its class, at most `largest`. 0 if
  /// there is none.
  [[nodiscard]] duration percentile(double percent) const {
    const std::uint64_t all = total();
    std::uint64_t left = static_cast<std::uint64_t>(percent / 100 * static_cast<double>(all));
    for (std::size_t i = 0; i < classes; ++i) {
      if (counts_[i] > left)
        return std::min(end_of(i), largest_);
      left -= counts_[i];
    }
    return all > 0 ? largest_ : duration::zero();
  }
  /// Since the start, also of a difference.
  [[nodiscard]] duration largest() const { return largest_; }

  /// What was counted since `earlier`, a copy of this one.
  [[nodiscard]] histogram since(const histogram& earlier) const {
    histogram difference = *this;
    for (std::size_t i = 0; i < classes; ++i)
      difference.counts_[i] -= earlier.counts_[i];
    return difference;
  }

private:
  /// From 1 us, what is shorter among them, to two minutes, what is longer among them.
  static constexpr int smallest_bit = 10; // 1,024 ns
  static constexpr std::size_t per_doubling = 4;
  static constexpr std::size_t classes = 27 * per_doubling;

  static std::size_t class_of(duration each) {
    const std::uint64_t ns = static_cast<std::uint64_t>(std::max<std::int64_t>(each.count(), 0));
    if (ns < std::uint64_t{1} << smallest_bit)
      return 0;
    const int bit = static_cast<int>(std::bit_width(ns)) - 1;
    const std::uint64_t quarter = ns >> (bit - 2) & 3U;
    const std::size_t found = static_cast<std::size_t>(bit - smallest_bit) * per_doubling + quarter;
    return std::min(found, classes - 1);
  }
  static duration end_of(std::size_t which) {
    const int bit = smallest_bit + static_cast<int>(which / per_doubling);
    const std::uint64_t quarters = per_doubling + which % per_doubling + 1;
    return duration(static_cast<std::int64_t>(quarters << (bit - 2)));
  }

  std::array<std::uint64_t, classes> counts_{};
  duration largest_{};
};

} // namespace troupe
