// Randomness as an argument: the protocol never fetches its own.
#pragma once

#include "messages/bytes.hpp"

#include <chrono>

namespace troupe::crypto {

class random_source {
public:
  virtual ~random_source() = default;
  /// Unpredictable in production (the kernel's), seeded in tests.
  virtual void fill(bytes out) = 0;

  std::uint32_t next_u32() {
    byte_array<4> drawn{};
    fill(drawn);
    return load_le32(drawn.data());
  }

  /// From zero to `limit`, both included; `limit` is a few seconds at most.
  std::chrono::milliseconds up_to(std::chrono::milliseconds limit) {
    return std::chrono::milliseconds(next_u32() % (static_cast<std::uint32_t>(limit.count()) + 1));
  }
};

} // namespace troupe::crypto
