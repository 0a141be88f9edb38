// Bytes, and the explicit byte orders in which protocols write numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe {

using bytes = std::span<std::uint8_t>;
using const_bytes = std::span<const std::uint8_t>;

template <std::size_t N>
using byte_array = std::array<std::uint8_t, N>;

/// Little endian, as WireGuard writes its numbers. `in` holds at least the number's size.
inline std::uint32_t load_le32(const std::uint8_t* in) {
  return std::uint32_t{in[0]} | std::uint32_t{in[1]} << 8 | std::uint32_t{in[2]} << 16 |
         std::uint32_t{in[3]} << 24;
}

inline std::uint64_t load_le64(const std::uint8_t* in) {
  return std::uint64_t{load_le32(in)} | std::uint64_t{load_le32(in + 4)} << 32;
}

inline void store_le32(std::uint8_t* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i)
    out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

inline void store_le64(std::uint8_t* out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i)
    out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// Big endian, as IP and TAI64N write theirs.
inline std::uint16_t load_be16(const std::uint8_t* in) {
  return static_cast<std::uint16_t>(in[0] << 8 | in[1]);
}

inline void store_be16(std::uint8_t* out, std::uint16_t value) {
  out[0] = static_cast<std::uint8_t>(value >> 8);
  out[1] = static_cast<std::uint8_t>(value);
}

inline std::uint32_t load_be32(const std::uint8_t* in) {
  return std::uint32_t{load_be16(in)} << 16 | load_be16(in + 2);
}

inline void store_be32(std::uint8_t* out, std::uint32_t value) {
  store_be16(out, static_cast<std::uint16_t>(value >> 16));
  store_be16(out + 2, static_cast<std::uint16_t>(value));
}

inline void store_be64(std::uint8_t* out, std::uint64_t value) {
  store_be32(out, static_cast<std::uint32_t>(value >> 32));
  store_be32(out + 4, static_cast<std::uint32_t>(value));
}

} // namespace troupe
