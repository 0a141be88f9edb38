// The send side: a lane's datagrams leave by sendmmsg(2) on the socket of their family. Neighbours
// of one transmit are one message, a train (UDP_SEGMENT), as far as the kernel and the path take
// it. Decides what each send error means for the message at the head; its neighbours never pay for
// it. Each UDP SENDER has its own over the shared sockets. Knows nothing of peers beyond their
// number.
#pragma once

#include "messages/drop_reason.hpp"

#include "udp/batch_calls.hpp"
#include "udp/datagram_sink.hpp"
#include "udp/send_buffer.hpp"
#include "udp/socket_pair.hpp"
#include "udp/trains.hpp"

#include <array>
#include <optional>
#include <vector>

namespace troupe::udp {

class sender final : public datagram_sink {
public:
  /// `target_delay`: how long a socket's queue may stand; absent: its buffer stays as it is.
  explicit sender(std::shared_ptr<const socket_pair> sockets, batch_calls& calls = kernel_calls(),
                  std::optional<duration> target_delay = std::nullopt);

  send_result send_batch(const slab& from, std::uint8_t lane, send_cursor& cursor) override;
  void begin_wait(time_point now) override;
  void end_wait(time_point now) override;
  [[nodiscard]] send_queue queue() const override;
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
  trains trains_;
  std::array<std::optional<send_buffer>, 2> buffers_;
  /// Whose socket is full.
  std::optional<ip_family> full_;
  std::size_t longest_ = 0; // of all datagrams so far
  // Of one send_batch; kept for their capacity.
  std::vector<peer_drop> drops_;
  std::vector<peer_id> stale_sources_;
  std::vector<sourceless_path> sourceless_;
};

} // namespace troupe::udp
