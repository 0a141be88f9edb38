// Cuts a super-packet, as a TUN device with TSO or USO hands it over, into the packets that the
// kernel would have sent without. Pure: bytes in, bytes out.
//
// What precedes the packet is a vnet_header (virtio 1.2, section 5.1.6). Of it the kind of the
// packet, the segment size and the place of the transport header are used, and checked against the
// packet; the header length is not: on forwarded packets the kernel gets it wrong.
#pragma once

#include "messages/bytes.hpp"
#include "tun/vnet_header.hpp"

#include <optional>

namespace troupe::tun {

class splitter {
public:
  /// Nothing if the packet is not what `about` says: then it is no kernel's.
  /// `packet` must outlive the splitter.
  static std::optional<splitter> of(const vnet_header& about, const_bytes packet);

  [[nodiscard]] std::size_t segments() const { return segments_; }
  /// With all headers. The first is the longest.
  [[nodiscard]] std::size_t length_of(std::size_t segment) const;
  /// Writes `length_of(segment)` octets to `to`, every checksum complete.
  void write(std::size_t segment, std::uint8_t* to) const;

private:
  splitter(const vnet_header& about, const_bytes packet, std::size_t transport, std::size_t headers,
           bool tcp);

  [[nodiscard]] const_bytes payload_of(std::size_t segment) const;
  void write_ip(std::uint8_t* ip, std::size_t length, std::size_t segment) const;
  /// These return the sum of the pseudo header and of their own without the checksum.
  std::uint32_t write_tcp(std::uint8_t* header, std::size_t segment, std::size_t length) const;
  std::uint32_t write_udp(std::uint8_t* header, std::size_t length) const;

  const_bytes packet_;
  std::size_t transport_; // where the transport header begins
  std::size_t headers_;   // octets of all headers together
  std::size_t size_;      // payload octets of a segment
  std::size_t segments_;
  bool tcp_;
  // Sums of what all segments' headers have in common: of the IPv4 header, and of the transport
  // header with the pseudo header. The words that differ come with each segment.
  std::uint32_t ip_sum_ = 0;
  std::uint32_t transport_sum_ = 0;
};

/// Completes the checksum of a packet that is no super-packet (vnet::needs_checksum). False
/// if the field does not lie in the packet.
[[nodiscard]] bool complete_checksum(const vnet_header& about, bytes packet);

} // namespace troupe::tun
