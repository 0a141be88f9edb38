// A peer with no tunnel of its own: it shakes hands by hand, so that it can send what no tunnel
// would.
#pragma once

#include "crypto/noise.hpp"
#include "crypto/session.hpp"
#include "tests/crypto/peer_pair.hpp"

#include <optional>

namespace troupe::crypto {

class bare_peer {
public:
  /// `victim` gets to know it, with `allowed_ips`.
  bare_peer(test_network& on, test_peer& victim, const std::vector<ip_prefix>& allowed_ips);

  /// An initiation as it should be, at the network's time.
  [[nodiscard]] test_datagram initiation();
  /// Shakes hands; `own` is then a session with the victim, which has not been used yet.
  void connect();
  /// Seals `inner` as it is, neither checked nor padded.
  [[nodiscard]] test_datagram sealed(const octets& inner, std::uint8_t traffic_class = 0);
  /// Lets the victim have `inner` in a datagram of its own; the drop reason, if it was dropped.
  std::optional<drop_reason> send(const octets& inner, std::uint8_t traffic_class = 0);
  [[nodiscard]] test_datagram from_here(const_bytes message, std::uint8_t traffic_class = 0) const;

  identity self;
  endpoint address{address_of("203.0.113.9"), 9999, 0};
  std::optional<session> own;
  cookie_maker cookies;

private:
  test_network& network_;
  test_peer& victim_;
  seeded_random random_{4711};
  timestamp_source timestamps_;
  std::optional<created_initiation> created_;
};

/// An initiation for `receiver` that is garbage but for its mac1 (and mac2, if `cookies` has one).
test_datagram forged_initiation(const endpoint& source, const test_peer& receiver,
                                cookie_maker& cookies, time_point now);

} // namespace troupe::crypto
