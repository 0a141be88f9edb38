// The four WireGuard messages as they stand on the wire (whitepaper section 5.4), and the layout of
// a packet inside a slab. Numbers are little endian and read through accessors; structs are byte
// arrays, so they have no padding and may lie at any address.
#pragma once

#include "messages/bytes.hpp"
#include "messages/limits.hpp"

#include <algorithm>
#include <optional>

namespace troupe::wire {

enum class message_type : std::uint8_t {
  handshake_initiation = 1,
  handshake_response = 2,
  cookie_reply = 3,
  transport_data = 4,
};

inline constexpr std::size_t tag_octets = 16;
inline constexpr std::size_t mac_octets = 16;
inline constexpr std::size_t timestamp_octets = 12;
inline constexpr std::size_t cookie_nonce_octets = 24;

/// The first four octets of every message: the type, then three zeros.
struct message_header {
  byte_array<4> type_and_reserved{};
};

struct handshake_initiation {
  message_header header;
  byte_array<4> sender_index{};
  byte_array<32> unencrypted_ephemeral{};
  byte_array<32 + tag_octets> encrypted_static{};
  byte_array<timestamp_octets + tag_octets> encrypted_timestamp{};
  byte_array<mac_octets> mac1{};
  byte_array<mac_octets> mac2{};
};

struct handshake_response {
  message_header header;
  byte_array<4> sender_index{};
  byte_array<4> receiver_index{};
  byte_array<32> unencrypted_ephemeral{};
  byte_array<tag_octets> encrypted_nothing{};
  byte_array<mac_octets> mac1{};
  byte_array<mac_octets> mac2{};
};

struct cookie_reply {
  message_header header;
  byte_array<4> receiver_index{};
  byte_array<cookie_nonce_octets> nonce{};
  byte_array<mac_octets + tag_octets> encrypted_cookie{};
};

/// Followed by the encrypted packet and its tag.
struct data_header {
  message_header header;
  byte_array<4> receiver_index{};
  byte_array<8> counter{};
};

static_assert(sizeof(handshake_initiation) == 148);
static_assert(sizeof(handshake_response) == 92);
static_assert(sizeof(cookie_reply) == 64);
static_assert(sizeof(data_header) == 16);
static_assert(alignof(handshake_initiation) == 1 && alignof(data_header) == 1);

inline constexpr std::size_t data_overhead = sizeof(data_header) + tag_octets;
/// What an empty inner packet becomes: a keepalive.
inline constexpr std::size_t keepalive_octets = data_overhead;

inline message_header header_of(message_type type) {
  return {{static_cast<std::uint8_t>(type), 0, 0, 0}};
}

/// The type of a datagram whose first four octets name one and whose length fits it; nothing else
/// about it has been checked.
inline std::optional<message_type> classify(const_bytes datagram) {
  if (datagram.size() < sizeof(message_header))
    return std::nullopt;
  const std::size_t length = datagram.size();
  switch (load_le32(datagram.data())) { // the reserved octets are zero: one comparison for all
  case 1:
    return length == sizeof(handshake_initiation)
               ? std::optional(message_type::handshake_initiation)
               : std::nullopt;
  case 2:
    return length == sizeof(handshake_response) ? std::optional(message_type::handshake_response)
                                                : std::nullopt;
  case 3:
    return length == sizeof(cookie_reply) ? std::optional(message_type::cookie_reply)
                                          : std::nullopt;
  case 4:
    return length >= data_overhead ? std::optional(message_type::transport_data) : std::nullopt;
  default:
    return std::nullopt;
  }
}

template <class Message>
const_bytes as_bytes(const Message& message) {
  return {reinterpret_cast<const std::uint8_t*>(&message), sizeof message};
}

template <class Message>
bytes as_writable_bytes(Message& message) {
  return {reinterpret_cast<std::uint8_t*>(&message), sizeof message};
}

/// A copy of the message in `datagram`, whose length `classify` has checked.
template <class Message>
Message copy_from(const_bytes datagram) {
  Message message;
  std::copy_n(datagram.begin(), sizeof message, as_writable_bytes(message).begin());
  return message;
}

/// Section 5.4.6: zeros up to a multiple of 16, but never beyond the MTU. A packet larger than the
/// MTU (it shrank meanwhile) is not padded.
constexpr std::size_t padded_length(std::size_t length, std::size_t mtu) {
  const std::size_t full =
      (length + limits::padding_multiple - 1) / limits::padding_multiple * limits::padding_multiple;
  return std::max(length, std::min(full, mtu));
}

} // namespace troupe::wire
