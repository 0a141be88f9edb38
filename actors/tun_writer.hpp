// TUN WRITER: writes what TUNNEL has opened to one TUN queue. A write never waits; what the device
// does not take is counted. The slab goes home when the batch is let go.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"
#include "actors/told_queue.hpp"
#include "tun/queue.hpp"

#include <memory>
#include <string>

namespace troupe::actors {

struct tun_writer_parts {
  std::string name;
  std::uint8_t queue = 0;
  std::shared_ptr<tun::packet_sink> sink;
  tunnel_actor tunnel;
  std::shared_ptr<shortcut> direct;
  logger log;
  bool own_thread = true;
};

struct tun_writer_state {
  tun_writer_parts parts;
  /// Empty but while a handover goes on.
  told_queue waiting;
  stage_status status;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;

  ~tun_writer_state();
  void start(tun_writer_parts given);
  void write(const slab& batch);
  /// The short cut: writes what is for this queue, if that is little.
  bool write_now(const slab& batch);
};

tun_writer_actor::behavior_type
tun_writer(tun_writer_actor::stateful_pointer<tun_writer_state> self, tun_writer_parts parts);

} // namespace troupe::actors
