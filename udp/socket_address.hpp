// Endpoints as the kernel writes them.
#pragma once

#include "messages/address.hpp"

#include <sys/socket.h>

namespace troupe::udp {

/// Returns the length used.
socklen_t write_socket_address(const endpoint& where, sockaddr_storage& out);
/// `in` is of AF_INET or AF_INET6.
endpoint read_socket_address(const sockaddr_storage& in);

inline sockaddr* as_sockaddr(sockaddr_storage* storage) {
  return reinterpret_cast<sockaddr*>(storage);
}

} // namespace troupe::udp
