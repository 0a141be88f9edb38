// Which flow a packet belongs to, as a number that both of its directions share.
#pragma once

#include "messages/bytes.hpp"

namespace troupe {

/// Equal for a packet and its answers: of addresses, protocol and, for TCP and UDP that is not in
/// fragments, ports. 0 for what is no IP packet.
std::uint32_t flow_hash(const_bytes packet);

} // namespace troupe
