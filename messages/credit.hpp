// What a reader is told of credit.
#pragma once

#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include <cstddef>
#include <optional>

namespace troupe {

struct credit_settings {
  /// Octets; absent: found by measurement.
  std::optional<std::size_t> window;
  /// How long a queue may stand between the read and the last system call.
  duration target_delay = limits::credit_target_delay / 2;

  friend bool operator==(const credit_settings&, const credit_settings&) = default;
};

} // namespace troupe
