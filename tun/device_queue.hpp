// One queue of the TUN device: the system calls behind a packet_source and a packet_sink, and the
// vnet_header that stands before each packet where the device was opened with one.
#pragma once

#include "messages/unique_fd.hpp"
#include "tun/coalesce.hpp"
#include "tun/queue.hpp"
#include "tun/slots.hpp"
#include "tun/split.hpp"
#include "tun/vnet_header.hpp"

#include <sys/uio.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::tun {

/// Whether super-packets of one kind pass, both ways; if not, why.
struct offload_state {
  bool on = false;
  std::string why_off;
};

struct device_offloads {
  /// TCP.
  offload_state segments;
  /// UDP (Linux 6.2).
  offload_state datagrams;
};

/// Shared by the two ends; the last one to go closes it.
struct queue_file {
  unique_fd fd;
  /// IFF_VNET_HDR: each read and write begins with a vnet_header.
  bool has_vnet_header = false;
  /// Its number.
  std::uint8_t index = 0;
};

class device_source final : public packet_source {
public:
  explicit device_source(std::shared_ptr<const queue_file> queue);

  read_result read_batch(slab& into, std::uint32_t mtu) override;
  [[nodiscard]] int fd() const override { return queue_->fd.fd(); }

private:
  /// Reads into `head` and, what is longer than that, into the buffer, behind as much room.
  ssize_t read_packet(bytes head);
  void take(slot_filler& filler, bytes head, std::size_t length, read_result& result);
  void take_single(slot_filler& filler, std::size_t head, std::size_t length, read_result& result);
  /// False when the slab is full before the super-packet is through.
  bool take_segments(slot_filler& filler, read_result& result);

  std::shared_ptr<const queue_file> queue_;
  vnet_header about_{};
  std::vector<std::uint8_t> buffer_;
  /// A super-packet in `buffer_` whose segments did not all fit into a slab so far.
  std::optional<splitter> pending_;
  std::size_t next_segment_ = 0;
};

/// writev(2), or what a test has instead.
using write_call = ssize_t (*)(int fd, const iovec* pieces, int count);

class device_sink final : public packet_sink {
public:
  /// Joins what `offloads` has on, until the kernel refuses it.
  device_sink(std::shared_ptr<const queue_file> queue, device_offloads offloads,
              write_call write = ::writev);

  write_result write_batch(const slab& from) override;
  [[nodiscard]] std::string offload() const override;
  [[nodiscard]] int fd() const override { return queue_->fd.fd(); }

private:
  enum class outcome { written, invalid, no_memory, refused, gone };

  write_result write_all(const slab& from);
  bool write_single(const slab& from, const delivery& packet, write_result& result);
  bool write_joined(const slab& from, const joined& what, write_result& result);
  bool write_one_by_one(const slab& from, const joined& what, write_result& result);
  outcome write_pieces(std::size_t pieces);
  void refuse(const delivery& packet, write_result& result);

  std::shared_ptr<const queue_file> queue_;
  device_offloads offloads_;
  write_call write_;
  coalescer coalescer_;
  // Of one write_batch; kept for its capacity.
  std::vector<peer_drop> drops_;
  /// A vnet_header, headers, and a payload of each packet.
  std::vector<iovec> pieces_;
};

} // namespace troupe::tun
