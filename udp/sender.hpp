// The send side: a lane's datagrams leave by sendmmsg(2) on the socket of their family. Neighbours
// of one transmit are one message, a train (UDP_SEGMENT), as far as the kernel and the path take
// it. Decides what each send error means for the message at the head; its neighbours never pay for
// it. Each UDP SENDER has its own over the shared sockets. Knows nothing of peers beyond their
// number.
#pragma once

#include "messages/drop_reason.hpp"

#include "udp/batch_calls.hpp"
#include "udp/datagram_sink.hpp"
#include "udp/socket_pair.hpp"

#include <array>
#include <vector>

namespace troupe::udp {

class sender final : public datagram_sink {
public:
  explicit sender(std::shared_ptr<const socket_pair> sockets, batch_calls& calls = kernel_calls());

  send_result send_batch(const slab& from, std::uint8_t lane, send_cursor& cursor) override;
  [[nodiscard]] std::string offload() const override;

private:
  struct message_room {
    sockaddr_storage remote;
    /// IPV6_PKTINFO, IPV6_TCLASS and UDP_SEGMENT take 88 octets.
    alignas(cmsghdr) std::array<std::uint8_t, 128> control;
    iovec payload;
    /// What the message was made from.
    send_cursor at;
    std::uint32_t segments;
    bool has_source;
  };

  /// How many datagrams of one family may be joined.
  struct train_limit {
    std::uint32_t now = 1;
    /// While EINVAL is being looked into: what it was. 0: it is not.
    std::uint32_t before = 0;
    /// Why it is 1.
    std::string why_off;
  };

  /// A destination whose path takes single datagrams only: by fragments, or not at all.
  struct trainless_path {
    endpoint remote;
    /// Sent before a train is tried again: the path may have changed.
    std::uint32_t singles_left;
  };

  /// A way to a peer that fails with the source it asks for.
  struct sourceless_path {
    endpoint remote;
    source_address local;
  };

  bool skip_unsendable(const slab& from, std::uint8_t lane, send_cursor& cursor);
  unsigned prepare(const slab& from, std::uint8_t lane, send_cursor at);
  void fill(message_room& room, msghdr& header, const slab& from, send_cursor at);
  bool send_prepared(const slab& from, unsigned prepared, send_cursor& cursor, send_result& result);
  void account(const slab& from, unsigned first, unsigned sent, send_result& result);
  void drop(const transmit& what, drop_reason reason, std::uint32_t datagrams);
  [[nodiscard]] std::uint32_t segments_together(const transmit& what, std::uint32_t first);
  void shorten_trains(const transmit& what, int error, send_result& result);
  std::vector<trainless_path>::iterator find_trainless(const endpoint& remote);
  void count_single(const endpoint& remote);
  void learn_of_trains(ip_family family, bool sent, send_result& result);
  [[nodiscard]] bool use_source(const transmit& what) const;

  std::shared_ptr<const socket_pair> sockets_;
  batch_calls& calls_;
  std::array<message_room, limits::datagrams_per_send_call> rooms_;
  std::array<mmsghdr, limits::datagrams_per_send_call> headers_;
  std::array<train_limit, 2> trains_;           // IPv4, IPv6
  std::vector<trainless_path> trainless_paths_; // the oldest first
  // Of one send_batch; kept for their capacity.
  std::vector<send_drop> drops_;
  std::vector<peer_id> stale_sources_;
  std::vector<sourceless_path> sourceless_;
};

} // namespace troupe::udp
