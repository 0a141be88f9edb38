// What the actors answer when asked how they are: copies, taken on their own threads.
#pragma once

#include "messages/address.hpp"
#include "messages/drop_reason.hpp"
#include "messages/keys.hpp"
#include "messages/moment.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

struct peer_status {
  public_key key;
  std::optional<endpoint> remote;
  std::optional<wall_time> latest_handshake;
  /// Whole datagrams to and from the peer, handshakes and keepalives included.
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  drop_counters drops;
};

struct tunnel_status {
  /// Sorted by key.
  std::vector<peer_status> peers;
  /// All drops of TUNNEL, those of peers included.
  drop_counters drops;
  std::size_t handshake_jobs_out = 0;
  bool under_load = false;
  /// The AEAD engine, and why it is this one.
  std::string aead;
  /// Where it runs, and why.
  std::string cpu;
};

/// What has passed through an actor of the data path that is not TUNNEL.
struct stage_status {
  std::string actor;
  std::uint64_t batches = 0;
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
  /// What went through a system call as one: a packet, or several joined.
  std::uint64_t units = 0;
  /// Whether packets are joined, in words, and if not, why; empty where there is no such thing.
  std::string offload;
  /// By the kernel, before the actor could see them (UDP RECEIVER only).
  std::uint64_t kernel_drops = 0;
  drop_counters drops;
};

} // namespace troupe
