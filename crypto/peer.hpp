// One peer: its settings, its sessions, its handshake, its timers. A value without behaviour; what
// is done with it stands in send.cpp, receive.cpp (a session confirmed), handshake.cpp (a session
// made) and tunnel.cpp.
#pragma once

#include "messages/address.hpp"
#include "messages/keys.hpp"
#include "messages/limits.hpp"
#include "messages/moment.hpp"
#include "messages/slab.hpp"

#include "crypto/cookie.hpp"
#include "crypto/noise.hpp"
#include "crypto/session.hpp"
#include "crypto/staging.hpp"
#include "crypto/timers.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace troupe::crypto {

/// An own initiation that waits for its response.
struct pending_initiation {
  sent_initiation kept;
  std::uint32_t local_index = 0;
  /// Perhaps spoofed: anybody on the path can make more.
  std::size_t responses_at_work = 0;
  bool failure_noted = false;
};

struct peer {
  peer(peer_id assigned, const public_key& its_key)
      : id(assigned), key(its_key), cookies(its_key) {}

  // --- Settings --------------------------------------------------------------------------------
  const peer_id id;
  const public_key key;
  std::string name;
  secret_key preshared_key;
  duration persistent_keepalive = duration::zero();
  std::uint8_t lane = 0;

  // --- Where it is -----------------------------------------------------------------------------
  std::optional<endpoint> remote;
  source_address local;
  /// Where it was, known or not, before a change moved it that may be taken back.
  std::optional<std::optional<endpoint>> remote_before;

  // --- Sessions (whitepaper section 6.1) -------------------------------------------------------
  /// Still received on.
  std::unique_ptr<session> previous;
  /// Sent on.
  std::unique_ptr<session> current;
  /// Derived as responder; becomes current with the first packet that arrives on it.
  std::unique_ptr<session> next;

  // --- Handshake -------------------------------------------------------------------------------
  /// DH of the two static keys; absent until the first handshake needs it.
  secret_key static_static;
  std::unique_ptr<pending_initiation> pending;
  /// Counts the initiations begun; a job made for an older one is stale.
  std::uint64_t attempt = 0;
  bool initiation_at_work = false;
  /// When it was begun, and when it left: the next one keeps its distance from both.
  time_point last_initiation = time_point::min();
  timestamp_source timestamps;
  /// Of the last initiation of the peer that was answered: older ones are replays.
  timestamp latest_timestamp{};
  time_point last_initiation_consumed = time_point::min();
  /// One of its initiations is being answered; others that come meanwhile come too soon.
  bool response_at_work = false;
  cookie_maker cookies;

  // --- Time ------------------------------------------------------------------------------------
  timers clock;
  /// The earliest entry of this peer in the deadline queue.
  time_point armed = never;

  // --- Waiting packets, counters ---------------------------------------------------------------
  staged_queue staged;
  /// Has staged packets that a session could take, and waits for room in the reserve.
  bool backlogged = false;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::optional<wall_time> latest_handshake;
  drop_counters drops;

  /// The session to send on at `now`, or nullptr.
  [[nodiscard]] session* sendable(time_point now) const {
    return current && current->may_send(now) ? current.get() : nullptr;
  }
};

} // namespace troupe::crypto
