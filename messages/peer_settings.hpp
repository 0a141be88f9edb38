// What somebody wants a peer to be, and the one message that makes the TUNNEL so.
#pragma once

#include "messages/address.hpp"
#include "messages/keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

struct peer_settings {
  /// Shown everywhere; unique. A peer from UAPI is named by its key's first letters.
  std::string name;
  public_key key;
  secret_key preshared_key; // absent: none
  std::vector<ip_prefix> allowed_ips;
  std::uint16_t persistent_keepalive_s = 0; // 0: off
};

/// A peer added, or changed to `settings` as a whole. Session, counters and endpoint stay.
struct peer_change {
  peer_settings settings;
  /// Only when somebody asks for it; otherwise the endpoint learnt by roaming stays.
  std::optional<endpoint> remote;
  /// False: the peer has these very prefixes already, so that a hundred thousand of them cost
  /// nothing. A peer that the TUNNEL does not know is given them either way.
  bool allowed_ips_changed = false;
};

/// A peer is to be tried elsewhere.
struct peer_move {
  public_key key;
  endpoint remote;
  /// Not if anything comes from where it is: the answer may have come meanwhile.
  bool only_if_silent = true;
};

/// The commit of a configuration: cannot fail, and costs what changed, not what exists. Applied in
/// this order. Prefixes move from whoever has them to the peer that is changed last.
struct tunnel_change {
  bool set_private_key = false;
  secret_key private_key; // absent with the flag set: remove it
  std::vector<public_key> removed;
  /// Those removed keep sessions, endpoint and counters, unseen, until they are changed again,
  /// which brings them back as they were, or until a change forgets them. Those that are moved to
  /// another endpoint remember where they were.
  bool park_removed = false;
  /// Takes that back: who remembers an endpoint has it again, whatever `remote` says.
  bool bring_back = false;
  std::vector<peer_change> changed;
  bool forget_parked = false;
  std::vector<peer_move> moves;
  /// These begin a handshake now, whatever session they have, unless one is under way.
  std::vector<public_key> rehandshake;
  /// The sockets or their mark changed: learnt source addresses are void.
  bool forget_sources = false;
};

} // namespace troupe
