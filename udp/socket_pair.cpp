#include "udp/socket_pair.hpp"

#include <cerrno>
#include <string>
#include <system_error>

namespace troupe::udp {

namespace {

/// Built without the family, switched off at boot, or without any address of it.
bool family_is_absent(const std::error_code& code) {
  return code == std::errc::address_family_not_supported ||
         code == std::errc::address_not_available;
}

/// Null: the host does not have that family.
std::shared_ptr<const bound_socket> open_if_present(const socket_opener& opener, ip_family family,
                                                    std::uint16_t port,
                                                    const socket_options& options) {
  try {
    return opener(family, port, options);
  } catch (const std::system_error& error) {
    if (family_is_absent(error.code()))
      return nullptr;
    throw;
  }
}

} // namespace

socket_pair::socket_pair(std::shared_ptr<const bound_socket> v4,
                         std::shared_ptr<const bound_socket> v6)
    : v4_(std::move(v4)), v6_(std::move(v6)), port_(v4_ ? v4_->port() : v6_->port()) {}

std::shared_ptr<const socket_pair>
socket_pair::open(std::uint16_t port, const socket_options& options, const socket_opener& opener) {
  for (int attempts_left = limits::random_port_attempts_max;; --attempts_left) {
    std::shared_ptr<const bound_socket> v4 = open_if_present(opener, ip_family::v4, port, options);
    try {
      std::shared_ptr<const bound_socket> v6 =
          open_if_present(opener, ip_family::v6, v4 ? v4->port() : port, options);
      if (!v4 && !v6)
        throw std::system_error(EAFNOSUPPORT, std::generic_category(),
                                "this host has neither IPv4 nor IPv6 for UDP");
      return std::shared_ptr<const socket_pair>(new socket_pair(std::move(v4), std::move(v6)));
    } catch (const std::system_error& error) {
      // A random port that was free for IPv4 need not be free for IPv6: another one then.
      const bool try_again = port == 0 && v4 && error.code() == std::errc::address_in_use;
      if (!try_again)
        throw;
      if (attempts_left == 1)
        throw std::system_error(error.code(), "no random UDP port is free for IPv4 and IPv6 alike");
    }
  }
}

void socket_pair::set_mark(std::uint32_t mark) const {
  const std::uint32_t previous = v4_ ? v4_->mark() : 0;
  if (v4_)
    v4_->set_mark(mark);
  if (!v6_)
    return;
  try {
    v6_->set_mark(mark);
  } catch (const std::system_error&) {
    if (v4_)
      v4_->set_mark(previous);
    throw;
  }
}

} // namespace troupe::udp
