#include "tun/slots.hpp"

#include "messages/assert.hpp"
#include "messages/limits.hpp"
#include "messages/wire.hpp"

#include <algorithm>

namespace troupe::tun {

slot_filler::slot_filler(slab& into, std::uint32_t mtu) : into_(into), mtu_(mtu) {
  if (into.arrivals.empty())
    return;
  const arrival& last = into.arrivals.back();
  next_ = last.offset + last.padded_length + wire::tag_octets;
}

bool slot_filler::has_room() const {
  // One octet beyond the MTU, so that a packet of exactly the MTU is not taken for one that was
  // cut.
  return into_.arrivals.size() < limits::packets_per_slab_max &&
         next_ + wire::data_overhead + mtu_ + 1 <= into_.memory().size();
}

bytes slot_filler::next_packet() const {
  const std::size_t begin = next_ + sizeof(wire::data_header);
  const std::size_t room = into_.memory().size() - begin - wire::tag_octets;
  return into_.memory().subspan(begin, std::min<std::size_t>(room, limits::mtu_max + 1));
}

bool slot_filler::keep(std::size_t length) {
  const bytes place = next_packet();
  TROUPE_ASSERT(length <= place.size());
  if (length == place.size())
    return false;
  const std::size_t padded = wire::padded_length(length, mtu_);
  const bytes padding = place.subspan(length, padded - length);
  std::fill(padding.begin(), padding.end(), std::uint8_t{0});
  const std::size_t offset = next_ + sizeof(wire::data_header);
  arrival& kept = into_.arrivals.emplace_back();
  kept.offset = static_cast<std::uint32_t>(offset);
  kept.length = static_cast<std::uint32_t>(length);
  kept.padded_length = static_cast<std::uint32_t>(padded);
  next_ = offset + padded + wire::tag_octets;
  return true;
}

} // namespace troupe::tun
