// Any octets as a packet that has no way: make_unreachable.
#include "messages/ip_header.hpp"

#include "tests/fuzz/packets.hpp"
#include "tun/icmp.hpp"

namespace troupe::fuzz {

std::vector<octets> seeds() {
  const octets echo{8, 0, 0, 0, 0, 1, 0, 1};
  // Each extension header: the next one, its length, its data.
  const octets extended{43, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0,   0, 0, 0, 44, 1, 0, 0,
                        0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 51,  0, 0, 8, 0,  0, 0, 1,
                        58, 1, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 128, 0, 0, 0, 0,  0, 0, 0};
  return {ipv4_packet("10.0.0.1", "10.0.0.2", 17, octets(12, 7)),
          ipv4_packet("10.0.0.1", "10.0.0.2", 17, octets(1400, 7)),
          ipv4_packet("10.0.0.1", "10.0.0.2", 1, echo),
          ipv6_packet("fd00::1", "fd00::2", 17, octets(12, 7)),
          ipv6_packet("fd00::1", "fd00::2", 17, octets(1400, 7)),
          ipv6_packet("fd00::1", "fd00::2", 58, echo),
          ipv6_packet("fd00::1", "fd00::2", 0, extended)};
}

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  const const_bytes original{data, size};
  fuzz::octets out(tun::unreachable_octets_max);
  const std::size_t length = tun::make_unreachable(out, original);
  TROUPE_ASSERT(length <= out.size());
  if (length == 0)
    return 0;
  const const_bytes answer = const_bytes(out).first(length);
  const std::optional<ip_header> asked = parse_ip_header(original);
  const std::optional<ip_header> answered = parse_ip_header(answer);
  TROUPE_ASSERT(asked && answered);
  TROUPE_ASSERT(answered->total_length == length);
  TROUPE_ASSERT(answered->source == asked->target && answered->target == asked->source);
  // Errors about errors would never end.
  fuzz::octets again(tun::unreachable_octets_max);
  TROUPE_ASSERT(tun::make_unreachable(again, answer) == 0);
  return 0;
}
