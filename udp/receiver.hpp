// The receive side of one socket: one recvmmsg(2) fills one slab. Decides what a receive error
// means; knows nothing of what the datagrams hold.
#pragma once

#include "udp/batch_calls.hpp"
#include "udp/datagram_source.hpp"
#include "udp/socket.hpp"

#include <array>

namespace troupe::udp {

class receiver final : public datagram_source {
public:
  explicit receiver(std::shared_ptr<const bound_socket> source,
                    batch_calls& calls = kernel_calls());

  [[nodiscard]] int fd() const override { return socket_->fd(); }
  using datagram_source::receive_batch;
  receive_result receive_batch(slab& into, std::size_t messages_max) override;
  [[nodiscard]] std::string offload() const override {
    return socket_->gro() ? "on" : "off: " + std::string(socket_->without_gro());
  }
  [[nodiscard]] std::uint32_t kernel_drops() const override {
    return socket_->kernel_drops() - drops_before_;
  }

private:
  /// Room for what the kernel says of a datagram: where it came from, to which address, and how.
  struct message_room {
    sockaddr_storage remote;
    /// IPV6_PKTINFO, IPV6_TCLASS and UDP_GRO take 88 octets.
    alignas(cmsghdr) std::array<std::uint8_t, 128> control;
    iovec payload;
  };

  void prepare(slab& into);
  void take(std::uint32_t message, slab& into, receive_result& result) const;

  std::shared_ptr<const bound_socket> socket_;
  /// Of a socket that somebody received from already.
  std::uint32_t drops_before_ = 0;
  batch_calls& calls_;
  std::array<message_room, limits::messages_per_receive_slab> rooms_;
  std::array<mmsghdr, limits::messages_per_receive_slab> headers_;
};

} // namespace troupe::udp
