#include "crypto/staging.hpp"

#include "messages/assert.hpp"

#include <algorithm>

namespace troupe::crypto {

const_bytes staging::front(const staged_queue& queue) const {
  TROUPE_ASSERT(!queue.empty());
  return {queue.oldest_->octets.get(), queue.oldest_->length};
}

std::size_t staging::clear(staged_queue& queue) {
  const std::size_t cleared = queue.count_;
  while (!queue.empty())
    drop_oldest(queue);
  return cleared;
}

peer_id staging::drop_oldest(staged_queue& queue) {
  TROUPE_ASSERT(!queue.empty());
  const staged_queue::packet_list::iterator oldest = queue.oldest_;
  const peer_id peer = oldest->peer;
  octets_ -= cost(oldest->length);
  queue.octets_ -= cost(oldest->length);
  queue.oldest_ = oldest->next_of_peer;
  --queue.count_;
  packets_.erase(oldest);
  return peer;
}

void staging::append(staged_queue& queue, peer_id peer, const_bytes packet) {
  std::unique_ptr<std::uint8_t[]> octets(new std::uint8_t[packet.size()]);
  std::copy(packet.begin(), packet.end(), octets.get());
  const staged_queue::packet_list::iterator added =
      packets_.insert(packets_.end(), {&queue, peer, static_cast<std::uint32_t>(packet.size()),
                                       std::move(octets), packets_.end()});
  if (queue.empty())
    queue.oldest_ = added;
  else
    queue.newest_->next_of_peer = added;
  queue.newest_ = added;
  ++queue.count_;
  octets_ += cost(packet.size());
  queue.octets_ += cost(packet.size());
}

} // namespace troupe::crypto
