// The X25519 work of one handshake step, handed by TUNNEL to HANDSHAKER and back: what goes in,
// whom it was made for, and what comes out. Secrets inside are handles to locked memory.
#pragma once

#include "messages/address.hpp"
#include "messages/slab.hpp"

#include "crypto/noise.hpp"

#include <optional>
#include <variant>

namespace troupe::crypto {

/// A handshake message to be answered came from here.
struct return_path {
  endpoint remote;
  source_address local;
};

/// Makes an initiation; computes static_static too if it is not known yet.
struct initiate_work {
  secret_key static_static;
  secret_key ephemeral;
  timestamp sent_at{};
  std::uint32_t sender_index = 0;
  public_key theirs;
  // out
  std::optional<created_initiation> created;
};

/// Opens an initiation of somebody; `peer` of the job is not known yet.
struct open_work {
  wire::handshake_initiation message;
  return_path from;
  // out
  std::optional<opened_initiation> opened;
};

/// Computes static_static for a peer that has sent an initiation before it was needed.
struct static_work {
  opened_initiation opened;
  return_path from;
  // out
  secret_key static_static;
};

/// Makes the response to an initiation that TUNNEL has admitted.
struct respond_work {
  opened_initiation opened;
  return_path from;
  timestamp sent_at{};
  secret_key preshared_key;
  secret_key ephemeral;
  std::uint32_t sender_index = 0;
  // out
  std::optional<created_response> created;
};

/// Consumes the response to an own initiation.
struct finish_work {
  sent_initiation kept;
  secret_key preshared_key;
  wire::handshake_response message;
  return_path from;
  // out
  std::optional<session_keys> keys;
};

struct handshake_job {
  identity own;
  peer_id peer = peer_id::none;
  /// Which of the peer's initiations, for initiate and finish.
  std::uint64_t attempt = 0;
  std::variant<initiate_work, open_work, static_work, respond_work, finish_work> work;
};

/// Does the work and fills in what comes out. Pure; any thread.
void perform(handshake_job& job);

} // namespace troupe::crypto
