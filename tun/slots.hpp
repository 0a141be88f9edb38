// How inner packets lie in a transmit slab, so that the tunnel can seal them in place and equal
// neighbours leave as one GSO send:
//
//   | 16 wire::data_header | inner packet, zeros up to wire::padded_length | 16 tag | 16 ...
//                          ^ arrival::offset
//
// arrival::length is the packet's own, arrival::padded_length includes the zeros.
//
// Slots are back to back. This file decides where the next one lies and when a slab is full; it
// does not know where packets come from.
#pragma once

#include "messages/slab.hpp"

namespace troupe::tun {

class slot_filler {
public:
  /// Goes on behind the last arrival of `into`.
  slot_filler(slab& into, std::uint32_t mtu);

  [[nodiscard]] bool is_empty() const { return into_.arrivals.empty(); }
  /// Whether one more packet of `mtu` octets fits, and its descriptor.
  [[nodiscard]] bool has_room() const;
  /// Where the next packet is to be put. One octet more than it may have where the slab allows, so
  /// that a packet which was cut can be told: it fills all of it. Only if `has_room`.
  [[nodiscard]] bytes next_packet() const;
  /// Keeps the packet: pads it and describes it. False if it filled `next_packet`, so was (or may
  /// have been) cut; then the place is used again.
  [[nodiscard]] bool keep(std::size_t length);

private:
  slab& into_;
  std::size_t mtu_;
  /// Where the next slot begins.
  std::size_t next_ = 0;
};

} // namespace troupe::tun
