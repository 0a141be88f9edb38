// Any octets as an inner packet: parse_ip_header and set_ecn.
#include "messages/ip_header.hpp"

#include "tests/fuzz/packets.hpp"

namespace troupe::fuzz {

std::vector<octets> seeds() {
  return {ipv4_packet("10.0.0.1", "10.0.0.2", 17, octets(12, 7)),
          ipv4_packet("10.0.0.1", "10.0.0.2", 6, {}),
          ipv6_packet("fd00::1", "fd00::2", 17, octets(12, 7)),
          ipv6_packet("fd00::1", "fd00::2", 59, {})};
}

namespace {

/// The words of the header, its checksum included, in ones' complement: 0 if the checksum is right.
std::uint32_t header_sum(const_bytes header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2)
    sum += load_be16(&header[i]);
  return sum % 0xffff;
}

void mark(octets packet, const ip_header& header, ecn value) {
  const octets before = packet;
  const std::size_t header_octets =
      header.source.family == ip_family::v4 ? std::size_t{packet[0] & 0xfU} * 4 : 0;
  const std::uint32_t sum = header_sum(const_bytes(before).first(header_octets));
  set_ecn(packet, value);
  const std::optional<ip_header> marked = parse_ip_header(packet);
  TROUPE_ASSERT(marked && marked->congestion == value);
  TROUPE_ASSERT(marked->source == header.source && marked->target == header.target);
  TROUPE_ASSERT(marked->total_length == header.total_length);
  TROUPE_ASSERT(header_sum(const_bytes(packet).first(header_octets)) == sum);
  for (std::size_t i = 0; i < packet.size(); ++i)
    TROUPE_ASSERT(packet[i] == before[i] || i == 1 || (header_octets != 0 && (i == 10 || i == 11)));
}

} // namespace

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  const std::optional<ip_header> header = parse_ip_header({data, size});
  if (!header)
    return 0;
  TROUPE_ASSERT(header->total_length <= size);
  TROUPE_ASSERT(header->total_length >= (header->source.family == ip_family::v4 ? 20U : 40U));
  TROUPE_ASSERT(header->source.family == header->target.family);
  for (const ecn value : {ecn::not_ect, ecn::ect1, ecn::ect0, ecn::ce})
    fuzz::mark({data, data + size}, *header, value);
  return 0;
}
