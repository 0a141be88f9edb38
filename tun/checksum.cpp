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

std::uint32_t word_at(const std::uint8_t* from) {
  std::uint32_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// Whole blocks: what most octets lie in. Returns what is left of `data`.
const_bytes sum_blocks(std::uint64_t& sum, const_bytes data) {
  std::uint64_t sums[lanes] = {};
  const std::uint8_t* from = data.data();
  const std::size_t blocks = data.size() / block_octets;
  for (std::size_t i = 0; i < blocks; ++i, from += block_octets)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += word_at(from + lane * sizeof(std::uint32_t));
  for (const std::uint64_t lane : sums)
    sum += lane;
  return data.subspan(blocks * block_octets);
}

/// Less than a block; by words, since headers are little else.
std::uint64_t sum_rest(const_bytes data) {
  std::uint64_t sum = 0;
  for (; data.size() >= sizeof(std::uint32_t); data = data.subspan(sizeof(std::uint32_t)))
    sum += word_at(data.data());
  byte_array<sizeof(std::uint32_t)> last{};
  for (std::size_t i = 0; i < data.size(); ++i)
    last[i] = data[i];
  return sum + word_at(last.data());
}

} // namespace

std::uint32_t add_words(std::uint32_t sum, const_bytes data) {
  std::uint64_t words = 0;
  if (data.size() >= block_octets)
    data = sum_blocks(words, data);
  return fold(sum + from_memory_order(words + sum_rest(data)));
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
