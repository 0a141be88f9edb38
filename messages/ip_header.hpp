// The inner IP header, parsed once. After this nothing looks at version or lengths again.
#pragma once

#include "messages/address.hpp"
#include "messages/bytes.hpp"

#include <optional>

namespace troupe {

enum class ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

struct ip_header {
  ip_address source;
  ip_address target;
  /// What the header says: at least the header's own length, at most what was given.
  std::uint32_t total_length = 0;
  ecn congestion = ecn::not_ect;
};

/// Nothing when the packet is neither IPv4 nor IPv6, is shorter than its header (IPv4: options
/// included), or claims more octets than `packet` has (zeros after the packet, the tunnel's
/// padding, are fine).
std::optional<ip_header> parse_ip_header(const_bytes packet);

/// Writes the ECN field of a packet that parsed, and mends the IPv4 header checksum (RFC 1624).
void set_ecn(bytes packet, ecn value);

/// RFC 6040 section 4.2: the ECN field of a packet that leaves the tunnel. Nothing: it must be
/// dropped, since the underlay signalled congestion to a transport that cannot hear it.
std::optional<ecn> decapsulated_ecn(ecn outer, ecn inner);

} // namespace troupe
