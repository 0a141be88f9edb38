#include "tun/checksum.hpp"

namespace troupe::tun {

std::uint32_t add_words(std::uint32_t sum, const_bytes data) {
  std::size_t at = 0;
  for (; at + 1 < data.size(); at += 2)
    sum += load_be16(&data[at]);
  if (at < data.size())
    sum += std::uint32_t{data[at]} << 8;
  return sum;
}

std::uint16_t finish_checksum(std::uint32_t sum) {
  // Twice: the first fold may carry again.
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

} // namespace troupe::tun
