#include "udp/receiver.hpp"

#include "messages/assert.hpp"

#include "udp/socket_address.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe::udp {

namespace {

template <class Value>
Value read_control(const cmsghdr* header) {
  Value value{};
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

/// The address that the datagram came to, how it was marked, and whether it is several.
void read_control_data(const msghdr& message, arrival& out) {
  msghdr walked = message; // CMSG_NXTHDR wants one that is not const
  for (cmsghdr* header = CMSG_FIRSTHDR(&walked); header != nullptr;
       header = CMSG_NXTHDR(&walked, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      const in_pktinfo info = read_control<in_pktinfo>(header);
      out.local.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
      byte_array<4> octets;
      // Not ipi_addr: that may be a broadcast address, from which nothing can be sent.
      std::memcpy(octets.data(), &info.ipi_spec_dst, octets.size());
      out.local.address = make_ipv4(octets.data());
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      const in6_pktinfo info = read_control<in6_pktinfo>(header);
      out.local.interface_index = static_cast<std::uint32_t>(info.ipi6_ifindex);
      out.local.address = make_ipv6(info.ipi6_addr.s6_addr);
    } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) {
      out.traffic_class = read_control<std::uint8_t>(header); // one octet here, an int for IPv6
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
      out.traffic_class = static_cast<std::uint8_t>(read_control<int>(header));
    } else if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO) {
      out.segment_octets = static_cast<std::uint32_t>(read_control<int>(header));
    }
  }
}

std::uint32_t slot_octets(const slab& of) {
  return static_cast<std::uint32_t>(of.memory().size() / limits::messages_per_receive_slab);
}

} // namespace

receiver::receiver(std::shared_ptr<const bound_socket> source, batch_calls& calls)
    : socket_(std::move(source)), calls_(calls), rooms_{}, headers_{} {
  TROUPE_ASSERT(socket_ != nullptr);
  drops_before_ = socket_->kernel_drops();
}

receive_result receiver::receive_batch(slab& into, std::size_t messages_max) {
  TROUPE_ASSERT(into.arrivals.empty());
  const std::size_t messages = std::clamp<std::size_t>(messages_max, 1, headers_.size());
  prepare(into);
  receive_result result;
  int received = -1;
  for (int tries = 0; received < 0 && tries < limits::receive_errors_skipped_max; ++tries) {
    received = calls_.receive(socket_->fd(), headers_.data(), static_cast<unsigned>(messages));
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      result.socket_empty = true;
      result.error.clear();
      return result;
    }
    if (received < 0)
      result.error = std::error_code(errno, std::generic_category());
  }
  if (received < 0)
    return result;

  result.error.clear();
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(received); ++i)
    take(i, into, result);
  result.socket_empty = static_cast<std::size_t>(received) < messages;
  return result;
}

// The kernel overwrites the lengths, so every call starts from these.
void receiver::prepare(slab& into) {
  const std::uint32_t slot = slot_octets(into);
  for (std::uint32_t i = 0; i < headers_.size(); ++i) {
    message_room& room = rooms_[i];
    room.payload = {.iov_base = into.range(i * slot, slot).data(), .iov_len = slot};
    headers_[i] = {};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &room.remote;
    header.msg_namelen = sizeof room.remote;
    header.msg_iov = &room.payload;
    header.msg_iovlen = 1;
    header.msg_control = room.control.data();
    header.msg_controllen = room.control.size();
  }
}

void receiver::take(std::uint32_t message, slab& into, receive_result& result) const {
  const mmsghdr& header = headers_[message];
  if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
    ++result.truncated;
    return;
  }
  arrival& taken = into.arrivals.emplace_back();
  taken.offset = message * slot_octets(into);
  taken.length = header.msg_len;
  taken.remote = read_socket_address(rooms_[message].remote);
  read_control_data(header.msg_hdr, taken);
  ++result.messages;
  result.datagrams += taken.segments();
  result.octets += taken.length;
}

} // namespace troupe::udp
