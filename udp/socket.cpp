#include "udp/socket.hpp"

#include "udp/socket_address.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace troupe::udp {

namespace {

[[noreturn]] void fail(int error, const std::string& text) {
  throw std::system_error(error, std::generic_category(), text);
}

void require_option(int fd, int level, int name, int value, std::string_view what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0)
    fail(errno, "cannot set " + std::string(what) + " on a UDP socket");
}

std::size_t buffer_octets(int fd, int name) {
  int doubled = 0;
  socklen_t length = sizeof doubled;
  ::getsockopt(fd, SOL_SOCKET, name, &doubled, &length);
  return static_cast<std::size_t>(doubled) / 2; // socket(7): the other half is for bookkeeping
}

/// First what anybody may ask for, then what only root may. Less than asked for is a slower
/// socket, not a broken one, so no error comes of it.
void ask_for_buffer(int fd, int name, int name_forced, std::size_t octets) {
  const int value = static_cast<int>(octets);
  ::setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
  if (buffer_octets(fd, name) < octets)
    ::setsockopt(fd, SOL_SOCKET, name_forced, &value, sizeof value);
}

std::string bind_failure(int error, ip_family family, std::uint16_t port) {
  const std::string where = port == 0 ? "a random UDP port" : "UDP port " + std::to_string(port);
  const std::string which = " (" + std::string(to_string(family)) + ")";
  if (error == EADDRINUSE && port != 0)
    return where + " is in use" + which + "; choose another listen_port or end its user";
  if (error == EACCES)
    return where + which + " needs root or CAP_NET_BIND_SERVICE";
  return "cannot bind " + where + which;
}

} // namespace

std::shared_ptr<const bound_socket> bound_socket::open(ip_family family, std::uint16_t port,
                                                       const socket_options& options) {
  const int domain = family == ip_family::v4 ? AF_INET : AF_INET6;
  unique_fd fd(::socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd)
    fail(errno, "cannot open a UDP socket (" + std::string(to_string(family)) + ")");
  const std::shared_ptr<bound_socket> opened(new bound_socket(std::move(fd), family));
  opened->set_lasting_options();
  opened->set_options(options);
  opened->bind_to(port);
  return opened;
}

std::shared_ptr<const bound_socket> bound_socket::with(const socket_options& options) const {
  unique_fd again(::fcntl(fd(), F_DUPFD_CLOEXEC, 0));
  if (!again)
    fail(errno, "cannot take a UDP socket by a second descriptor");
  const std::shared_ptr<bound_socket> other(new bound_socket(std::move(again), family_));
  other->port_ = port_;
  other->set_options(options);
  return other;
}

void bound_socket::reassert() const noexcept {
  ::setsockopt(fd(), SOL_SOCKET, SO_MARK, &options_.mark, sizeof options_.mark);
  set_buffers_and_gro();
}

// Path MTU: the tunnel's datagrams may be fragmented, as the kernel's WireGuard lets them be. The
// inner packets have their own path MTU discovery against the tunnel's MTU; an outer path that
// takes less would otherwise be a black hole that no inner host can see. DONT clears DF and still
// fragments here to the path MTU learnt, which IPv6 needs, since its routers do not fragment.
void bound_socket::set_lasting_options() {
  if (family_ == ip_family::v4) {
    require_option(fd(), IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
    require_option(fd(), IPPROTO_IP, IP_RECVTOS, 1, "IP_RECVTOS");
    require_option(fd(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "IP_MTU_DISCOVER");
  } else {
    require_option(fd(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
    require_option(fd(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
    require_option(fd(), IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS");
    require_option(fd(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, "IPV6_MTU_DISCOVER");
  }
}

/// The one that can fail comes first.
void bound_socket::set_options(const socket_options& options) {
  if (mark() != options.mark)
    set_mark(options.mark);
  options_ = options;
  set_buffers_and_gro();
  send_queue_most_ = send_queue_limit();
  int value = 0;
  socklen_t length = sizeof value;
  const bool has_gro = ::getsockopt(fd(), IPPROTO_UDP, UDP_GRO, &value, &length) == 0;
  without_gro_ = !options.gro ? "switched off by udp.gro"
                 : !has_gro   ? "the kernel has no UDP_GRO, which is Linux 5.0's"
                              : "";
  length = sizeof value;
  const bool has_gso = ::getsockopt(fd(), IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
  without_gso_ = !options.gso ? "switched off by udp.gso"
                 : !has_gso   ? "the kernel has no UDP_SEGMENT, which is Linux 4.18's"
                              : "";
}

void bound_socket::set_buffers_and_gro() const {
  const int gro = options_.gro ? 1 : 0;
  ::setsockopt(fd(), IPPROTO_UDP, UDP_GRO, &gro, sizeof gro);
  ask_for_buffer(fd(), SO_RCVBUF, SO_RCVBUFFORCE, options_.receive_buffer_octets);
  ask_for_buffer(fd(), SO_SNDBUF, SO_SNDBUFFORCE, options_.send_buffer_octets);
}

void bound_socket::bind_to(std::uint16_t port) {
  const endpoint everywhere{.address = {.family = family_}, .port = port};
  sockaddr_storage address{};
  const socklen_t length = write_socket_address(everywhere, address);
  if (::bind(fd(), as_sockaddr(&address), length) != 0)
    fail(errno, bind_failure(errno, family_, port));
  socklen_t bound_length = sizeof address;
  if (::getsockname(fd(), as_sockaddr(&address), &bound_length) != 0)
    fail(errno, "cannot read the port of a UDP socket");
  port_ = read_socket_address(address).port;
}

void bound_socket::set_mark(std::uint32_t mark) const {
  if (::setsockopt(fd(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0)
    fail(errno, "cannot set the fwmark of a UDP socket (it needs root or CAP_NET_ADMIN)");
}

std::uint32_t bound_socket::mark() const {
  std::uint32_t mark = 0;
  socklen_t length = sizeof mark;
  ::getsockopt(fd(), SOL_SOCKET, SO_MARK, &mark, &length);
  return mark;
}

std::size_t bound_socket::receive_buffer_octets() const {
  return buffer_octets(fd(), SO_RCVBUF);
}

std::size_t bound_socket::send_buffer_octets() const {
  return buffer_octets(fd(), SO_SNDBUF);
}

std::size_t bound_socket::queued() const {
  int octets = 0;
  ::ioctl(fd(), SIOCOUTQ, &octets);
  return static_cast<std::size_t>(octets);
}

std::size_t bound_socket::send_queue_limit() const {
  return 2 * send_buffer_octets();
}

void bound_socket::limit_send_queue(std::size_t octets) const {
  ask_for_buffer(fd(), SO_SNDBUF, SO_SNDBUFFORCE, octets / 2); // which the kernel doubles
}

// SO_MEMINFO rather than SO_RXQ_OVFL: current even when no datagram follows the drops, and free of
// cost for each datagram.
std::uint32_t bound_socket::kernel_drops() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory_info{};
  socklen_t length = sizeof memory_info;
  ::getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, memory_info.data(), &length);
  return memory_info[SK_MEMINFO_DROPS];
}

} // namespace troupe::udp
