// The two ends of one TUN queue as the actors see them: a TUN READER has a packet_source, a TUN
// WRITER has a packet_sink. Both speak in slabs, so that offloads (super-packets split on reading,
// coalesced on writing) and further queues change what is behind them and no caller.
//
// A source and a sink of the same queue may be used by two threads at the same time; one source, or
// one sink, by one thread. Nothing here throws or allocates.
#pragma once

#include "messages/slab.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace troupe::tun {

enum class queue_state : std::uint8_t {
  ok,
  /// The interface was deleted, or its namespace with it. It stays so: poll(2) says POLLERR for
  /// ever, and every call says `gone`.
  gone,
};

struct [[nodiscard]] read_result {
  /// Arrivals appended to the slab.
  std::size_t packets = 0;
  /// Nothing more was waiting. Otherwise the slab was full: read again into another one.
  bool device_empty = false;
  queue_state state = queue_state::ok;
  /// Packets thrown away because they were larger than limits::mtu_max or than the room that an
  /// MTU known too late left them.
  std::uint64_t oversize = 0;
  /// Super-packets that were not what the kernel said of them.
  std::uint64_t malformed = 0;
};

struct [[nodiscard]] write_result {
  std::uint64_t packets = 0;
  /// Of the packets written.
  std::uint64_t octets = 0;
  /// Packets that the device did not take: the interface is down, or they are no IP packets.
  std::uint64_t refused = 0;
  /// The same by peer. Valid until the next write_batch.
  std::span<const peer_drop> drops;
  /// Writes that took: joined packets are one.
  std::uint64_t units = 0;
  /// The kernel refused a super-packet: its packets were written one by one, and so will all of
  /// its kind. `offload` tells.
  bool joining_refused = false;
  /// `gone`: the rest of the slab was neither written nor refused.
  queue_state state = queue_state::ok;
};

/// What may be joined into super-packets for the device: TCP segments, UDP datagrams.
struct joins {
  bool segments = false;
  bool datagrams = false;
};

class packet_source {
public:
  virtual ~packet_source() = default;

  /// Appends to `into.arrivals` until nothing more waits or the slab has no room for another packet
  /// of `mtu` octets. Each packet lies as the layout in tun/slots.hpp says: room for
  /// wire::data_header, the inner packet padded with zeros to wire::padded_length(length, mtu),
  /// room for the tag.
  virtual read_result read_batch(slab& into, std::uint32_t mtu) = 0;

  /// Readable (POLLIN) while packets wait; POLLERR once the queue is gone. Of that, the kernel
  /// wakes only who polls for POLLIN.
  [[nodiscard]] virtual int fd() const = 0;
};

class packet_sink {
public:
  virtual ~packet_sink() = default;

  /// Writes those of `from.deliveries` that are for its queue, in their order but for flows among
  /// each other. Never waits: the kernel takes or refuses each packet.
  virtual write_result write_batch(const slab& from) = 0;

  /// Whether packets are joined: "on", or what is not, and why.
  [[nodiscard]] virtual std::string offload() const = 0;

  /// The same descriptor as the source's: polling it for anything but the end says nothing.
  [[nodiscard]] virtual int fd() const = 0;
};

/// All queues of a device, as far as their number and what they carry can change while packets
/// pass. One thread.
class queue_set {
public:
  virtual ~queue_set() = default;

  [[nodiscard]] virtual std::size_t queues() const = 0;
  /// One of each per queue, `queue` < queues().
  [[nodiscard]] virtual std::shared_ptr<packet_source> source(std::size_t queue) const = 0;
  [[nodiscard]] virtual std::shared_ptr<packet_sink> sink(std::size_t queue) const = 0;

  /// One queue more, to which the kernel steers flows at once. Throws std::system_error.
  virtual void add_queue() = 0;
  /// The last one, of at least two. It closes with its source and sink, and what waits in it is
  /// lost.
  virtual void remove_queue() = 0;
  /// Whether super-packets pass: at once for all sources, and for sinks made from now on. Throws
  /// std::system_error.
  virtual void set_offload(bool wanted) = 0;
};

} // namespace troupe::tun
