// The settings of the TUN interface in the kernel: MTU, queue length, up, addresses, routes. One
// change at a time, each telling whether it was made, was so already, or was refused and why, so
// that whoever makes several can undo just those that it made. What ought to be set is not known
// here.
#pragma once

#include "messages/address.hpp"
#include "tun/netlink.hpp"
#include "tun/network_namespace.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace troupe::tun {

inline constexpr std::uint32_t main_table = 254;

/// A route into the tunnel: `target` on the interface, with no gateway.
struct link_route {
  ip_prefix target;
  std::uint32_t table = main_table;

  friend auto operator<=>(const link_route&, const link_route&) = default;
};

struct [[nodiscard]] link_change {
  enum class outcome : std::uint8_t { made, already_so, refused };

  outcome result = outcome::made;
  /// Both set only if refused. The text names the interface, what was to be changed, and the cure.
  std::error_code code;
  std::string text;

  [[nodiscard]] bool refused() const { return result == outcome::refused; }
};

/// What to set at the start. Absent: left alone.
struct link_settings {
  std::optional<std::uint32_t> mtu;
  /// txqueuelen: packets that may wait for a TUN READER.
  std::optional<std::uint32_t> queue_length;
  std::vector<ip_prefix> addresses;
  bool up = true;
  std::vector<link_route> routes;
};

/// The interface is that of a TUN descriptor, whatever its name and index are by now. Works in the
/// network namespace in which it was made: while the interface lives in another one it cannot be
/// set, and every change says so. Used by one thread; each call waits for the kernel, some tens of
/// microseconds.
class link {
public:
  /// `tun_fd` stays open as long as the link. Throws std::system_error if its interface is not
  /// here.
  explicit link(int tun_fd);

  /// How it is now; nothing if the interface is not here any more.
  [[nodiscard]] std::optional<link_facts> facts();

  link_change set_mtu(std::uint32_t mtu);
  link_change set_queue_length(std::uint32_t packets);
  link_change set_up(bool up);
  /// IPv6 addresses come without duplicate address detection: nobody else is on the link, and they
  /// can be used at once. Host bits of the prefix are the address.
  link_change add_address(const ip_prefix& address);
  link_change remove_address(const ip_prefix& address);
  /// The interface must be up, since the kernel takes no route on one that is down. A route that
  /// another interface has is refused, and left alone.
  link_change add_route(const link_route& route);
  /// Those that `add_route` would find to be so already, sorted: to ask for all of them is one
  /// dump, and one by one it is one each. Empty if the kernel does not tell.
  [[nodiscard]] std::vector<link_route> routes();
  link_change remove_route(const link_route& route);

  /// All of `settings`, in the order in which the kernel takes them. Throws std::system_error with
  /// the first refusal; what was made before stays.
  void apply(const link_settings& settings);

private:
  /// Takes name and index anew; refused if the interface is not here.
  link_change find();
  link_change change_link(const std::string& what, std::optional<std::uint32_t> mtu,
                          std::optional<std::uint32_t> queue_length, std::optional<bool> up);
  link_change explain(const std::string& what, const netlink_answer& answer, ip_family family);
  link_change existing_address(const std::string& what, const ip_prefix& wanted);
  link_change existing_route(const std::string& what, const link_route& wanted);

  int tun_fd_;
  netlink_socket netlink_;
  /// Where the process lives.
  namespace_identity home_;
  std::string name_;
  unsigned index_ = 0;
};

} // namespace troupe::tun
