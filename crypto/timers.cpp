#include "crypto/timers.hpp"

#include <algorithm>
#include <utility>

namespace troupe::crypto {

namespace {

/// Peers that lost a link together do not come back together.
duration jitter(random_source& random) {
  return random.up_to(limits::rekey_timeout_jitter_max);
}

} // namespace

void timers::on_data_sent(time_point now, random_source& random) {
  if (new_handshake_ == never)
    new_handshake_ = now + limits::new_handshake_time + jitter(random);
}

void timers::on_data_received(time_point now) {
  if (send_keepalive_ == never)
    send_keepalive_ = now + limits::keepalive_timeout;
}

void timers::on_any_authenticated_packet_received() {
  new_handshake_ = never;
  unheard_ = 0;
  told_unheard_ = 0;
}

int timers::on_initiation_begun() {
  ++unheard_;
  return ++unanswered_;
}

void timers::on_moved() {
  told_unheard_ = unheard_;
}

void timers::on_any_authenticated_packet_traversal(time_point now, duration persistent_keepalive) {
  persistent_keepalive_ =
      persistent_keepalive > duration::zero() ? now + persistent_keepalive : never;
}

void timers::on_handshake_initiated(time_point now, random_source& random) {
  retransmit_handshake_ = now + limits::rekey_timeout + jitter(random);
  deferred_ = false;
}

void timers::on_handshake_complete() {
  retransmit_handshake_ = never;
  attempts_ = 0;
  unanswered_ = 0;
  told_unanswered_ = 0;
  last_minute_handshake_sent_ = false;
}

void timers::on_session_derived(time_point now) {
  zero_key_material_ = now + limits::zero_key_material_time;
}

void timers::on_initiation_deferred(time_point now, random_source& random) {
  retransmit_handshake_ = now + jitter(random);
  deferred_ = true;
}

time_point timers::next_deadline() const {
  return std::min({retransmit_handshake_, send_keepalive_, new_handshake_, zero_key_material_,
                   persistent_keepalive_});
}

std::optional<timer_action> timers::take_due(time_point now) {
  if (retransmit_handshake_ <= now) {
    retransmit_handshake_ = never;
    if (std::exchange(deferred_, false))
      return timer_action::begin_deferred_handshake;
    if (attempts_ >= limits::handshake_attempts_max) {
      send_keepalive_ = never;
      if (zero_key_material_ == never)
        zero_key_material_ = now + limits::zero_key_material_time;
      return timer_action::give_up_handshake;
    }
    ++attempts_;
    return timer_action::retry_handshake;
  }
  if (send_keepalive_ <= now) {
    send_keepalive_ = never;
    return timer_action::send_keepalive;
  }
  if (new_handshake_ <= now) {
    new_handshake_ = never;
    return timer_action::start_handshake;
  }
  if (zero_key_material_ <= now) {
    zero_key_material_ = never;
    return timer_action::forget_keys;
  }
  if (persistent_keepalive_ <= now) {
    persistent_keepalive_ = never; // whoever acts on it says whether there is a next one
    return timer_action::send_persistent_keepalive;
  }
  return std::nullopt;
}

bool timers::take_no_answer() {
  if (unanswered_ - told_unanswered_ <= limits::handshake_attempts_max)
    return false;
  told_unanswered_ = unanswered_;
  return true;
}

bool timers::take_silence() {
  if (unheard_ - told_unheard_ < limits::initiations_per_address)
    return false;
  told_unheard_ = unheard_;
  return true;
}

bool timers::take_last_minute_handshake() {
  return !std::exchange(last_minute_handshake_sent_, true);
}

} // namespace troupe::crypto
