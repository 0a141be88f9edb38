// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it (whitepaper section 5.4.2 to 5.4.5):
// each function is one side's part of one message, from bytes to bytes. Names and the tokens in
// noise.cpp are the specification's. Knows no peer, no timer, no mac; those who call check and add
// them.
//
// All are pure and may run on any thread. A step that fails (an all-zero DH result, a tag that does
// not fit) returns nothing and leaves its inputs as they were.
#pragma once

#include "messages/keys.hpp"
#include "messages/wire.hpp"

#include "crypto/primitives.hpp"
#include "crypto/tai64n.hpp"

#include <optional>

namespace troupe::crypto {

/// The interface's own static key pair.
struct identity {
  secret_key private_key;
  public_key own_key;

  [[nodiscard]] static identity of(secret_key private_key);
};

/// Ci and Hi, between two messages of one handshake.
struct transcript {
  secret_key chaining_key;
  hash running_hash{};
};

/// What an initiator keeps until the response comes.
struct sent_initiation {
  transcript state;
  secret_key ephemeral;
};

struct created_initiation {
  wire::handshake_initiation message; // macs are still zero
  sent_initiation kept;
};

/// DH(own static, their static): the same for every handshake of two identities, so it is computed
/// once. Nothing when the result is zero.
std::optional<secret_key> static_static(const identity& own, const public_key& theirs);

/// First message, the initiator's side. Two X25519.
std::optional<created_initiation> create_initiation(const identity& own, const public_key& theirs,
                                                    const secret_key& static_static,
                                                    const secret_key& ephemeral,
                                                    const timestamp& sent_at,
                                                    std::uint32_t sender_index);

/// First message, the responder's side, as far as it goes without knowing the peer.
struct opened_initiation {
  public_key initiator;
  public_key ephemeral;
  std::uint32_t sender_index = 0;
  transcript state; // before the timestamp
  byte_array<wire::timestamp_octets + wire::tag_octets> encrypted_timestamp{};
};

/// One X25519.
std::optional<opened_initiation> open_initiation(const identity& own,
                                                 const wire::handshake_initiation& message);

/// The rest of the first message, once the peer is known; advances `opened.state`. No X25519.
std::optional<timestamp> open_timestamp(opened_initiation& opened, const secret_key& static_static);

/// The two keys of a session, as the side that holds them uses them.
struct session_keys {
  secret_key sending;
  secret_key receiving;
};

struct created_response {
  wire::handshake_response message; // macs are still zero
  session_keys keys;
};

/// Second message, the responder's side. `opened` has passed `open_timestamp`; an absent preshared
/// key counts as 32 zeros. Three X25519.
std::optional<created_response> create_response(const opened_initiation& opened,
                                                const secret_key& preshared_key,
                                                const secret_key& ephemeral,
                                                std::uint32_t sender_index);

/// Second message, the initiator's side. Two X25519.
std::optional<session_keys> consume_response(const identity& own, const sent_initiation& kept,
                                             const secret_key& preshared_key,
                                             const wire::handshake_response& message);

} // namespace troupe::crypto
