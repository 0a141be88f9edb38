// Why a packet died. One table: the name in JSON and logs, the stage that drops, and what it means.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe {

enum class stage : std::uint8_t {
  tun_read,
  send,
  udp_send,
  udp_receive,
  receive,
  handshake,
  tun_write,
  /// What TUNNEL wanted to make itself: nothing that came in is lost.
  make
};

// name, stage, meaning
#define TROUPE_DROP_REASONS(X)                                                                     \
  X(oversize_packet, tun_read, "larger than the interface's MTU allows for")                       \
  X(malformed_offload, tun_read, "a super-packet that is not what the kernel said of it")          \
  X(not_ip, send, "neither IPv4 nor IPv6, or shorter than its header says")                        \
  X(no_peer, send, "no peer's allowed_ips hold the destination")                                   \
  X(no_endpoint, send, "the peer has no endpoint yet")                                             \
  X(no_private_key, send, "the interface has no private key")                                      \
  X(interface_down, send, "the interface is down")                                                 \
  X(staging_full, send, "oldest of too many packets waiting for a handshake")                      \
  X(handshake_failed, send, "the peer did not answer any handshake while the packet waited")       \
  X(peer_removed, send, "its peer was removed while the packet waited")                            \
  X(refused_by_host, udp_send, "a local packet filter refused the datagram")                       \
  X(unreachable, udp_send, "no route to the endpoint, or nobody listens there")                    \
  X(datagram_too_long, udp_send, "larger than the path to the endpoint takes")                     \
  X(no_socket, udp_send, "no UDP socket of the endpoint's address family")                         \
  X(send_error, udp_send, "the kernel refused the datagram for another reason")                    \
  X(truncated, udp_receive, "the datagram was longer than the buffer")                             \
  X(received_while_down, receive, "the interface was down when the datagram came")                 \
  X(malformed_message, receive, "not a WireGuard message")                                         \
  X(unknown_index, receive, "no session has the receiver index")                                   \
  X(session_expired, receive, "the session is too old or has counted too far")                     \
  X(decrypt_failed, receive, "the authentication tag does not fit")                                \
  X(replayed, receive, "the counter was seen before or is too old")                                \
  X(malformed_inner, receive, "the inner packet is no IP packet or claims too much length")        \
  X(spoofed_source, receive, "the inner source address belongs to another peer or to none")        \
  X(congestion_not_ecn, receive, "marked as congested outside, not ECN-capable inside (RFC 6040)") \
  X(invalid_mac1, handshake, "mac1 does not fit: not meant for this key")                          \
  X(cookie_demanded, handshake, "under load: answered with a cookie reply")                        \
  X(rate_limited, handshake, "under load: too many handshakes from the address")                   \
  X(handshake_backlog, handshake, "too many handshakes at work")                                   \
  X(invalid_handshake, handshake, "a handshake message that does not decrypt")                     \
  X(unknown_peer, handshake, "a handshake from a key that is no peer's")                           \
  X(old_timestamp, handshake, "a handshake replayed, or from a clock set back")                    \
  X(handshake_flood, handshake, "handshakes of one peer in too short a time")                      \
  X(unexpected_response, handshake, "a response that no initiation waits for")                     \
  X(unexpected_cookie, handshake, "a cookie reply that nothing sent asked for")                    \
  X(handshake_without_room, handshake, "no answer: the tunnel's own slabs were all in flight")     \
  X(stale_handshake, handshake, "configuration or handshake changed while it was worked on")       \
  X(tun_refused, tun_write, "the TUN device refused the packet")                                   \
  X(reserve_empty, make, "a keepalive or an initiation: the tunnel's own slabs are in flight")     \
  X(own_handshake_stale, make, "configuration or handshake changed while one was made")            \
  X(own_handshake_invalid, make, "the peer's public key allows no handshake")

enum class drop_reason : std::uint8_t {
#define X(name, where, text) name,
  TROUPE_DROP_REASONS(X)
#undef X
};

struct drop_reason_entry {
  std::string_view name;
  stage where;
  std::string_view text;
};

inline constexpr std::array drop_reasons = {
#define X(name, where, text) drop_reason_entry{#name, stage::where, text},
    TROUPE_DROP_REASONS(X)
#undef X
};

inline constexpr const drop_reason_entry& describe(drop_reason reason) {
  return drop_reasons[static_cast<std::size_t>(reason)];
}

/// One counter per reason. Written by one thread, read by copying it in that thread.
class drop_counters {
public:
  void count(drop_reason reason, std::uint64_t packets = 1) {
    counts_[static_cast<std::size_t>(reason)] += packets;
  }
  [[nodiscard]] std::uint64_t operator[](drop_reason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

  [[nodiscard]] bool empty() const {
    return counts_ == std::array<std::uint64_t, drop_reasons.size()>{};
  }

private:
  std::array<std::uint64_t, drop_reasons.size()> counts_{};
};

} // namespace troupe
