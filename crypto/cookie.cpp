#include "crypto/cookie.hpp"

#include "messages/assert.hpp"
#include "messages/limits.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace troupe::crypto {

namespace {

constexpr std::size_t macs_octets = 2 * mac_octets;
/// In the initiation and in the response alike.
constexpr std::size_t sender_index_offset = offsetof(wire::handshake_initiation, sender_index);
static_assert(sender_index_offset == offsetof(wire::handshake_response, sender_index));

hash labelled_hash(std::string_view label, const public_key& key) {
  return blake2s({reinterpret_cast<const std::uint8_t*>(label.data()), label.size()}, key.octets);
}

/// msg_alpha of section 5.4.4, what mac1 is over.
const_bytes before_mac1(const_bytes message) {
  TROUPE_ASSERT(message.size() > macs_octets);
  return message.first(message.size() - macs_octets);
}

/// msg_beta: the same and mac1.
const_bytes before_mac2(const_bytes message) {
  TROUPE_ASSERT(message.size() > macs_octets);
  return message.first(message.size() - mac_octets);
}

const_bytes mac1_of(const_bytes message) {
  return before_mac2(message).last(mac_octets);
}

const_bytes mac2_of(const_bytes message) {
  return message.last(mac_octets);
}

} // namespace

mac_keys::mac_keys(const public_key& receiver)
    : mac1(labelled_hash("mac1----", receiver)), cookie(labelled_hash("cookie--", receiver)) {}

bool cookie_checker::valid_mac1(const_bytes message) const {
  return equal(mac(keys_.mac1, before_mac1(message)), mac1_of(message));
}

bool cookie_checker::valid_mac2(const_bytes message, const endpoint& sender, time_point now) const {
  return now < secret_expires_ &&
         equal(mac(cookie_for(sender), before_mac2(message)), mac2_of(message));
}

wire::cookie_reply cookie_checker::make_reply(const_bytes message, const endpoint& sender,
                                              time_point now, random_source& random) {
  if (now >= secret_expires_) {
    secret_ = secret_key::make([&](bytes fresh) { random.fill(fresh); });
    secret_expires_ = now + limits::cookie_secret_time;
  }
  wire::cookie_reply reply;
  reply.header = wire::header_of(wire::message_type::cookie_reply);
  std::copy_n(message.begin() + sender_index_offset, reply.receiver_index.size(),
              reply.receiver_index.begin());
  random.fill(reply.nonce);
  xseal(reply.encrypted_cookie.data(), keys_.cookie, reply.nonce, cookie_for(sender),
        mac1_of(message));
  return reply;
}

mac_value cookie_checker::cookie_for(const endpoint& sender) const {
  const const_bytes address = sender.address.significant();
  byte_array<sizeof sender.address.octets + sizeof sender.port> place{};
  std::copy(address.begin(), address.end(), place.begin());
  store_be16(place.data() + address.size(), sender.port);
  return mac(secret_.octets(), const_bytes(place).first(address.size() + sizeof sender.port));
}

void cookie_maker::add_macs(bytes message, time_point now) {
  last_mac1_ = mac(keys_.mac1, before_mac1(message));
  awaiting_reply_ = true;
  const bytes macs = message.last(macs_octets);
  std::copy(last_mac1_.begin(), last_mac1_.end(), macs.begin());

  const mac_value mac2 = now < cookie_expires_ ? mac(cookie_, before_mac2(message)) : mac_value{};
  std::copy(mac2.begin(), mac2.end(), macs.begin() + mac_octets);
}

bool cookie_maker::consume(const wire::cookie_reply& reply, time_point now) {
  mac_value cookie;
  if (!awaiting_reply_ ||
      !xopen(cookie.data(), keys_.cookie, reply.nonce, reply.encrypted_cookie, last_mac1_))
    return false;
  cookie_ = cookie;
  cookie_expires_ = now + limits::cookie_use_time;
  awaiting_reply_ = false;
  return true;
}

} // namespace troupe::crypto
