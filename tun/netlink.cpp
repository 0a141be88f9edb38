#include "tun/netlink.hpp"

#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace troupe::tun {

namespace {

struct exchange {
  netlink_answer answer;
  bool finished = false;
  const std::function<void(nlmsghdr&)>& each;
};

/// The text that the kernel appends to an error (NLMSGERR_ATTR_MSG); empty if it has none.
std::string explanation_of(nlmsgerr& error) {
  nlmsghdr* const header =
      reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(&error) - NLMSG_HDRLEN);
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
    return {};
  int fixed = static_cast<int>(sizeof error);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0)
    fixed += static_cast<int>(NLMSG_ALIGN(error.msg.nlmsg_len)) - NLMSG_HDRLEN;
  const nlattr* const text = nlmsg_find_attr(header, fixed, NLMSGERR_ATTR_MSG);
  return text == nullptr ? std::string() : std::string(nla_get_string(text));
}

int on_message(nl_msg* message, void* context) {
  const exchange& running = *static_cast<exchange*>(context);
  if (running.each)
    running.each(*nlmsg_hdr(message));
  return NL_OK;
}

int on_end(nl_msg*, void* context) {
  static_cast<exchange*>(context)->finished = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
  exchange& running = *static_cast<exchange*>(context);
  running.answer = {-error->error, explanation_of(*error)};
  running.finished = true;
  return NL_STOP;
}

struct free_callbacks {
  void operator()(nl_cb* callbacks) const noexcept { nl_cb_put(callbacks); }
};

bool is_tun(const nlattr& link_info) {
  const nlattr* const kind = nla_find(static_cast<const nlattr*>(nla_data(&link_info)),
                                      nla_len(&link_info), IFLA_INFO_KIND);
  return kind != nullptr && nla_strcmp(kind, "tun") == 0;
}

link_facts facts_of(nlmsghdr& header) {
  const ifinfomsg* const fixed = static_cast<const ifinfomsg*>(nlmsg_data(&header));
  link_facts facts;
  facts.index = static_cast<unsigned>(fixed->ifi_index);
  facts.up = (fixed->ifi_flags & IFF_UP) != 0;
  const auto find = [&header](int type) {
    return nlmsg_find_attr(&header, sizeof(ifinfomsg), type);
  };
  if (nlattr* const name = find(IFLA_IFNAME))
    facts.name = nla_get_string(name);
  if (const nlattr* const mtu = find(IFLA_MTU))
    facts.mtu = nla_get_u32(mtu);
  const nlattr* const carrier = find(IFLA_CARRIER);
  const nlattr* const kind = find(IFLA_LINKINFO);
  facts.in_use = carrier != nullptr && nla_get_u8(carrier) != 0 && kind != nullptr && is_tun(*kind);
  if (const nlattr* const queue_length = find(IFLA_TXQLEN))
    facts.queue_length = nla_get_u32(queue_length);
  rtnl_link_stats64 counted{};
  if (nlattr* const given = find(IFLA_STATS64)) {
    nla_memcpy(&counted, given, sizeof counted);
    facts.queue_drops = counted.tx_dropped;
  }
  return facts;
}

} // namespace

netlink_message new_message(int type, int flags, void* fixed, std::size_t octets) {
  netlink_message message(nlmsg_alloc_simple(type, flags));
  if (!message || nlmsg_append(message.get(), fixed, octets, NLMSG_ALIGNTO) < 0)
    throw std::bad_alloc();
  return message;
}

void put(const netlink_message& message, int type, std::uint32_t number) {
  if (nla_put_u32(message.get(), type, number) < 0)
    throw std::bad_alloc();
}

std::uint8_t linux_family(ip_family family) {
  return family == ip_family::v4 ? AF_INET : AF_INET6;
}

std::optional<link_facts> parse_link(nlmsghdr& header, std::size_t received) {
  if (received < NLMSG_SPACE(sizeof(ifinfomsg)) ||
      header.nlmsg_len < NLMSG_SPACE(sizeof(ifinfomsg)))
    return std::nullopt;
  header.nlmsg_len = static_cast<std::uint32_t>(std::min<std::size_t>(header.nlmsg_len, received));
  return facts_of(header);
}

void free_netlink_message::operator()(nl_msg* message) const noexcept {
  nlmsg_free(message);
}
void netlink_socket::free_socket::operator()(nl_sock* socket) const noexcept {
  nl_socket_free(socket);
}

netlink_socket::netlink_socket() : socket_(nl_socket_alloc()) {
  if (!socket_)
    throw std::bad_alloc();
  if (nl_connect(socket_.get(), NETLINK_ROUTE) < 0)
    throw std::system_error(errno, std::system_category(), "cannot open a netlink socket");
  const int number = nl_socket_get_fd(socket_.get());
  const int on = 1;
  // Both make things better and are no condition: explanations (Linux 4.12), and dumps that are
  // filtered by the kernel instead of the reader (4.20).
  ::setsockopt(number, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(number, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

netlink_answer netlink_socket::request(const netlink_message& message,
                                       const std::function<void(nlmsghdr&)>& each) {
  exchange running{{}, false, each};
  const std::unique_ptr<nl_cb, free_callbacks> callbacks(nl_cb_alloc(NL_CB_DEFAULT));
  if (!callbacks || !message)
    throw std::bad_alloc();
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &running);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &running);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &running);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &running);

  // libnl's own codes say little; what send(2) or recv(2) left in errno says more.
  errno = 0;
  if (nl_send_auto(socket_.get(), message.get()) < 0)
    return {errno != 0 ? errno : EIO, "netlink request not sent"};
  while (!running.finished) {
    errno = 0;
    const int result = nl_recvmsgs(socket_.get(), callbacks.get());
    if (result < 0 && !running.finished)
      return {errno != 0 ? errno : EIO, nl_geterror(result)};
  }
  return running.answer;
}

unsigned netlink_socket::index_of(const std::string& name) const {
  ifreq request{};
  std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
  // Asked of this socket, it is answered for the namespace in which the socket lives.
  if (::ioctl(nl_socket_get_fd(socket_.get()), SIOCGIFINDEX, &request) != 0)
    return 0;
  return static_cast<unsigned>(request.ifr_ifindex);
}

std::optional<std::int32_t> netlink_socket::number_of(int network_namespace) {
  rtgenmsg fixed{};
  const netlink_message wish = new_message(RTM_NEWNSID, NLM_F_ACK, fixed);
  put(wish, NETNSA_FD, static_cast<std::uint32_t>(network_namespace));
  put(wish, NETNSA_NSID, static_cast<std::uint32_t>(-1)); // any
  if (const netlink_answer given = request(wish); given.error != 0 && given.error != EEXIST)
    return std::nullopt;
  const netlink_message question = new_message(RTM_GETNSID, NLM_F_ACK, fixed);
  put(question, NETNSA_FD, static_cast<std::uint32_t>(network_namespace));
  std::optional<std::int32_t> found;
  static_cast<void>(request(question, [&found](nlmsghdr& header) {
    const nlattr* const number = nlmsg_find_attr(&header, sizeof(rtgenmsg), NETNSA_NSID);
    if (number != nullptr)
      found = nla_get_s32(number);
  }));
  return found && *found >= 0 ? found : std::nullopt;
}

std::optional<link_facts> netlink_socket::find_link(const std::string& name,
                                                    std::optional<std::int32_t> elsewhere) {
  const netlink_message message = new_message(RTM_GETLINK, NLM_F_ACK, ifinfomsg{});
  if (nla_put_string(message.get(), IFLA_IFNAME, name.c_str()) < 0)
    throw std::bad_alloc();
  if (elsewhere)
    put(message, IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(*elsewhere));
  std::optional<link_facts> found;
  const netlink_answer answer =
      request(message, [&found](nlmsghdr& header) { found = facts_of(header); });
  return answer.error == 0 ? found : std::nullopt;
}

} // namespace troupe::tun
