// The two MACs of handshake messages and the cookies behind the second one (whitepaper
// sections 5.3, 5.4.4 and 5.4.7). Decides whether a message is meant for us and whether its sender
// receives at the address it claims; not when we are under load, nor what becomes of the message.
// One thread.
#pragma once

#include "messages/address.hpp"
#include "messages/moment.hpp"
#include "messages/wire.hpp"

#include "crypto/primitives.hpp"
#include "crypto/random.hpp"

namespace troupe::crypto {

/// What both sides derive from the receiver's public key. Anybody who knows that key can: these
/// are no secrets, nor are the cookies sealed with them.
struct mac_keys {
  explicit mac_keys(const public_key& receiver);

  hash mac1;
  hash cookie;
};

/// The receiver's side. `message` is a whole handshake initiation or response everywhere.
class cookie_checker {
public:
  explicit cookie_checker(const public_key& own) : keys_(own) {}

  [[nodiscard]] bool valid_mac1(const_bytes message) const;
  /// Whether the sender holds the cookie we would give out now to this address and port.
  [[nodiscard]] bool valid_mac2(const_bytes message, const endpoint& sender, time_point now) const;
  /// Call only once mac1 is valid: it is what binds the reply to the message.
  wire::cookie_reply make_reply(const_bytes message, const endpoint& sender, time_point now,
                                random_source& random);

private:
  [[nodiscard]] mac_value cookie_for(const endpoint& sender) const;

  mac_keys keys_;
  /// R_m of the whitepaper, made with the first reply and anew when cookie_secret_time has passed.
  secret_key secret_;
  time_point secret_expires_ = time_point::min();
};

/// The sender's side, one per peer.
class cookie_maker {
public:
  explicit cookie_maker(const public_key& peer) : keys_(peer) {}

  /// Writes mac1 and mac2, the last 32 octets of a handshake message that is otherwise complete.
  /// mac2 is zero without a cookie that is younger than cookie_use_time.
  void add_macs(bytes message, time_point now);
  /// Takes the cookie from a reply to the last message. False, and nothing changed, when nothing
  /// was sent since the last reply or the reply is not for it. Never a reason to send again: the
  /// next attempt, in its own time, carries the cookie.
  [[nodiscard]] bool consume(const wire::cookie_reply& reply, time_point now);

private:
  mac_keys keys_;
  mac_value last_mac1_{};
  mac_value cookie_{};
  time_point cookie_expires_ = time_point::min();
  bool awaiting_reply_ = false;
};

} // namespace troupe::crypto
