#include "tun/link.hpp"

#include "tun/device.hpp"

#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

namespace troupe::tun {

namespace {

using outcome = link_change::outcome;

struct free_libnl_object {
  void operator()(nl_addr* object) const noexcept { nl_addr_put(object); }
  void operator()(rtnl_addr* object) const noexcept { rtnl_addr_put(object); }
  void operator()(rtnl_link* object) const noexcept { rtnl_link_put(object); }
  void operator()(rtnl_route* object) const noexcept { rtnl_route_put(object); }
};

template <class Object>
using libnl_object = std::unique_ptr<Object, free_libnl_object>;

/// Of libnl's; it fails only for want of memory.
template <class Object>
libnl_object<Object> owned(Object* allocated) {
  if (allocated == nullptr)
    throw std::bad_alloc();
  return libnl_object<Object>(allocated);
}

/// Runs one of libnl's builders of requests, which takes a place for the message last.
template <class Build>
netlink_message built(Build build) {
  nl_msg* message = nullptr;
  if (build(&message) < 0 || message == nullptr)
    throw std::bad_alloc();
  return netlink_message(message);
}

libnl_object<nl_addr> libnl_prefix(const ip_prefix& prefix) {
  const const_bytes octets = prefix.address.significant();
  libnl_object<nl_addr> result =
      owned(nl_addr_build(linux_family(prefix.address.family), octets.data(), octets.size()));
  nl_addr_set_prefixlen(result.get(), prefix.length);
  return result;
}

libnl_object<rtnl_addr> libnl_address(unsigned index, const ip_prefix& address) {
  libnl_object<rtnl_addr> result = owned(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(result.get(), static_cast<int>(index));
  if (rtnl_addr_set_local(result.get(), libnl_prefix(address).get()) < 0)
    throw std::bad_alloc();
  if (address.address.family == ip_family::v6)
    rtnl_addr_set_flags(result.get(), IFA_F_NODAD);
  return result;
}

/// The metric that the kernel gives a route for which none is asked: what makes two routes to one
/// target in one table the same.
std::uint32_t default_metric(ip_family family) {
  return family == ip_family::v4 ? 0 : 1024;
}

libnl_object<rtnl_route> libnl_route(unsigned index, const link_route& wanted) {
  libnl_object<rtnl_route> result = owned(rtnl_route_alloc());
  const ip_family family = wanted.target.address.family;
  rtnl_route_set_family(result.get(), linux_family(family));
  rtnl_route_set_table(result.get(), wanted.table);
  rtnl_route_set_type(result.get(), RTN_UNICAST);
  rtnl_route_set_protocol(result.get(), RTPROT_STATIC);
  // No gateway: an IPv4 target is on the link itself. IPv6 has no scopes of routes.
  rtnl_route_set_scope(result.get(), family == ip_family::v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
  if (rtnl_route_set_dst(result.get(), libnl_prefix(masked(wanted.target)).get()) < 0)
    throw std::bad_alloc();
  rtnl_nexthop* const hop = rtnl_route_nh_alloc();
  if (hop == nullptr)
    throw std::bad_alloc();
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(index));
  rtnl_route_add_nexthop(result.get(), hop); // the route owns it from now on
  return result;
}

std::optional<ip_address> address_in(const nlattr* attribute) {
  if (attribute == nullptr)
    return std::nullopt;
  const std::uint8_t* const octets = static_cast<const std::uint8_t*>(nla_data(attribute));
  return nla_len(attribute) == 4 ? make_ipv4(octets) : make_ipv6(octets);
}

/// An address of an interface, from RTM_NEWADDR. IFA_LOCAL is the own one where IFA_ADDRESS is the
/// other end's; IPv6 has only the latter.
std::optional<ip_prefix> held_address(nlmsghdr& header, unsigned index) {
  const ifaddrmsg* const fixed = static_cast<const ifaddrmsg*>(nlmsg_data(&header));
  if (fixed->ifa_index != index)
    return std::nullopt;
  const nlattr* const local = nlmsg_find_attr(&header, sizeof *fixed, IFA_LOCAL);
  const std::optional<ip_address> address =
      address_in(local != nullptr ? local : nlmsg_find_attr(&header, sizeof *fixed, IFA_ADDRESS));
  if (!address)
    return std::nullopt;
  return ip_prefix{*address, fixed->ifa_prefixlen};
}

/// A route from RTM_NEWROUTE, as far as it decides whether another can be added.
struct held_route {
  link_route route;
  std::uint32_t metric = 0;
  /// 0: none or several.
  unsigned interface_index = 0;
  /// To the interface itself: unicast with no gateway.
  bool plain = false;
};

held_route parse_route(nlmsghdr& header, ip_family family) {
  const rtmsg* const fixed = static_cast<const rtmsg*>(nlmsg_data(&header));
  const auto find = [&](int type) { return nlmsg_find_attr(&header, sizeof(rtmsg), type); };
  const auto number = [&](int type, std::uint32_t otherwise) {
    const nlattr* const found = find(type);
    return found == nullptr ? otherwise : nla_get_u32(found);
  };
  held_route held;
  // A default route has no RTA_DST.
  held.route.target.address = address_in(find(RTA_DST)).value_or(ip_address{{}, family});
  held.route.target.length = fixed->rtm_dst_len;
  held.route.table = number(RTA_TABLE, fixed->rtm_table);
  held.metric = number(RTA_PRIORITY, 0);
  held.interface_index = number(RTA_OIF, 0);
  held.plain =
      fixed->rtm_type == RTN_UNICAST && find(RTA_GATEWAY) == nullptr && find(RTA_VIA) == nullptr;
  return held;
}

link_change refusal(int error, std::string text) {
  return {outcome::refused, std::error_code(error, std::system_category()), std::move(text)};
}

std::string describe(const link_route& route) {
  const std::string table =
      route.table == main_table ? std::string() : " in table " + std::to_string(route.table);
  return "route " + to_string(masked(route.target)) + table;
}

/// What to do about an error of the kernel; empty where its own words must do.
std::string cure(const std::string& name, int error, ip_family family) {
  switch (error) {
  case EPERM:
    return "CAP_NET_ADMIN is needed: start as root";
  case ENETDOWN:
    return "set the interface up first (ip link set " + name + " up)";
  case EACCES:
    return "IPv6 is switched off on it; set net.ipv6.conf." + name +
           ".disable_ipv6=0 (for all new interfaces: net.ipv6.conf.default.disable_ipv6=0), or "
           "configure no IPv6 addresses";
  case EOPNOTSUPP:
  case EAFNOSUPPORT:
    return family == ip_family::v6
               ? "the kernel runs without IPv6 (ipv6.disable=1, or not built in); configure no "
                 "IPv6 addresses"
               : "";
  default:
    return "";
  }
}

} // namespace

link::link(int tun_fd) : tun_fd_(tun_fd), home_(identify(own_namespace())) {
  if (const link_change found = find(); found.refused())
    throw std::system_error(found.code, found.text);
}

/// Another interface may have taken the name that it has elsewhere. Where the kernel does not tell
/// the namespace, the index must do to tell them apart.
link_change link::find() {
  const std::string name = interface_name_of(tun_fd_);
  if (name.empty())
    return refusal(ENODEV, "interface " + name_ + " is gone");
  name_ = name;
  const unique_fd its_namespace = namespace_of(tun_fd_);
  const unsigned index = netlink_.index_of(name);
  const bool is_here =
      its_namespace ? identify(its_namespace) == home_ : index_ == 0 || index == index_;
  if (!is_here || index == 0)
    return refusal(ENODEV, moved_text(name));
  index_ = index;
  return {};
}

std::optional<link_facts> link::facts() {
  return find().refused() ? std::nullopt : netlink_.find_link(name_);
}

link_change link::set_mtu(std::uint32_t mtu) {
  if (link_change found = find(); found.refused())
    return found;
  return change_link("cannot set the MTU of " + name_ + " to " + std::to_string(mtu), mtu, {}, {});
}

link_change link::set_queue_length(std::uint32_t packets) {
  if (link_change found = find(); found.refused())
    return found;
  return change_link("cannot set the queue length of " + name_ + " to " + std::to_string(packets),
                     {}, packets, {});
}

link_change link::set_up(bool up) {
  if (link_change found = find(); found.refused())
    return found;
  return change_link("cannot set " + name_ + (up ? " up" : " down"), {}, {}, up);
}

link_change link::add_address(const ip_prefix& address) {
  if (link_change found = find(); found.refused())
    return found;
  const libnl_object<rtnl_addr> wanted = libnl_address(index_, address);
  const netlink_message message = built([&wanted](nl_msg** into) {
    return rtnl_addr_build_add_request(wanted.get(), NLM_F_CREATE | NLM_F_EXCL, into);
  });
  const std::string what = "cannot add address " + to_string(address) + " to " + name_;
  const netlink_answer answer = netlink_.request(message);
  if (answer.error == EEXIST)
    return existing_address(what, address);
  return explain(what, answer, address.address.family);
}

link_change link::remove_address(const ip_prefix& address) {
  if (link_change found = find(); found.refused())
    return found;
  const libnl_object<rtnl_addr> unwanted = libnl_address(index_, address);
  const netlink_message message = built([&unwanted](nl_msg** into) {
    return rtnl_addr_build_delete_request(unwanted.get(), 0, into);
  });
  const netlink_answer answer = netlink_.request(message);
  if (answer.error == EADDRNOTAVAIL)
    return {outcome::already_so, {}, {}};
  return explain("cannot remove address " + to_string(address) + " from " + name_, answer,
                 address.address.family);
}

link_change link::add_route(const link_route& route) {
  if (link_change found = find(); found.refused())
    return found;
  const libnl_object<rtnl_route> wanted = libnl_route(index_, route);
  const netlink_message message = built([&wanted](nl_msg** into) {
    return rtnl_route_build_add_request(wanted.get(), NLM_F_EXCL, into);
  });
  const std::string what = "cannot add " + describe(route) + " to " + name_;
  const netlink_answer answer = netlink_.request(message);
  if (answer.error == EEXIST)
    return existing_route(what, route);
  return explain(what, answer, route.target.address.family);
}

std::vector<link_route> link::routes() {
  std::vector<link_route> found;
  if (find().refused())
    return found;
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    rtmsg fixed{};
    fixed.rtm_family = linux_family(family);
    const netlink_message message = new_message(RTM_GETROUTE, NLM_F_DUMP, fixed);
    put(message, RTA_OIF, index_); // where the kernel filters; it is looked at below all the same
    const auto collect = [&](nlmsghdr& header) {
      const held_route held = parse_route(header, family);
      if (held.plain && held.interface_index == index_ && held.metric == default_metric(family))
        found.push_back(held.route);
    };
    static_cast<void>(netlink_.request(message, collect));
  }
  std::sort(found.begin(), found.end());
  return found;
}

link_change link::remove_route(const link_route& route) {
  if (link_change found = find(); found.refused())
    return found;
  const libnl_object<rtnl_route> unwanted = libnl_route(index_, route);
  const netlink_message message = built(
      [&unwanted](nl_msg** into) { return rtnl_route_build_del_request(unwanted.get(), 0, into); });
  const netlink_answer answer = netlink_.request(message);
  if (answer.error == ESRCH)
    return {outcome::already_so, {}, {}};
  return explain("cannot remove " + describe(route) + " from " + name_, answer,
                 route.target.address.family);
}

void link::apply(const link_settings& settings) {
  const auto require = [](const link_change& change) {
    if (change.refused())
      throw std::system_error(change.code, change.text);
  };
  // Addresses after the MTU, since IPv6 is not there below 1280; routes after up, since the kernel
  // takes none before.
  if (settings.mtu)
    require(set_mtu(*settings.mtu));
  if (settings.queue_length)
    require(set_queue_length(*settings.queue_length));
  for (const ip_prefix& address : settings.addresses)
    require(add_address(address));
  if (settings.up)
    require(set_up(true));
  const std::vector<link_route> held = routes(); // a device that stays has them from before
  for (const link_route& route : settings.routes)
    if (!std::binary_search(held.begin(), held.end(), route))
      require(add_route(route));
}

link_change link::change_link(const std::string& what, std::optional<std::uint32_t> mtu,
                              std::optional<std::uint32_t> queue_length, std::optional<bool> up) {
  const libnl_object<rtnl_link> which = owned(rtnl_link_alloc());
  const libnl_object<rtnl_link> changes = owned(rtnl_link_alloc());
  rtnl_link_set_ifindex(which.get(), static_cast<int>(index_));
  if (mtu)
    rtnl_link_set_mtu(changes.get(), *mtu);
  if (queue_length)
    rtnl_link_set_txqlen(changes.get(), *queue_length);
  if (up)
    (*up ? rtnl_link_set_flags : rtnl_link_unset_flags)(changes.get(), IFF_UP);
  const netlink_message message = built([&](nl_msg** into) {
    return rtnl_link_build_change_request(which.get(), changes.get(), 0, into);
  });
  return explain(what, netlink_.request(message), ip_family::v4);
}

link_change link::explain(const std::string& what, const netlink_answer& answer, ip_family family) {
  if (answer.error == 0)
    return {};
  std::string text = what;
  const std::optional<link_facts> now = facts();
  if (!now)
    text += ": the interface is not in this network namespace any more";
  else if (family == ip_family::v6 && now->mtu < ipv6_mtu_min) // the kernel ends IPv6 on it
    text += ": IPv6 needs an MTU of at least 1280, and it has " + std::to_string(now->mtu);
  else if (const std::string todo = cure(name_, answer.error, family); !todo.empty())
    text += ": " + todo;
  if (!answer.explanation.empty())
    text += " (kernel: " + answer.explanation + ")";
  return refusal(answer.error, std::move(text));
}

link_change link::existing_address(const std::string& what, const ip_prefix& wanted) {
  ifaddrmsg fixed{};
  fixed.ifa_family = linux_family(wanted.address.family);
  fixed.ifa_index = index_;
  const netlink_message message = new_message(RTM_GETADDR, NLM_F_DUMP, fixed);
  std::vector<ip_prefix> same_address;
  const auto collect = [&](nlmsghdr& header) {
    const std::optional<ip_prefix> held = held_address(header, index_);
    if (held && held->address == wanted.address)
      same_address.push_back(*held);
  };
  // A dump that failed found nothing, and the text below is then less exact.
  static_cast<void>(netlink_.request(message, collect));
  if (std::find(same_address.begin(), same_address.end(), wanted) != same_address.end())
    return {outcome::already_so, {}, {}};
  const std::string held = same_address.empty() ? std::string("this address already")
                                                : to_string(same_address.front()) + " already";
  return refusal(EEXIST, what + ": it has " + held + "; remove that, or configure its length");
}

link_change link::existing_route(const std::string& what, const link_route& wanted) {
  const ip_family family = wanted.target.address.family;
  rtmsg fixed{};
  fixed.rtm_family = linux_family(family);
  const netlink_message message = new_message(RTM_GETROUTE, NLM_F_DUMP, fixed);
  put(message, RTA_TABLE, wanted.table);
  const link_route exact{masked(wanted.target), wanted.table};
  std::optional<held_route> in_the_way;
  const auto look = [&](nlmsghdr& header) {
    const held_route held = parse_route(header, family);
    if (held.route == exact && held.metric == default_metric(family))
      in_the_way = held;
  };
  static_cast<void>(netlink_.request(message, look));
  if (in_the_way && in_the_way->plain && in_the_way->interface_index == index_)
    return {outcome::already_so, {}, {}};
  char other[IF_NAMESIZE] = {};
  if (in_the_way && ::if_indextoname(in_the_way->interface_index, other) != nullptr)
    return refusal(EEXIST, what + ": interface " + other +
                               " has this route; remove it there (ip "
                               "route del), or choose another table");
  return refusal(EEXIST, what + ": another route to this target exists (ip route show table all " +
                             to_string(exact.target) + "); remove it, or choose another table");
}

} // namespace troupe::tun
