// One request over rtnetlink and the kernel's answer to it: its error number and, where it has one,
// its own explanation (which libnl's error codes would lose). Internal to tun.
#pragma once

#include "messages/address.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

struct nl_msg;
struct nl_sock;
struct nlmsghdr;

namespace troupe::tun {

struct free_netlink_message {
  void operator()(nl_msg* message) const noexcept;
};
using netlink_message = std::unique_ptr<nl_msg, free_netlink_message>;

/// A request that begins with so many octets. Throws std::bad_alloc, as the next ones do.
netlink_message new_message(int type, int flags, void* fixed, std::size_t octets);
template <class Fixed>
netlink_message new_message(int type, int flags, Fixed fixed) {
  return new_message(type, flags, &fixed, sizeof fixed);
}
/// Appends an attribute.
void put(const netlink_message& message, int type, std::uint32_t number);

/// AF_INET or AF_INET6.
std::uint8_t linux_family(ip_family family);

/// How a request ended. `error` is 0 or an errno.
struct netlink_answer {
  int error = 0;
  std::string explanation;
};

/// Below it the kernel ends IPv6 on an interface: its IPv6 addresses and routes are gone.
inline constexpr std::uint32_t ipv6_mtu_min = 1280;

/// What the kernel says of an interface.
struct link_facts {
  unsigned index = 0;
  std::string name;
  std::uint32_t mtu = 0;
  std::uint32_t queue_length = 0;
  /// Packets that the kernel could not hand over, since the device's queue was full.
  std::uint64_t queue_drops = 0;
  bool up = false;
  /// A TUN device that a process has open.
  bool in_use = false;
};

/// Those of an RTM_NEWLINK or RTM_DELLINK of which so many octets were received: what is in them of
/// a message that was cut. Nothing if that is not even its head.
std::optional<link_facts> parse_link(nlmsghdr& header, std::size_t received);

class netlink_socket {
public:
  /// In the network namespace of the calling thread, where it stays. Throws std::system_error.
  netlink_socket();

  /// Sends the request and waits for the answer. `each` sees the messages that come before it.
  netlink_answer request(const netlink_message& message,
                         const std::function<void(nlmsghdr&)>& each = {});

  /// 0 if there is no such interface. Without a message, so cheap.
  [[nodiscard]] unsigned index_of(const std::string& name) const;

  /// By name, since the index of an interface changes when it moves to another namespace.
  /// `elsewhere`: in the namespace that this one knows by that number.
  std::optional<link_facts> find_link(const std::string& name,
                                      std::optional<std::int32_t> elsewhere = std::nullopt);
  /// The number by which this namespace knows another; it gets one if it has none. The number keeps
  /// nothing alive. Nothing: the kernel refuses.
  std::optional<std::int32_t> number_of(int network_namespace);

private:
  struct free_socket {
    void operator()(nl_sock* socket) const noexcept;
  };
  std::unique_ptr<nl_sock, free_socket> socket_;
};

} // namespace troupe::tun
