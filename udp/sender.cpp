#include "udp/sender.hpp"

#include "messages/assert.hpp"

#include "udp/socket_address.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe::udp {

namespace {

/// Appends control messages to a msghdr whose msg_controllen says how much is used.
class control_writer {
public:
  control_writer(msghdr& header, bytes room) : header_(header), room_(room) {
    header_.msg_control = room.data();
    header_.msg_controllen = 0;
  }

  template <class Value>
  void append(int level, int type, const Value& value) {
    const bytes place = room_.subspan(header_.msg_controllen);
    TROUPE_ASSERT(place.size() >= CMSG_SPACE(sizeof value));
    std::memset(place.data(), 0, CMSG_SPACE(sizeof value));
    cmsghdr* const message = reinterpret_cast<cmsghdr*>(place.data());
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(message), &value, sizeof value);
    header_.msg_controllen += CMSG_SPACE(sizeof value);
  }

private:
  msghdr& header_;
  bytes room_;
};

bool is_link_local(const ip_address& v6) {
  return v6.octets[0] == 0xfe && (v6.octets[1] & 0xc0) == 0x80;
}

/// The address only: the way there is the routing table's to choose. With the interface as well, a
/// host that is reached over one and routes back over another would send into nothing. A link-local
/// address means nothing without its interface. (What the kernel's WireGuard does beyond that is in
/// ARCHITECTURE.md.)
void append_source(control_writer& control, const source_address& source) {
  if (source.address.family == ip_family::v4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, source.address.octets.data(), sizeof info.ipi_spec_dst);
    control.append(IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = is_link_local(source.address) ? source.interface_index : 0;
    std::memcpy(&info.ipi6_addr, source.address.octets.data(), sizeof info.ipi6_addr);
    control.append(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void append_traffic_class(control_writer& control, ip_family family, std::uint8_t traffic_class) {
  if (family == ip_family::v4)
    control.append(IPPROTO_IP, IP_TOS, int{traffic_class});
  else
    control.append(IPPROTO_IPV6, IPV6_TCLASS, int{traffic_class});
}

/// The datagram after `segments` from the one at `cursor` on.
send_cursor after(send_cursor cursor, std::uint32_t segments, const slab& from) {
  if (cursor.segment + segments < from.transmits[cursor.transmit].segments())
    return {.transmit = cursor.transmit, .segment = cursor.segment + segments};
  return {.transmit = cursor.transmit + 1, .segment = 0};
}

const_bytes segments_of(const slab& from, const transmit& what, std::uint32_t first,
                        std::uint32_t segments) {
  const std::uint32_t begin = first * what.segment_octets;
  return from.range(what.offset + begin,
                    std::min(segments * what.segment_octets, what.length - begin));
}

std::size_t index_of(ip_family family) {
  return family == ip_family::v4 ? 0 : 1;
}

/// What becomes of a message that the kernel did not take.
enum class verdict {
  call_again,
  wait_writable,
  wait_a_while,
  shorten_train,
  try_without_source,
  drop
};

verdict judge(int error, bool is_train, bool has_source) {
  // EIO: the way out cannot segment, or IPsec lies on it. EMSGSIZE: a segment is longer than the
  // path takes, where a single datagram would be fragmented. EINVAL: too many segments, or nothing
  // to do with them.
  if (is_train && (error == EIO || error == EMSGSIZE || error == EINVAL))
    return verdict::shorten_train;
  switch (error) {
  case EINTR:
    return verdict::call_again;
  case EAGAIN:
    return verdict::wait_writable;
  case ENOBUFS: // the interface's queue is full: poll(2) would say at once that it can be tried
  case ENOMEM:
    return verdict::wait_a_while;
  case EINVAL: // what a source address or interface that is gone may answer
  case EADDRNOTAVAIL:
  case ENODEV:
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ENETDOWN:
    return has_source ? verdict::try_without_source : verdict::drop;
  default:
    return verdict::drop;
  }
}

drop_reason reason_of(int error) {
  switch (error) {
  case EPERM:  // netfilter dropped it on its way out
  case EACCES: // a `prohibit` route, or a broadcast address
    return drop_reason::refused_by_host;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ECONNREFUSED:
  case EADDRNOTAVAIL:
  case ENETDOWN:
  case ENODEV:
    return drop_reason::unreachable;
  case EMSGSIZE:
    return drop_reason::datagram_too_long;
  case EAFNOSUPPORT:
    return drop_reason::no_socket;
  default:
    return drop_reason::send_error;
  }
}

} // namespace

sender::sender(std::shared_ptr<const socket_pair> sockets, batch_calls& calls,
               std::optional<duration> target_delay)
    : sockets_(std::move(sockets)), calls_(calls), rooms_{}, headers_{} {
  TROUPE_ASSERT(sockets_ != nullptr);
  drops_.reserve(limits::packets_per_slab_max);
  stale_sources_.reserve(limits::packets_per_slab_max);
  sourceless_.reserve(limits::packets_per_slab_max);
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    const std::shared_ptr<const bound_socket>& socket = sockets_->of(family);
    if (socket != nullptr && target_delay) {
      const std::size_t most = socket->send_queue_most();
      buffers_[index_of(family)].emplace(most, *target_delay);
      socket->limit_send_queue(std::min(most, limits::udp_send_queue_first));
    }
    if (socket == nullptr || !socket->gso())
      trains_.rule_out(family, socket == nullptr ? "no socket" : socket->without_gso());
  }
}

void sender::begin_wait(time_point now) {
  if (full_ && buffers_[index_of(*full_)])
    buffers_[index_of(*full_)]->full(sockets_->of(*full_)->queued(), now);
}

void sender::end_wait(time_point now) {
  if (!full_ || !buffers_[index_of(*full_)])
    return;
  const bound_socket& socket = *sockets_->of(*full_);
  if (const std::optional<std::size_t> size = buffers_[index_of(*full_)]->writable(
          socket.queued(), socket.send_queue_limit(), longest_, now))
    socket.limit_send_queue(*size);
}

send_queue sender::queue() const {
  send_queue sum;
  for (const ip_family family : {ip_family::v4, ip_family::v6})
    if (const std::shared_ptr<const bound_socket>& socket = sockets_->of(family)) {
      sum.octets += socket->queued();
      sum.limit += socket->send_queue_limit();
    }
  return sum;
}

std::string sender::offload() const {
  return trains_.text();
}

send_result sender::send_batch(const slab& from, std::uint8_t lane, send_cursor& cursor) {
  drops_.clear();
  stale_sources_.clear();
  sourceless_.clear();
  send_result result;
  bool waits = false;
  while (!waits && skip_unsendable(from, lane, cursor)) {
    const unsigned prepared = prepare(from, lane, cursor);
    waits = !send_prepared(from, prepared, cursor, result);
  }
  result.drops = drops_;
  result.stale_sources = stale_sources_;
  return result;
}

/// Moves the cursor to a datagram that there is a socket for; false at the end of the slab.
bool sender::skip_unsendable(const slab& from, std::uint8_t lane, send_cursor& cursor) {
  for (; cursor.transmit < from.transmits.size();
       cursor = {.transmit = cursor.transmit + 1, .segment = 0}) {
    const transmit& what = from.transmits[cursor.transmit];
    if (what.lane != lane || what.length == 0)
      continue;
    TROUPE_ASSERT(what.segment_octets > 0);
    if (sockets_->of(what.remote.address.family) != nullptr)
      return true;
    drop(what, drop_reason::no_socket, what.segments() - cursor.segment);
  }
  return false;
}

/// Makes messages of the datagrams from `at` on, as far as they are for the same socket.
unsigned sender::prepare(const slab& from, std::uint8_t lane, send_cursor at) {
  const ip_family family = from.transmits[at.transmit].remote.address.family;
  unsigned prepared = 0;
  while (prepared < rooms_.size() && at.transmit < from.transmits.size()) {
    const transmit& what = from.transmits[at.transmit];
    if (what.lane != lane || what.length == 0) {
      at = {.transmit = at.transmit + 1, .segment = 0};
      continue;
    }
    if (what.remote.address.family != family)
      break;
    fill(rooms_[prepared], headers_[prepared].msg_hdr, from, at);
    at = after(at, rooms_[prepared].segments, from);
    ++prepared;
  }
  return prepared;
}

void sender::fill(message_room& room, msghdr& header, const slab& from, send_cursor at) {
  const transmit& what = from.transmits[at.transmit];
  longest_ = std::max<std::size_t>(longest_, what.segment_octets);
  room.at = at;
  room.segments = trains_.together(what.remote, what.segments() - at.segment, what.segment_octets);
  const const_bytes payload = segments_of(from, what, at.segment, room.segments);
  // sendmmsg(2) only reads, whatever its type says.
  room.payload = {.iov_base = const_cast<std::uint8_t*>(payload.data()), .iov_len = payload.size()};
  header = {};
  header.msg_name = &room.remote;
  header.msg_namelen = write_socket_address(what.remote, room.remote);
  header.msg_iov = &room.payload;
  header.msg_iovlen = 1;
  control_writer control(header, room.control);
  room.has_source = use_source(what);
  if (room.has_source)
    append_source(control, what.local);
  if (what.traffic_class != 0)
    append_traffic_class(control, what.remote.address.family, what.traffic_class);
  if (room.segments > 1)
    control.append(IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(what.segment_octets));
}

bool sender::use_source(const transmit& what) const {
  if (!what.local.known() || what.local.address.family != what.remote.address.family)
    return false;
  return std::none_of(sourceless_.begin(), sourceless_.end(), [&](const sourceless_path& path) {
    return path.remote == what.remote && path.local == what.local;
  });
}

/// Returns false when something has to be waited for; true does not mean that all are sent.
bool sender::send_prepared(const slab& from, unsigned prepared, send_cursor& cursor,
                           send_result& result) {
  const int fd = sockets_->of(from.transmits[cursor.transmit].remote.address.family)->fd();
  for (unsigned first = 0; first < prepared;) {
    const int sent = calls_.send(fd, &headers_[first], prepared - first);
    TROUPE_ASSERT(sent != 0);
    if (sent > 0) {
      account(from, first, static_cast<unsigned>(sent), result);
      first += static_cast<unsigned>(sent);
      cursor = after(rooms_[first - 1].at, rooms_[first - 1].segments, from);
      continue;
    }
    // The error is that of the first message alone.
    const int error = errno;
    const message_room& refused = rooms_[first];
    const transmit& what = from.transmits[refused.at.transmit];
    if (refused.segments == 1 && error == EINVAL)
      result.joining_refused |= trains_.learn(what.remote, false);
    switch (judge(error, refused.segments > 1, refused.has_source)) {
    case verdict::call_again:
      break;
    case verdict::wait_writable:
      result.then = send_result::next::wait_writable;
      result.blocked_fd = fd;
      full_ = what.remote.address.family;
      return false;
    case verdict::wait_a_while:
      result.then = send_result::next::wait_a_while;
      return false;
    case verdict::shorten_train:
      result.joining_refused |= trains_.refused(what.remote, error);
      return true;
    case verdict::try_without_source:
      sourceless_.push_back({.remote = what.remote, .local = what.local});
      return true;
    case verdict::drop:
      drop(what, reason_of(error), refused.segments);
      cursor = after(refused.at, refused.segments, from);
      ++first;
      break;
    }
  }
  return true;
}

void sender::account(const slab& from, unsigned first, unsigned sent, send_result& result) {
  for (unsigned i = first; i < first + sent; ++i) {
    const message_room& room = rooms_[i];
    const transmit& what = from.transmits[room.at.transmit];
    ++result.messages;
    result.datagrams += room.segments;
    result.octets += room.payload.iov_len;
    result.joining_refused |= trains_.learn(what.remote, true);
    trains_.count_sent(what.remote, room.segments);
    if (sourceless_.empty() || room.has_source)
      continue;
    // Only now is it sure that the source was to blame, and not the way to the peer.
    if (what.local.known() && what.peer != peer_id::none &&
        std::find(stale_sources_.begin(), stale_sources_.end(), what.peer) == stale_sources_.end())
      stale_sources_.push_back(what.peer);
  }
}

void sender::drop(const transmit& what, drop_reason reason, std::uint32_t datagrams) {
  if (!drops_.empty() && drops_.back().peer == what.peer && drops_.back().reason == reason)
    drops_.back().packets += datagrams;
  else
    drops_.push_back({.peer = what.peer, .reason = reason, .packets = datagrams});
}

} // namespace troupe::udp
