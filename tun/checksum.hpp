// The Internet checksum (RFC 1071), as IP, ICMP, TCP and UDP have it.
#pragma once

#include "messages/bytes.hpp"

namespace troupe::tun {

/// The sum of the 16-bit words of `data` (an odd last octet is followed by a zero) and `sum`, not
/// folded. All but the last part of something summed in parts has an even length; up to 64 KiB in
/// all.
std::uint32_t add_words(std::uint32_t sum, const_bytes data);

/// What stands in a checksum field whose words, with the field itself zero, have this sum.
std::uint16_t finish_checksum(std::uint32_t sum);

} // namespace troupe::tun
