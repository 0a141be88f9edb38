// Events are taken as hints only: whatever concerns the interface, and any loss of events, makes
// the monitor ask the TUN descriptor for name and namespace and then that namespace for the rest.
// So no order and no loss of events can leave it with a wrong picture for longer than the next
// event. They are believed in one thing, what the interface was like for a moment: a flag that went
// and came again has cost it its routes, and cannot be asked for any more.
#include "tun/link_monitor.hpp"

#include "messages/limits.hpp"
#include "tun/device.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

namespace troupe::tun {

namespace {

unique_fd subscribe_to_links() {
  unique_fd events(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl here{};
  here.nl_family = AF_NETLINK;
  here.nl_groups = RTMGRP_LINK;
  if (!events || ::bind(events.fd(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
    throw std::system_error(errno, std::system_category(),
                            "cannot watch for changes of interfaces");
  return events;
}

/// The namespace of which a datagram tells; nothing: the socket's own.
std::optional<std::int32_t> namespace_in(msghdr& received) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&received); each != nullptr;
       each = CMSG_NXTHDR(&received, each))
    if (each->cmsg_level == SOL_NETLINK && each->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
      std::int32_t number = 0;
      std::memcpy(&number, CMSG_DATA(each), sizeof number);
      return number;
    }
  return std::nullopt;
}

} // namespace

link_monitor::link_monitor(int tun_fd)
    : tun_fd_(tun_fd), events_(subscribe_to_links()), home_(identify(own_namespace())),
      where_(home_) {
  state_.name = interface_name_of(tun_fd);
  if (state_.name.empty())
    throw std::system_error(EBADFD, std::system_category(), "the TUN device is gone");
  state_.mtu = limits::mtu_default;
  if (find_again())
    judge();
}

const link_state& link_monitor::read_changes() {
  state_.forgot_settings = false;
  if (drain_events() && find_again())
    judge();
  return state_;
}

std::optional<std::uint64_t> link_monitor::queue_drops() {
  const std::optional<link_facts> found = questions_.find_link(state_.name, elsewhere_);
  return found && found->index == state_.index ? std::optional(found->queue_drops) : std::nullopt;
}

/// Whether anything of what was reported, or lost, may concern the interface.
bool link_monitor::drain_events() {
  // Each datagram of this group is one message. What is longer is cut, behind what matters here.
  alignas(nlmsghdr) std::array<char, 4096> datagram;
  bool concerned = false;
  for (;;) {
    iovec place{datagram.data(), datagram.size()};
    alignas(cmsghdr) std::array<char, 64> control;
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t received = ::recvmsg(fd(), &message, 0);
    if (received < 0 && errno == ENOBUFS) { // the kernel had to drop events: anything may have been
      concerned = was_down_ = was_below_ipv6_mtu_ = true;
      continue;
    }
    if (received < 0 && errno == EINTR)
      continue;
    if (received < 0)
      return concerned;
    const std::optional<link_facts> then = parse_link(*reinterpret_cast<nlmsghdr*>(datagram.data()),
                                                      static_cast<std::size_t>(received));
    if (!then || then->index != state_.index || namespace_in(message) != elsewhere_)
      continue;
    concerned = true;
    was_down_ = was_down_ || !then->up;
    was_below_ipv6_mtu_ = was_below_ipv6_mtu_ || then->mtu < ipv6_mtu_min;
  }
}

/// From here, by the number that this namespace has for that one: a socket in there would keep it
/// alive when all else in it has ended, and the interface with it. False if the process may not.
bool link_monitor::look_into(const unique_fd& network_namespace) {
  const namespace_identity wanted = identify(network_namespace);
  if (wanted == where_)
    return true;
  std::optional<std::int32_t> number;
  if (wanted != home_ && !(number = questions_.number_of(network_namespace.fd())))
    return false;
  const int others = number ? 1 : 0;
  if (::setsockopt(events_.fd(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &others, sizeof others) != 0)
    return false;
  where_ = wanted;
  elsewhere_ = number;
  return true;
}

/// False if it is gone, or moves on faster than it is followed.
bool link_monitor::find_again() {
  // It may move on while it is being looked for: then the next try finds it. Somebody who moves it
  // faster than that is followed at the next event.
  for (int tries = 0; tries < 3; ++tries) {
    const unique_fd its_namespace = namespace_of(tun_fd_);
    const std::string name = interface_name_of(tun_fd_);
    if (name.empty())
      return false; // gone: its descriptor says so
    if (its_namespace && !look_into(its_namespace)) {
      assume_moved_away();
      return true;
    }
    const std::optional<link_facts> found = questions_.find_link(name, elsewhere_);
    // Where the kernel does not tell the namespace, another interface may have taken the name.
    if (found && (its_namespace || state_.index == 0 || found->index == state_.index)) {
      state_ = {found->index, found->name, found->mtu, found->up, where_ != home_, false};
      return true;
    }
    if (!its_namespace) {
      assume_moved_away();
      return true;
    }
  }
  return false;
}

/// What is known of the past and of now, put together. To be moved is to be set down.
void link_monitor::judge() {
  was_down_ = was_down_ || !state_.up || state_.moved;
  was_below_ipv6_mtu_ = was_below_ipv6_mtu_ || state_.mtu < ipv6_mtu_min;
  if (!state_.up || state_.moved)
    return;
  const bool is_below = state_.mtu < ipv6_mtu_min;
  state_.forgot_settings = was_down_ || (was_below_ipv6_mtu_ && !is_below);
  was_down_ = false;
  was_below_ipv6_mtu_ = is_below;
}

/// Out of sight, it is taken to be up with its last MTU: sending what the kernel still hands out is
/// the smaller mistake.
void link_monitor::assume_moved_away() {
  state_.up = true;
  state_.moved = true;
}

} // namespace troupe::tun
