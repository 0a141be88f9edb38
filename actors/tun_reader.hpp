// TUN READER: turns packets of one TUN queue into slabs for TUNNEL. Decides when to read: while it
// has credit. Without it leaves the packets to the kernel's queue, and their senders feel it.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"
#include "actors/polling.hpp"
#include "actors/reader_credit.hpp"
#include "tun/queue.hpp"

#include <memory>
#include <optional>
#include <string>

namespace troupe::actors {

struct tun_reader_parts {
  std::string name;
  std::uint8_t queue = 0;
  std::shared_ptr<tun::packet_source> source;
  std::uint32_t mtu = 0;
  tunnel_actor tunnel;
  supervisor_actor supervisor;
  std::shared_ptr<doorbell> bell;
  std::shared_ptr<waiter> wait;
  logger log;
  /// Whether the actor has a thread of its own, to be named.
  bool own_thread = true;
  credit_settings credit = {};
};

struct tun_reader_state {
  tun_reader_parts parts;
  std::optional<reader_credit> credit;
  stage_status status;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;

  void start(tun_reader_parts given, const std::shared_ptr<slab_home>& home);
  /// Reads a batch if there is credit and a packet. Whether there was.
  bool read_once(tun::queue_state& device, slab_ref& filled, time_point now);
};

tun_reader_actor::behavior_type
tun_reader(tun_reader_actor::stateful_pointer<tun_reader_state> self, tun_reader_parts parts);

} // namespace troupe::actors
