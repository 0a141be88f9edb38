#include "udp/socket_address.hpp"

#include <netinet/in.h>

#include <cstring>

namespace troupe::udp {

socklen_t write_socket_address(const endpoint& where, sockaddr_storage& out) {
  if (where.address.family == ip_family::v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(where.port);
    std::memcpy(&v4.sin_addr, where.address.octets.data(), sizeof v4.sin_addr);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(where.port);
  v6.sin6_scope_id = where.scope_id;
  std::memcpy(&v6.sin6_addr, where.address.octets.data(), sizeof v6.sin6_addr);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

endpoint read_socket_address(const sockaddr_storage& in) {
  endpoint where;
  if (in.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &in, sizeof v4);
    where.port = ntohs(v4.sin_port);
    std::memcpy(where.address.octets.data(), &v4.sin_addr, sizeof v4.sin_addr);
    return where;
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &in, sizeof v6);
  where.address.family = ip_family::v6;
  where.port = ntohs(v6.sin6_port);
  where.scope_id = v6.sin6_scope_id;
  std::memcpy(where.address.octets.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  return where;
}

} // namespace troupe::udp
