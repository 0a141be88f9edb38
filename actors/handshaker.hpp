// HANDSHAKER: X25519, off the TUNNEL's thread. What it is handed is all it knows; it counts its
// work, and what that takes on the threads of the scheduler.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"

#include <cstddef>
#include <string>

namespace troupe::actors {

struct handshaker_state {
  /// Batches are of jobs, and so are packets.
  stage_status status;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;

  void start(const std::string& name) { status.actor = name; }
  void perform(const handshake_batch& batch);
};

/// Of the one that is number `index` among so many.
inline std::string handshaker_name(std::size_t index, std::size_t among) {
  return among == 1 ? "handshaker" : "handshaker/" + std::to_string(index);
}

/// It is called as its logger.
handshaker_actor::behavior_type
handshaker(handshaker_actor::stateful_pointer<handshaker_state> self, logger log);

} // namespace troupe::actors
