// The IPv4 and the IPv6 socket of a device, on one port. Decides what happens when the port is
// taken or the host lacks a family. A new port is a new pair, bound before the old one is let go.
#pragma once

#include "udp/socket.hpp"

namespace troupe::udp {

class socket_pair {
public:
  /// `port` 0: a random one, free for both families. A family that the host does not have is left
  /// out. Throws std::system_error: the port is in use or not allowed, or there is neither family.
  static std::shared_ptr<const socket_pair> open(std::uint16_t port, const socket_options& options,
                                                 const socket_opener& opener = bound_socket::open);

  /// Null: the host does not have that family.
  [[nodiscard]] const std::shared_ptr<const bound_socket>& of(ip_family family) const {
    return family == ip_family::v4 ? v4_ : v6_;
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// The same sockets with other options. Throws std::system_error, and then nothing is changed.
  [[nodiscard]] std::shared_ptr<const socket_pair> with(const socket_options& options) const;
  /// The options of these, after others of the same sockets had theirs.
  void reassert() const noexcept;

private:
  socket_pair(std::shared_ptr<const bound_socket> v4, std::shared_ptr<const bound_socket> v6);

  std::shared_ptr<const bound_socket> v4_;
  std::shared_ptr<const bound_socket> v6_;
  std::uint16_t port_;
};

} // namespace troupe::udp
