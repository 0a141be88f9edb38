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

std::shared_ptr<const socket_pair> socket_pair::with(const socket_options& options) const {
  const auto other = [&](const std::shared_ptr<const bound_socket>& from) {
    return from ? from->with(options) : nullptr;
  };
  std::shared_ptr<const bound_socket> v4 = other(v4_);
  try {
    return std::shared_ptr<const socket_pair>(new socket_pair(std::move(v4), other(v6_)));
  } catch (const std::system_error&) {
    reassert();
    throw;
  }
}

void socket_pair::reassert() const noexcept {
  for (const std::shared_ptr<const bound_socket>& each : {v4_, v6_})
    if (each)
      each->reassert();
}

} // namespace troupe::udp
