// A session: one keypair, its counters and its replay window (whitepaper section 5.4.6). Says how
// packets are sealed and opened; an engine does it (aead.hpp). Which session is used when is the
// peer's matter (peer.hpp).
#pragma once

#include "messages/drop_reason.hpp"
#include "messages/limits.hpp"
#include "messages/moment.hpp"
#include "messages/wire.hpp"

#include "crypto/aead.hpp"
#include "crypto/noise.hpp"
#include "crypto/replay_window.hpp"

#include <variant>

namespace troupe::crypto {

class session {
public:
  session(session_keys keys, bool initiator, std::uint32_t local_index, std::uint32_t remote_index,
          time_point created)
      : keys_(std::move(keys)), created_(created), local_index_(local_index),
        remote_index_(remote_index), initiator_(initiator) {}

  [[nodiscard]] bool initiator() const { return initiator_; }
  [[nodiscard]] std::uint32_t local_index() const { return local_index_; }
  [[nodiscard]] time_point created() const { return created_; }

  /// Whether the next packet may leave on this session (reject_after_time, reject_after_messages).
  [[nodiscard]] bool may_send(time_point now) const {
    return !retired_ && now - created_ < limits::reject_after_time &&
           send_counter_ < limits::reject_after_messages;
  }
  [[nodiscard]] bool may_receive(time_point now) const {
    return now - created_ < limits::reject_after_time;
  }
  /// Whether its initiator should make a new one: by age, or, on either side, by messages.
  [[nodiscard]] bool stale_for_sending(time_point now) const {
    return send_counter_ > limits::rekey_after_messages ||
           (initiator_ && now - created_ >= limits::rekey_after_time);
  }
  [[nodiscard]] bool stale_for_receiving(time_point now) const {
    return initiator_ && now - created_ >= limits::rekey_on_receive_after_time;
  }
  /// Nothing is sent on it any more; what still arrives is received.
  void retire() { retired_ = true; }

  /// What seals `padded_octets` octets in place; the header before them is written. `packet` points
  /// at the inner packet, which has room on both sides. Needs may_send. The job may outlive
  /// nothing that the session does not.
  [[nodiscard]] aead_job sealing(std::uint8_t* packet, std::size_t padded_octets);

  /// What opens a whole data message in place, if its counter is not known to be spent.
  [[nodiscard]] std::variant<aead_job, drop_reason> opening(bytes datagram, time_point now) const;
  /// Commits the counter of a job that was authentic. False: it is a replay after all.
  [[nodiscard]] bool accept(const aead_job& opened) { return received_.accept(opened.counter); }

  /// The counter of the next packet sent.
  [[nodiscard]] std::uint64_t send_counter() const { return send_counter_; }
  /// For tests of the limits, which 2^60 packets could not reach.
  void skip_to_counter(std::uint64_t counter) { send_counter_ = counter; }

private:
  session_keys keys_;
  time_point created_;
  std::uint64_t send_counter_ = 0;
  std::uint32_t local_index_;
  std::uint32_t remote_index_;
  bool initiator_;
  bool retired_ = false;
  replay_window received_;
};

} // namespace troupe::crypto
