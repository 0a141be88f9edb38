#include "tun/checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace troupe::tun {

namespace {

/// Several sums side by side, so that the compiler can use wide registers.
constexpr std::size_t lanes = 8;
constexpr std::size_t block_octets = lanes * sizeof(std::uint32_t);

std::uint32_t fold(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16));
}

/// RFC 1071 section 2 B: a sum of swapped words is the swapped sum.
std::uint32_t from_memory_order(std::uint64_t sum) {
  const std::uint32_t folded = fold(sum);
  if constexpr (std::endian::native == std::endian::little)
    return (folded & 0xff) << 8 | folded >> 8;
  return folded;
}

template <bool copies>
std::uint32_t sum_of(std::uint32_t sum, const_bytes data, std::uint8_t* to) {
  std::uint64_t sums[lanes] = {};
  const auto take = [&sums](const std::uint8_t* block) {
    std::uint32_t words[lanes];
    std::memcpy(words, block, block_octets);
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += words[lane];
  };
  const std::uint8_t* from = data.data();
  std::size_t left = data.size();
  for (; left >= block_octets; left -= block_octets, from += block_octets) {
    take(from);
    if constexpr (copies) {
      std::memcpy(to, from, block_octets);
      to += block_octets;
    }
  }
  if (left > 0) {
    byte_array<block_octets> last{};
    std::memcpy(last.data(), from, left);
    take(last.data());
    if constexpr (copies)
      std::memcpy(to, from, left);
  }
  std::uint64_t total = 0;
  for (const std::uint64_t lane : sums)
    total += lane;
  return sum + from_memory_order(total);
}

} // namespace

std::uint32_t add_words(std::uint32_t sum, const_bytes data) {
  return fold(sum_of<false>(sum, data, nullptr));
}

std::uint32_t copy_and_add(std::uint32_t sum, const_bytes data, std::uint8_t* to) {
  return fold(sum_of<true>(sum, data, to));
}

std::uint16_t finish_checksum(std::uint32_t sum) {
  return static_cast<std::uint16_t>(~fold(sum));
}

std::uint16_t finish_udp_checksum(std::uint32_t sum) {
  const std::uint16_t finished = finish_checksum(sum);
  return finished == 0 ? 0xffff : finished;
}

std::uint32_t pseudo_header_sum(const_bytes packet, std::uint8_t protocol,
                                std::size_t transport_octets) {
  const bool v4 = packet[0] >> 4 == 4;
  const const_bytes addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  const std::uint32_t length = static_cast<std::uint32_t>(transport_octets);
  return add_words(protocol + (length >> 16) + (length & 0xffff), addresses);
}

} // namespace troupe::tun
