// Packets that wait for a handshake: copied out of their slab, so that a peer that never answers
// holds no credit, into a pool bounded per peer and over all peers. When a bound is reached the
// oldest goes: the peer's own, or that of all.
#pragma once

#include "messages/bytes.hpp"
#include "messages/limits.hpp"
#include "messages/slab.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <optional>

namespace troupe::crypto {

class staging;

/// One peer's packets in the pool, oldest first. Lives in the peer; empties through the pool.
class staged_queue {
public:
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return count_; }

private:
  friend class staging;
  struct packet;
  using packet_list = std::list<packet>;

  packet_list::iterator oldest_;
  packet_list::iterator newest_;
  std::size_t count_ = 0;
  std::size_t octets_ = 0; // as staging::cost counts them
};

struct staged_queue::packet {
  staged_queue* queue;
  peer_id peer;
  std::uint32_t length;
  std::unique_ptr<std::uint8_t[]> octets;
  packet_list::iterator next_of_peer;
};

class staging {
public:
  explicit staging(std::size_t octets_max = limits::staged_octets_max) : octets_max_(octets_max) {}

  /// Appends a copy of `packet`. Returns whose oldest packet had to go for it, one call of
  /// `evicted(peer_id)` each. The cost of one packet is at most octets_max.
  template <class Evicted>
  void push(staged_queue& queue, peer_id peer, const_bytes packet, Evicted&& evicted) {
    while (queue.count_ >= limits::staged_packets_per_peer_max ||
           (!queue.empty() &&
            queue.octets_ + cost(packet.size()) > limits::staged_octets_per_peer_max))
      evicted(drop_oldest(queue));
    while (octets_ + cost(packet.size()) > octets_max_)
      evicted(drop_oldest(*packets_.front().queue));
    append(queue, peer, packet);
  }

  /// The oldest packet of a queue that is not empty.
  [[nodiscard]] const_bytes front(const staged_queue& queue) const;
  void pop(staged_queue& queue) { drop_oldest(queue); }
  /// Empties the queue; returns how many packets that were.
  std::size_t clear(staged_queue& queue);

  [[nodiscard]] std::size_t packets() const { return packets_.size(); }
  /// Of the packets and of what keeping them costs.
  [[nodiscard]] std::size_t octets() const { return octets_; }
  [[nodiscard]] static constexpr std::size_t cost(std::size_t packet_octets) {
    return packet_octets + limits::staged_packet_overhead_octets;
  }

private:
  peer_id drop_oldest(staged_queue& queue);
  void append(staged_queue& queue, peer_id peer, const_bytes packet);

  /// All packets, oldest first; the oldest of all is the oldest of its peer.
  staged_queue::packet_list packets_;
  std::size_t octets_ = 0;
  std::size_t octets_max_;
};

} // namespace troupe::crypto
