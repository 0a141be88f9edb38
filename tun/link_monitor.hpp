// What others do to the interface: MTU, up and down, another name, another network namespace. It is
// followed into that namespace as far as the process may go there. Whether the interface still
// exists is not judged here but by its descriptor (queue_state::gone).
#pragma once

#include "messages/unique_fd.hpp"
#include "tun/netlink.hpp"
#include "tun/network_namespace.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace troupe::tun {

struct link_state {
  unsigned index = 0;
  std::string name;
  std::uint32_t mtu = 0;
  bool up = false;
  /// It lives in another network namespace than this process. Its settings are then not ours to
  /// change: addresses and routes would be set in the wrong place.
  bool moved = false;
  /// It is up and here, and was down, or had an MTU too small for IPv6, if only for a moment: the
  /// kernel has forgotten its routes, its IPv6 addresses, or both. Said once.
  bool forgot_settings = false;

  friend bool operator==(const link_state&, const link_state&) = default;
};

/// Used by one thread. Not on the data path: `read_changes` allocates.
class link_monitor {
public:
  /// `tun_fd` stays open as long as the monitor. Its interface may live elsewhere from the start.
  /// Throws std::system_error.
  explicit link_monitor(int tun_fd);

  /// Readable when something may have changed.
  [[nodiscard]] int fd() const { return events_.fd(); }

  /// Takes what has been reported and says how the interface is now. Never waits for anything but
  /// the kernel and never fails: what cannot be found out stays as it was last known.
  const link_state& read_changes();
  [[nodiscard]] const link_state& state() const { return state_; }
  /// Packets that found the device's queue full; nothing while it is out of sight.
  [[nodiscard]] std::optional<std::uint64_t> queue_drops();

private:
  [[nodiscard]] bool drain_events();
  [[nodiscard]] bool look_into(const unique_fd& network_namespace);
  [[nodiscard]] bool find_again();
  void judge();
  void assume_moved_away();

  int tun_fd_;
  /// Both in the namespace where the process lives.
  unique_fd events_;
  netlink_socket questions_;
  namespace_identity home_;
  /// Where the interface was last found, and the number of that; none: at home.
  namespace_identity where_;
  std::optional<std::int32_t> elsewhere_;
  link_state state_;
  /// For a moment at least, since it was last up and here.
  bool was_down_ = false;
  bool was_below_ipv6_mtu_ = false;
};

} // namespace troupe::tun
