// The five timers of a peer, as the kernel's WireGuard has them:
//   retransmit_handshake   an initiation was not answered for rekey_timeout
//   send_keepalive         data came in and nothing went out for keepalive_timeout
//   new_handshake          data went out and nothing came in for keepalive_timeout + rekey_timeout
//   zero_key_material      no new session for three times reject_after_time
//   persistent_keepalive   nothing at all for the time the user set
// Callers report facts; what follows from them is decided in timers.cpp only.
#pragma once

#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include "crypto/random.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace troupe::crypto {

enum class timer_action : std::uint8_t {
  retry_handshake,
  begin_deferred_handshake,
  give_up_handshake,
  send_keepalive,
  send_persistent_keepalive,
  start_handshake,
  forget_keys,
};

class timers {
public:
  // --- Facts -----------------------------------------------------------------------------------
  void on_data_sent(time_point now, random_source& random);
  void on_data_received(time_point now);
  void on_any_authenticated_packet_sent() { send_keepalive_ = never; }
  void on_any_authenticated_packet_received();
  /// Sent or received. `persistent_keepalive` zero: off.
  void on_any_authenticated_packet_traversal(time_point now, duration persistent_keepalive);
  /// The next one is due in `interval`, whether this one could leave or not. Zero: off.
  void on_persistent_keepalive_due(time_point now, duration interval) {
    on_any_authenticated_packet_traversal(now, interval);
  }
  /// An initiation is begun: the how-manieth since the last handshake that was completed.
  int on_initiation_begun();
  void on_handshake_initiated(time_point now, random_source& random);
  void on_handshake_complete();
  void on_session_derived(time_point now);
  /// A fresh reason to shake hands, not a retry: the attempts are counted anew.
  void on_fresh_attempt() { attempts_ = 0; }
  /// What was begun is void: the next handshake need not wait for its time.
  void on_initiation_forgotten() { retransmit_handshake_ = never; }
  /// It is tried elsewhere from now on, and at once.
  void on_moved();
  /// The initiation could not be made now (too many at work): ask again soon, uncounted.
  void on_initiation_deferred(time_point now, random_source& random);
  /// The interface went down or the peer goes: nothing is due any more.
  void stop() { *this = {}; }

  // --- Decisions -------------------------------------------------------------------------------
  [[nodiscard]] time_point next_deadline() const;
  /// When the keys of all sessions are to be forgotten.
  [[nodiscard]] time_point keys_due() const { return zero_key_material_; }
  /// What is due at `now`, one action at a time until there is none.
  [[nodiscard]] std::optional<timer_action> take_due(time_point now);
  [[nodiscard]] int attempts() const { return attempts_; }
  /// The next initiation is the timer's to begin, in its time and with its jitter.
  [[nodiscard]] bool awaits_retry() const { return retransmit_handshake_ != never; }
  /// Whether it is time to say that the peer does not answer: once in as many initiations as
  /// rekey_attempt_time takes, whoever asked for them.
  [[nodiscard]] bool take_no_answer();
  /// Whether it is time to say that the peer may be elsewhere: initiations_per_address of them, and
  /// nothing has come from it since.
  [[nodiscard]] bool take_silence();
  /// Nothing has come from the peer since the last initiation.
  [[nodiscard]] bool is_silent() const { return unheard_ > 0; }
  /// On receiving late in a session's life the initiator renews it once, not once a packet.
  [[nodiscard]] bool take_last_minute_handshake();

private:
  time_point retransmit_handshake_ = never;
  time_point send_keepalive_ = never;
  time_point new_handshake_ = never;
  time_point zero_key_material_ = never;
  time_point persistent_keepalive_ = never;
  /// Retries since there was a fresh reason; when there are too many nothing is sent any more.
  int attempts_ = 0;
  /// Initiations since the last handshake that was completed, and how many of them were told of.
  int unanswered_ = 0;
  int told_unanswered_ = 0;
  /// The same since anything came from the peer.
  int unheard_ = 0;
  int told_unheard_ = 0;
  bool deferred_ = false;
  bool last_minute_handshake_sent_ = false;
};

} // namespace troupe::crypto
