// The messages of the data plane: one message, one batch. The type is the tag, so wrong wiring does
// not compile. A receiver takes its batch by reference and moves the slab out.
#pragma once

#include "messages/slab.hpp"

namespace troupe {

/// IP packets from the TUN device: `slab->arrivals`, each with wire::data_header's room before it
/// and a tag's room behind its padded length.
struct plain_batch {
  slab_ref slab;
  std::uint8_t queue = 0; // the TUN queue they were read from
};

/// Datagrams from a UDP socket: `slab->arrivals`.
struct cipher_batch {
  slab_ref slab;
};

/// Datagrams for a UDP SENDER: those of `slab->transmits` that are in its lane.
struct transmit_batch {
  slab_ref slab;
};

/// IP packets for a TUN WRITER: those of `slab->deliveries` that are for its queue.
struct deliver_batch {
  slab_ref slab;
};

/// An empty slab on its way home: a credit.
struct slab_return {
  bare_slab slab;
  /// When the last one let go of it.
  time_point at{};
};

} // namespace troupe
