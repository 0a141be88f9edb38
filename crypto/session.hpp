// A session: one keypair, its counters and its replay window (whitepaper section 5.4.6). Seals and
// opens packets in place. Which session is used when is the peer's matter (peer.hpp).
#pragma once

#include "messages/drop_reason.hpp"
#include "messages/limits.hpp"
#include "messages/moment.hpp"
#include "messages/wire.hpp"

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

  /// Seals `padded_octets` octets in place, writing the header before and the tag behind them.
  /// `packet` points at the inner packet, which has room on both sides. Needs may_send.
  void seal(std::uint8_t* packet, std::size_t padded_octets);

  struct opened {
    bytes packet; // padded still; empty: a keepalive
  };
  /// Opens a whole data message in place. The counter is committed only once the tag has fitted.
  [[nodiscard]] std::variant<opened, drop_reason> open(bytes datagram, time_point now);

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
