// One UDP socket of one family, bound to a port of every own address. Decides the socket options;
// knows nothing of batches, slabs or peers.
//
// One receiver and any number of senders share it; the descriptor closes with the last of them.
#pragma once

#include "messages/address.hpp"
#include "messages/limits.hpp"
#include "messages/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace troupe::udp {

struct socket_options {
  /// Octets asked for. Beyond net.core.{r,w}mem_max they need CAP_NET_ADMIN; less is no error.
  std::size_t receive_buffer_octets = limits::udp_receive_buffer_octets;
  std::size_t send_buffer_octets = limits::udp_send_buffer_octets;
  /// SO_MARK of everything sent; 0: none.
  std::uint32_t mark = 0;
  /// Datagrams of one flow may be sent, and received, joined (UDP_SEGMENT, UDP_GRO).
  bool gso = true;
  bool gro = true;
};

class bound_socket {
public:
  /// `port` 0: any free one. Throws std::system_error whose code is that of the failed call.
  static std::shared_ptr<const bound_socket> open(ip_family family, std::uint16_t port,
                                                  const socket_options& options);
  /// The same socket with other options, under a descriptor of its own. Throws std::system_error,
  /// and then nothing is changed. What only the kernel knows of (mark, buffers, GRO) is the one
  /// socket's, whichever descriptor it is used by.
  [[nodiscard]] std::shared_ptr<const bound_socket> with(const socket_options& options) const;
  /// Its options anew, whatever another descriptor has made of them.
  void reassert() const noexcept;

  [[nodiscard]] int fd() const { return fd_.fd(); }
  [[nodiscard]] ip_family family() const { return family_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Whether to send joined datagrams at all: asked for, and known to the kernel (Linux 4.18). It
  /// may refuse them all the same (see udp/sender).
  [[nodiscard]] bool gso() const { return without_gso_.empty(); }
  /// Whether datagrams may arrive joined (Linux 5.0).
  [[nodiscard]] bool gro() const { return without_gro_.empty(); }
  /// Why not; empty otherwise.
  [[nodiscard]] std::string_view without_gso() const { return without_gso_; }
  [[nodiscard]] std::string_view without_gro() const { return without_gro_; }

  [[nodiscard]] std::uint32_t mark() const;

  /// What the kernel granted, in the unit of socket_options.
  [[nodiscard]] std::size_t receive_buffer_octets() const;
  [[nodiscard]] std::size_t send_buffer_octets() const;

  /// What waits in it to leave, as the kernel counts it: with the memory around it.
  [[nodiscard]] std::size_t queued() const;
  /// The most that it may have, which the kernel has granted.
  [[nodiscard]] std::size_t send_queue_most() const { return send_queue_most_; }
  /// As the kernel counts. Not below what a datagram needs (limits::udp_send_queue_min).
  [[nodiscard]] std::size_t send_queue_limit() const;
  void limit_send_queue(std::size_t octets) const;

  /// Datagrams that the kernel dropped before anybody could receive them, mostly for want of room
  /// in the receive buffer. Counts modulo 2^32; for any thread.
  [[nodiscard]] std::uint32_t kernel_drops() const;

private:
  bound_socket(unique_fd fd, ip_family family) : fd_(std::move(fd)), family_(family) {}

  /// From the next datagram on. Throws std::system_error (it needs CAP_NET_ADMIN).
  void set_mark(std::uint32_t mark) const;
  void set_lasting_options();
  void set_options(const socket_options& options);
  /// Those that cannot fail.
  void set_buffers_and_gro() const;
  void bind_to(std::uint16_t port);

  unique_fd fd_;
  ip_family family_;
  std::uint16_t port_ = 0;
  socket_options options_;
  std::size_t send_queue_most_ = 0;
  std::string_view without_gso_;
  std::string_view without_gro_;
};

/// What opens sockets: bound_socket::open, or a test's substitute.
using socket_opener = std::function<std::shared_ptr<const bound_socket>(
    ip_family family, std::uint16_t port, const socket_options& options)>;

} // namespace troupe::udp
