// "Destination unreachable" for a packet that the tunnel has no way for, so that an application
// hears it at once instead of waiting. Decides whether such an answer is allowed and what it says;
// how often it is sent is the caller's.
#pragma once

#include "messages/bytes.hpp"

namespace troupe::tun {

/// What any IPv4 host must take (RFC 792 asks for less, RFC 1812 section 4.3.2.3 for as much of the
/// original as fits), and the least IPv6 link MTU (RFC 4443 section 2.4 c).
inline constexpr std::size_t icmpv4_octets_max = 576;
inline constexpr std::size_t icmpv6_octets_max = 1280;
inline constexpr std::size_t unreachable_octets_max = icmpv6_octets_max;

/// Writes to `out` (at least unreachable_octets_max) an IP packet for the sender of `original`:
/// host unreachable (IPv4, type 3 code 1) or address unreachable (IPv6, type 1 code 3). Both are
/// what the Linux kernel's WireGuard sends, whether no peer has the destination or its peer has no
/// endpoint.
///
/// The length, or 0 where an answer is forbidden (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e):
/// about an ICMP error, a fragment other than the first, a packet to many, a packet from an
/// address that is no single host's; or if `original` is no whole IP packet.
///
/// The answer comes from the destination of `original`. An own address would be the better source,
/// but the packet enters the host through the TUN device, and Linux drops what comes in with one of
/// its own addresses as its source (a martian). The route to the destination leads into the tunnel,
/// so that it is the one source that also passes a strict reverse path filter.
std::size_t make_unreachable(bytes out, const_bytes original);

} // namespace troupe::tun
