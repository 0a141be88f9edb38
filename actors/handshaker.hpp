// HANDSHAKER: X25519, off the TUNNEL's thread. Has no state: what it is handed is all it knows.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"

namespace troupe::actors {

handshaker_actor::behavior_type handshaker(handshaker_actor::pointer self, logger log);

} // namespace troupe::actors
