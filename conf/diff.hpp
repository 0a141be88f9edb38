// From one configuration to another: what has to be done, and nothing for what stays. Decides what
// counts as a change; who carries it out, in which order and with which undo, it must not know.
#pragma once

#include "conf/config.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace troupe::conf {

struct name_to_resolve {
  public_key key;
  std::string host;
  std::uint16_t port = 0;
};

struct route {
  ip_prefix destination;
  std::uint32_t table = main_route_table;

  friend auto operator<=>(const route&, const route&) = default;
};

/// What a request said, and its result alone does not show.
struct diff_hints {
  /// Peers whose endpoint was given, perhaps the one they have: roaming may have moved it since.
  std::unordered_set<public_key> endpoint_given;
  /// Peers removed and added in one request: their sessions end.
  std::unordered_set<public_key> recreated;
};

struct plan {
  tunnel_change tunnel;
  /// Names of peers that are new or have another endpoint; the answers become `peer_change`s.
  std::vector<name_to_resolve> names;
  bool listen_port_changed = false;
  bool fwmark_changed = false;
  /// Of the sockets, beside their mark.
  bool socket_options_changed = false;
  bool mtu_changed = false;
  /// How many TUN queues and UDP SENDERs there are, or whether super-packets pass.
  bool data_path_changed = false;
  bool queue_length_changed = false;
  bool log_levels_changed = false;
  bool credit_changed = false;
  /// All four sorted.
  std::vector<ip_prefix> addresses_to_remove;
  std::vector<ip_prefix> addresses_to_add;
  std::vector<route> routes_to_remove;
  std::vector<route> routes_to_add;
  /// Keys (`udp.senders`) whose new value only a restart brings.
  std::vector<std::string> needs_restart;

  [[nodiscard]] bool empty() const;
};

/// Linear in what exists but for sorting; the plan is as large as what changed.
plan diff(const config& before, const config& after, const diff_hints& hints = {});

/// From a fresh device to `wanted`: everything is new, nothing needs a restart.
plan first_plan(const config& wanted);

/// The routes that the configuration asks for, sorted: one for each prefix of a peer in use when
/// `routes` is automatic, less the networks of the interface's own addresses, whose routes in the
/// main table the kernel makes and removes itself.
std::vector<route> routes_of(const config& wanted);

} // namespace troupe::conf
