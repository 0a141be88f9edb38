// A random_source whose octets a test can have again.
#pragma once

#include "crypto/random.hpp"

#include <random>

namespace troupe::crypto {

class seeded_random : public random_source {
public:
  explicit seeded_random(std::uint64_t seed = 1) : engine_(seed) {}

  void fill(bytes out) override {
    for (std::uint8_t& octet : out)
      octet = static_cast<std::uint8_t>(engine_());
  }

private:
  std::mt19937_64 engine_;
};

} // namespace troupe::crypto
