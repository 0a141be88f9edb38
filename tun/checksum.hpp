// The Internet checksum (RFC 1071), as IP, ICMP, TCP and UDP have it. It is the same sum in
// whichever byte order words are read, so words are read as they lie, eight octets' worth at a
// time.
#pragma once

#include "messages/bytes.hpp"

namespace troupe::tun {

/// The sum of the 16-bit words of `data` (an odd last octet is followed by a zero) and `sum`, with
/// carries folded in: it stays below 2^17. All but the last part of something summed in parts has
/// an even length.
std::uint32_t add_words(std::uint32_t sum, const_bytes data);

/// What stands in a checksum field whose words, with the field itself zero, have this sum.
std::uint16_t finish_checksum(std::uint32_t sum);

/// The same for UDP, where a zero field says that there is no checksum (RFC 768).
std::uint16_t finish_udp_checksum(std::uint32_t sum);

/// The sum of a pseudo header: two addresses of `packet` (an IP packet with a whole header), the
/// protocol and the length of what follows the IP headers (RFC 9293 section 3.1, RFC 8200 section
/// 8.1).
std::uint32_t pseudo_header_sum(const_bytes packet, std::uint8_t protocol,
                                std::size_t transport_octets);

} // namespace troupe::tun
