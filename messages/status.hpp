// What the actors answer when asked how they are: copies, taken on their own threads.
#pragma once

#include "messages/address.hpp"
#include "messages/drop_reason.hpp"
#include "messages/histogram.hpp"
#include "messages/keys.hpp"
#include "messages/moment.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// What an actor's thread has taken until it was asked.
struct thread_use {
  time_point at{};
  duration cpu{};
  /// Its number, by which ADMIN finds out the rest.
  int thread = 0;
  /// How long it could have run and had no CPU, as far as the kernel tells.
  duration delayed{};
  /// How often it has gone to sleep.
  std::uint64_t wake_ups = 0;
};

/// What the UDP sockets have, whoever chose it; 0: none.
struct socket_facts {
  std::uint16_t port = 0;
  std::uint32_t mark = 0;
};

struct peer_status {
  public_key key;
  std::optional<endpoint> remote;
  std::optional<wall_time> latest_handshake;
  /// Whole datagrams to and from the peer, handshakes and keepalives included.
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  drop_counters drops;
};

/// What has passed through TUNNEL. Whenever it is asked: on the way out read = sealed + released +
/// waiting + drops of stage `send`; on the way in received = delivered + keepalives + handshakes +
/// drops of the stages `receive` and `handshake`.
struct tunnel_counts {
  /// Packets from the TUN READERs; of those, sealed at once, and sealed after a handshake.
  std::uint64_t read = 0;
  std::uint64_t sealed = 0;
  std::uint64_t released = 0;
  /// Now, for a handshake.
  std::uint64_t waiting = 0;
  /// Datagrams from the UDP RECEIVERs, and what they were. A handshake message that is still worked
  /// on counts as one.
  std::uint64_t received = 0;
  std::uint64_t delivered = 0;
  std::uint64_t keepalives = 0;
  std::uint64_t handshakes = 0;
  /// Of its own: datagrams, those released among them, and ICMP errors.
  std::uint64_t datagrams_made = 0;
  std::uint64_t packets_made = 0;
};

struct tunnel_status {
  /// In any order, from TUNNEL; sorted by key when ADMIN has them.
  std::vector<peer_status> peers;
  /// All drops of TUNNEL, those of peers included.
  drop_counters drops;
  tunnel_counts counts;
  std::size_t handshake_jobs_out = 0;
  bool under_load = false;
  /// The AEAD engine, and why it is this one.
  std::string aead;
  /// Where it runs, and why.
  std::string cpu;
  thread_use thread;
};

/// What a reader has out, and how long it takes to come home.
struct credit_status {
  std::size_t window_octets = 0;
  /// The window is found by measurement.
  bool automatic = false;
  std::size_t out_octets = 0;
  std::size_t slabs_out = 0;
  std::size_t slabs = 0;
  /// How long it could not read for want of credit, over all.
  duration starved{};
  /// Of each slab: from the read until the last system call with it.
  histogram sojourn;
  /// For how long the oldest that is out has been.
  duration oldest_out{};
};

/// What has passed through an actor that is not TUNNEL; of those that carry no packets, and of
/// TUNNEL when the roll is called, what all actors have.
struct stage_status {
  std::string actor;
  /// Taken from its mailbox, and there now.
  std::uint64_t messages = 0;
  std::size_t mailbox = 0;
  /// What it needs to go on, in words; empty: nothing.
  std::string waits_for;
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
  thread_use thread;
  /// Readers only.
  std::optional<credit_status> credit;
  /// UDP SENDER only: what waits in it, and how long it has waited for the socket, over all.
  std::size_t held_octets = 0;
  /// In its sockets, as the kernel counts it, and how much that may be.
  std::size_t queued_octets = 0;
  std::size_t queue_limit = 0;
  duration blocked{};
  /// And how long for the host's memory, or for room in a device's queue (ENOBUFS).
  duration paused{};
};

} // namespace troupe
