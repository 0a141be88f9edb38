#include "tun/fake_queue.hpp"

#include "tun/slots.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <system_error>

namespace troupe::tun {

namespace {

unique_fd make_event() {
  unique_fd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event)
    throw std::system_error(errno, std::system_category(), "eventfd");
  return event;
}

} // namespace

fake_source::fake_source() : readable_(make_event()) {}

void fake_source::push(const_bytes packet) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace_back(packet.begin(), packet.end());
  ::eventfd_write(fd(), 1);
}

void fake_source::remove() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  state_ = queue_state::gone;
  ::eventfd_write(fd(), 1);
}

std::size_t fake_source::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

read_result fake_source::read_batch(slab& into, std::uint32_t mtu) {
  const std::lock_guard lock(mutex_);
  read_result result;
  result.state = state_;
  for (slot_filler filler(into, mtu); !waiting_.empty() && filler.has_room();
       waiting_.pop_front()) {
    const std::vector<std::uint8_t>& packet = waiting_.front();
    const bytes place = filler.next_packet();
    const std::size_t length = std::min(packet.size(), place.size());
    std::copy_n(packet.begin(), length, place.begin());
    ++(filler.keep(length) ? result.packets : result.oversize);
  }
  result.device_empty = waiting_.empty();
  eventfd_t ignored = 0;
  if (waiting_.empty() && state_ == queue_state::ok)
    ::eventfd_read(fd(), &ignored);
  return result;
}

fake_sink::fake_sink(std::uint8_t queue) : queue_(queue), event_(make_event()) {}

void fake_sink::remove() {
  const std::lock_guard lock(mutex_);
  state_ = queue_state::gone;
  ::eventfd_write(fd(), 1);
}

void fake_sink::set_up(bool up) {
  const std::lock_guard lock(mutex_);
  up_ = up;
}

std::vector<std::vector<std::uint8_t>> fake_sink::take_written() {
  const std::lock_guard lock(mutex_);
  return std::exchange(written_, {});
}

write_result fake_sink::write_batch(const slab& from) {
  const std::lock_guard lock(mutex_);
  write_result result;
  drops_.clear();
  result.state = state_;
  if (state_ == queue_state::gone)
    return result;
  for (const delivery& each : from.deliveries) {
    if (each.queue != queue_)
      continue;
    if (!up_) {
      ++result.refused;
      drops_.push_back({each.peer, drop_reason::tun_refused, 1});
      continue;
    }
    const const_bytes packet = from.range(each.offset, each.length);
    written_.emplace_back(packet.begin(), packet.end());
    ++result.packets;
    ++result.units;
    result.octets += each.length;
  }
  result.drops = drops_;
  return result;
}

void fake_device::add_queue() {
  if (queues() >= queues_max)
    throw std::system_error(E2BIG, std::system_category(), "cannot open another queue");
  sinks_.push_back(std::make_shared<fake_sink>(static_cast<std::uint8_t>(queues())));
  sources_.push_back(std::make_shared<fake_source>());
}

void fake_device::remove_queue() {
  sources_.pop_back();
  sinks_.pop_back();
}

void fake_device::set_offload(bool wanted) {
  offload = wanted;
}

} // namespace troupe::tun
