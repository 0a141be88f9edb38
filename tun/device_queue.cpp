// What the kernel's TUN driver answers, found by experiment on Linux 6.18 with a descriptor opened
// O_NONBLOCK and IFF_TUN | IFF_NO_PI:
//
//   the interface is     read(2)                   write(2)   poll(2)
//   up                   a packet, else EAGAIN     its size   POLLOUT, POLLIN if packets wait
//   down                 as if up                  EIO        POLLIN if packets wait
//   deleted, or its      EBADFD                    EBADFD     POLLERR
//     namespace is
//
// Renaming it changes nothing. Moving it to another namespace sets it down, keeps its MTU and what
// waits, and after that the table holds there. Its end wakes a poll(2) for POLLIN, but none that
// asks for POLLERR alone; a read that was blocked then may see EFAULT.
//
// A packet larger than the buffer is cut to it and read(2) returns the buffer's size, so a full
// buffer means a cut packet. What is empty or no IP packet is refused with EINVAL, and so is a
// super-packet that the kernel cannot or will not segment; any other length is written, even above
// the MTU and above 65,535.
#include "tun/device_queue.hpp"

#include "messages/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe::tun {

namespace {

iovec piece(const void* begin, std::size_t octets) {
  return {.iov_base = const_cast<void*>(begin), .iov_len = octets}; // writev(2) only reads
}

} // namespace

// --- Reading -------------------------------------------------------------------------------------

device_source::device_source(std::shared_ptr<const queue_file> queue)
    : queue_(std::move(queue)), buffer_(queue_->has_vnet_header ? limits::super_packet_octets : 0) {
}

read_result device_source::read_batch(slab& into, std::uint32_t mtu) {
  read_result result;
  slot_filler filler(into, mtu);
  if (pending_ && !take_segments(filler, result))
    return result;
  while (!pending_ && filler.has_room()) {
    const bytes place = filler.next_packet();
    // Most packets lie where they are to be sealed at once; of a super-packet only its head does.
    const bytes head =
        queue_->has_vnet_header ? place.first(std::min<std::size_t>(place.size(), mtu)) : place;
    const ssize_t length = read_packet(head);
    if (length > 0) {
      take(filler, head, static_cast<std::size_t>(length), result);
      continue;
    }
    if (length < 0 && errno == EINTR)
      continue;
    // Any error that the table above does not know counts as gone too: a reader that went on
    // polling a descriptor which is readable and cannot be read would use a whole core.
    if (length == 0 || errno != EAGAIN)
      result.state = queue_state::gone;
    result.device_empty = true;
    break;
  }
  return result;
}

ssize_t device_source::read_packet(bytes head) {
  if (!queue_->has_vnet_header)
    return ::read(fd(), head.data(), head.size());
  const iovec parts[] = {
      {.iov_base = &about_, .iov_len = sizeof about_},
      {.iov_base = head.data(), .iov_len = head.size()},
      {.iov_base = &buffer_[head.size()], .iov_len = buffer_.size() - head.size()}};
  const ssize_t length = ::readv(fd(), parts, std::size(parts));
  constexpr ssize_t header_octets = sizeof about_;
  return length < header_octets ? std::min<ssize_t>(length, 0) : length - header_octets;
}

void device_source::take(slot_filler& filler, bytes head, std::size_t length, read_result& result) {
  if (about_.gso_type == vnet::no_segments)
    return take_single(filler, head.size(), length, result);
  std::copy_n(head.data(), std::min(head.size(), length), buffer_.data());
  pending_ = length < buffer_.size() ? splitter::of(about_, const_bytes(buffer_).first(length))
                                     : std::nullopt;
  next_segment_ = 0;
  if (pending_)
    take_segments(filler, result);
  else
    ++result.malformed;
}

void device_source::take_single(slot_filler& filler, std::size_t head, std::size_t length,
                                read_result& result) {
  const bytes place = filler.next_packet();
  if (length > place.size()) {
    ++result.oversize;
    return;
  }
  if (length > head) // the MTU has grown, and that is not known yet
    std::copy_n(&buffer_[head], length - head, &place[head]);
  if ((about_.flags & vnet::needs_checksum) != 0 && !complete_checksum(about_, place.first(length)))
    ++result.malformed;
  else
    ++(filler.keep(length) ? result.packets : result.oversize);
}

bool device_source::take_segments(slot_filler& filler, read_result& result) {
  for (; next_segment_ < pending_->segments(); ++next_segment_) {
    if (!filler.has_room())
      return false;
    const bytes place = filler.next_packet();
    const std::size_t length = pending_->length_of(next_segment_);
    if (length >= place.size()) { // the MTU has grown, and that is not known yet
      if (!filler.is_empty())
        return false;
      ++result.oversize;
      continue;
    }
    pending_->write(next_segment_, place.data());
    ++(filler.keep(length) ? result.packets : result.oversize);
  }
  pending_.reset();
  return true;
}

// --- Writing -------------------------------------------------------------------------------------

device_sink::device_sink(std::shared_ptr<const queue_file> queue, device_offloads offloads,
                         write_call write)
    : queue_(std::move(queue)), offloads_(std::move(offloads)), write_(write),
      pieces_(2 + limits::joined_packets_max) {
  drops_.reserve(limits::packets_per_slab_max);
}

std::string device_sink::offload() const {
  const offload_state& tcp = offloads_.segments;
  const offload_state& udp = offloads_.datagrams;
  if (tcp.on && udp.on)
    return "on";
  if (!tcp.on && !udp.on && tcp.why_off == udp.why_off)
    return "off: " + tcp.why_off;
  std::string text = tcp.on ? "" : "TCP off: " + tcp.why_off;
  if (!udp.on)
    text.append(text.empty() ? "" : "; ").append("UDP off: ").append(udp.why_off);
  return text;
}

write_result device_sink::write_batch(const slab& from) {
  drops_.clear();
  write_result result = write_all(from);
  result.drops = drops_;
  return result;
}

write_result device_sink::write_all(const slab& from) {
  write_result result;
  const joins wanted{offloads_.segments.on, offloads_.datagrams.on};
  if (!(wanted.segments || wanted.datagrams) || from.deliveries.size() < 2) {
    for (const delivery& each : from.deliveries)
      if (each.queue == queue_->index && !write_single(from, each, result))
        break;
    return result;
  }
  for (const joined& each : coalescer_.group(from, wanted, queue_->index)) {
    const bool goes_on = each.packets == 1 ? write_single(from, from.deliveries[each.first], result)
                                           : write_joined(from, each, result);
    if (!goes_on)
      break;
  }
  return result;
}

/// False when the device is gone.
bool device_sink::write_single(const slab& from, const delivery& packet, write_result& result) {
  static constexpr vnet_header plain{};
  std::size_t pieces = 0;
  if (queue_->has_vnet_header)
    pieces_[pieces++] = piece(&plain, sizeof plain);
  pieces_[pieces++] = piece(from.range(packet.offset, packet.length).data(), packet.length);
  switch (write_pieces(pieces)) {
  case outcome::written:
    ++result.units;
    ++result.packets;
    result.octets += packet.length;
    return true;
  case outcome::gone:
    result.state = queue_state::gone;
    return false;
  case outcome::invalid:
  case outcome::no_memory:
  case outcome::refused:
    break;
  }
  refuse(packet, result);
  return true;
}

void device_sink::refuse(const delivery& packet, write_result& result) {
  ++result.refused;
  if (!drops_.empty() && drops_.back().peer == packet.peer)
    ++drops_.back().packets;
  else
    drops_.push_back({packet.peer, drop_reason::tun_refused, 1});
}

bool device_sink::write_joined(const slab& from, const joined& what, write_result& result) {
  pieces_[0] = piece(&what.about, sizeof what.about);
  pieces_[1] = piece(what.headers.data(), what.header_octets);
  std::uint32_t packet = what.first;
  std::uint64_t octets = 0;
  for (std::uint32_t i = 0; i < what.packets; ++i, packet = coalescer_.next_of(packet)) {
    const delivery& each = from.deliveries[packet];
    const const_bytes payload = from.range(each.offset, each.length).subspan(what.header_octets);
    pieces_[2 + i] = piece(payload.data(), payload.size());
    octets += each.length;
  }
  switch (write_pieces(2 + what.packets)) {
  case outcome::written:
    result.packets += what.packets;
    result.octets += octets;
    ++result.units;
    return true;
  case outcome::gone:
    result.state = queue_state::gone;
    return false;
  case outcome::refused:
    packet = what.first;
    for (std::uint32_t i = 0; i < what.packets; ++i, packet = coalescer_.next_of(packet))
      refuse(from.deliveries[packet], result);
    return true;
  case outcome::no_memory: // in one piece; for a packet there may be some
    return write_one_by_one(from, what, result);
  case outcome::invalid:
    break;
  }
  // The kernel does not take this kind: never again.
  offload_state& kind =
      what.about.gso_type == vnet::udp_segments ? offloads_.datagrams : offloads_.segments;
  kind = {false, "the kernel refused a super-packet"};
  result.joining_refused = true;
  return write_one_by_one(from, what, result);
}

bool device_sink::write_one_by_one(const slab& from, const joined& what, write_result& result) {
  std::uint32_t packet = what.first;
  for (std::uint32_t i = 0; i < what.packets; ++i, packet = coalescer_.next_of(packet))
    if (!write_single(from, from.deliveries[packet], result))
      return false;
  return true;
}

device_sink::outcome device_sink::write_pieces(std::size_t pieces) {
  ssize_t written = 0;
  do
    written = write_(fd(), pieces_.data(), static_cast<int>(pieces));
  while (written < 0 && errno == EINTR);
  if (written >= 0)
    return outcome::written;
  switch (errno) {
  case EBADFD:
  case EBADF:
    return outcome::gone;
  case EINVAL:
    return outcome::invalid;
  case ENOMEM:
  case ENOBUFS:
    return outcome::no_memory;
  default:
    return outcome::refused;
  }
}

} // namespace troupe::tun
