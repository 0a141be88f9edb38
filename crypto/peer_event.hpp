// What happened to a peer that its operator would want to read in the log. Packets are not events.
#pragma once

#include "messages/address.hpp"
#include "messages/drop_reason.hpp"
#include "messages/keys.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace troupe::crypto {

struct peer_event {
  enum class kind : std::uint8_t {
    handshake_started,
    handshake_completed,
    /// With a reason; at most once an attempt, since anybody on the path can make one fail.
    handshake_failed,
    handshake_gave_up,
    /// So many initiations in a row that nothing came back for that it may be elsewhere.
    unanswered,
    session_expired,
    endpoint_moved,
    cookie_received,
    peer_added,
    peer_removed,
    own_key_ignored,
  };

  kind what;
  std::string peer;
  std::optional<endpoint> remote;
  /// The peer began the handshake, not we.
  bool by_peer = false;
  int attempt = 0;
  drop_reason reason{};
  /// When unanswered.
  public_key key{};
};

} // namespace troupe::crypto
