// The send side: a lane's datagrams leave by sendmmsg(2) on the socket of their family. Decides
// what each send error means for the datagram at the head; its neighbours never pay for it. Each
// UDP SENDER has its own over the shared sockets. Knows nothing of peers beyond their number.
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

private:
  struct message_room {
    sockaddr_storage remote;
    /// IPV6_PKTINFO and IPV6_TCLASS take 64 octets; the rest is for what comes with offloads.
    alignas(cmsghdr) std::array<std::uint8_t, 128> control;
    iovec payload;
    /// What the message was made from.
    send_cursor at;
    bool has_source;
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
  [[nodiscard]] bool use_source(const transmit& what) const;

  std::shared_ptr<const socket_pair> sockets_;
  batch_calls& calls_;
  std::array<message_room, limits::datagrams_per_send_call> rooms_;
  std::array<mmsghdr, limits::datagrams_per_send_call> headers_;
  // Of one send_batch; kept for their capacity.
  std::vector<send_drop> drops_;
  std::vector<peer_id> stale_sources_;
  std::vector<sourceless_path> sourceless_;
};

} // namespace troupe::udp
