// How tests write octets down and read them back.
#pragma once

#include "messages/bytes.hpp"
#include "messages/keys.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::crypto {

using octets = std::vector<std::uint8_t>;

inline std::string to_hex(const_bytes from) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : from) {
    text += digits[octet >> 4];
    text += digits[octet & 15];
  }
  return text;
}

inline octets from_hex(std::string_view text) {
  octets result;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    result.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  return result;
}

inline octets from_text(std::string_view text) {
  return {text.begin(), text.end()};
}

/// 0, 1, 2, ... 255, 0, ...
inline octets counting(std::size_t count) {
  octets result(count);
  for (std::size_t i = 0; i < count; ++i)
    result[i] = static_cast<std::uint8_t>(i);
  return result;
}

} // namespace troupe::crypto
