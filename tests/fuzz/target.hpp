// What every fuzz target is: libFuzzer's entry point, and seeds to begin with. A target never
// judges its input, only what the parser makes of it; a broken promise is a TROUPE_ASSERT.
#pragma once

#include "messages/assert.hpp"
#include "messages/bytes.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace troupe::fuzz {

using octets = std::vector<std::uint8_t>;

/// Valid inputs, from which mutation begins.
std::vector<octets> seeds();

inline octets from_text(std::string_view text) {
  return {text.begin(), text.end()};
}

/// Reads an input from its front. What is not there is zero, or shorter.
class reader {
public:
  explicit reader(const_bytes input) : rest_(input) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t octet() {
    const const_bytes one = take(1);
    return one.empty() ? 0 : one[0];
  }
  std::uint16_t number() {
    const std::uint8_t high = octet();
    return static_cast<std::uint16_t>(high << 8 | octet());
  }
  const_bytes take(std::size_t count) {
    const const_bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

private:
  const_bytes rest_;
};

} // namespace troupe::fuzz
