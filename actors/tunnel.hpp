// TUNNEL: the actor around crypto::tunnel. Gives it batches and the time, and sends on what it
// wants sent. Decides nothing about the protocol; owns the clock reading, the tick, the logs, and
// the ICMP answers.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/aead_choice.hpp"
#include "actors/flow_queues.hpp"
#include "actors/log.hpp"
#include "actors/token_bucket.hpp"
#include "crypto/tunnel.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

struct tunnel_parts {
  std::shared_ptr<crypto::random_source> random;
  std::vector<handshaker_actor> handshakers;
  aead_choice aead;
  /// The CPU to sit on; absent: wherever the kernel likes.
  std::optional<unsigned> cpu;
  /// That and its reason, for the status.
  std::string cpu_text;
  logger log;
  bool own_thread = true;
};

struct tunnel_state {
  tunnel_parts parts;
  std::optional<crypto::tunnel> core;
  std::optional<crypto::outbox> out;
  use_sinks sinks;
  flow_queues queues{1};
  /// The earliest tick asked for that has not come yet.
  time_point next_tick = never;
  std::size_t next_handshaker = 0;
  /// ICMP errors: as the kernel's, so many a second over all.
  token_bucket icmp_allowance{limits::icmp_per_second, limits::icmp_burst};
  /// What TUNNEL itself has sent on.
  std::uint64_t datagrams_made = 0;
  std::uint64_t packets_made = 0;
  /// Taken from its mailbox; of those, batches of packets.
  std::uint64_t mail_taken = 0;
  std::uint64_t batches = 0;

  void start(tunnel_parts given, std::shared_ptr<slab_home> home);
  /// Peers and flows are shared out anew, where the number of sinks is another.
  void use(use_sinks wanted);
  /// Tells the sender of a packet that had nowhere to go, as far as ICMP allows.
  void answer_unreachable(const slab& batch, moment now);

  /// To ADMIN, which may know a better place.
  void report_unanswered();
  void log_events();
  void log_sent(const slab& batch) const;
  void log_delivered(const slab& batch) const;
  void log_drops(const slab& batch) const;
  void log_sink_drops(const std::vector<peer_drop>& drops) const;
};

tunnel_actor::behavior_type tunnel(tunnel_actor::stateful_pointer<tunnel_state> self,
                                   tunnel_parts parts);

} // namespace troupe::actors
