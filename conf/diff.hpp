// From one configuration to another: what has to be done, and nothing for what stays. Decides what
// counts as a change; who carries it out, in which order and with which undo, it must not know.
#pragma once

#include "conf/config.hpp"
#include "conf/policy.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace troupe::conf {

/// Where a peer may be, now.
struct peer_endpoints {
  public_key key;
  std::vector<endpoint_setting> all;
  /// Somebody wants it to be at the first of them, even if it answers where it is.
  bool moved = false;
};

struct route {
  ip_prefix destination;
  std::uint32_t table = main_route_table;

  friend auto operator<=>(const route&, const route&) = default;
};

/// What a request said, and its result alone does not show.
struct diff_hints {
  /// Endpoints that were given, perhaps those that peers have: roaming may have moved them since.
  std::unordered_map<public_key, endpoint> endpoint_given;
  /// Peers removed and added in one request: their sessions end.
  std::unordered_set<public_key> recreated;
};

struct plan {
  tunnel_change tunnel;
  /// Of peers that are new, or that have others than before. What is no address is to be looked up.
  std::vector<peer_endpoints> endpoints;
  bool listen_port_changed = false;
  /// Of the sockets, whoever chose it.
  bool fwmark_changed = false;
  /// Of the sockets, beside their mark.
  bool socket_options_changed = false;
  bool mtu_changed = false;
  /// How many TUN queues and UDP SENDERs there are, or whether super-packets pass.
  bool data_path_changed = false;
  bool queue_length_changed = false;
  bool log_levels_changed = false;
  bool credit_changed = false;
  /// All six sorted.
  std::vector<ip_prefix> addresses_to_remove;
  std::vector<ip_prefix> addresses_to_add;
  std::vector<route> routes_to_remove;
  std::vector<route> routes_to_add;
  std::vector<rule> rules_to_remove;
  std::vector<rule> rules_to_add;
  /// Keys (`tunnel.cpu`) whose new value only a restart brings.
  std::vector<std::string> needs_restart;
};

/// Linear in what exists but for sorting; the plan is as large as what changed. `own_mark`: as
/// policy.hpp's mark_of takes it, for both.
plan diff(const config& before, const config& after, const diff_hints& hints = {},
          std::uint32_t own_mark = 0);

/// From a fresh device to `wanted`: everything is new, nothing needs a restart.
plan first_plan(const config& wanted, std::uint32_t own_mark = 0);

/// The routes that the configuration asks for, sorted: one for each prefix of a peer in use when
/// `routes` is automatic, less the networks of the interface's own addresses, whose routes in the
/// main table the kernel makes and removes itself. A default route goes to the table that is
/// numbered as the mark, where the table is "auto".
std::vector<route> routes_of(const config& wanted, std::uint32_t own_mark = 0);

} // namespace troupe::conf
