// A TUN queue in memory, for tests of the actors: packets are pushed in where the kernel would
// route them to the interface, and what was written is looked at afterwards. Behaves as the device
// does: the descriptor is readable while packets wait, a deleted interface is `gone`, a link that
// is down refuses. Every function may be called from any thread.
#pragma once

#include "messages/unique_fd.hpp"
#include "tun/queue.hpp"

#include <deque>
#include <mutex>
#include <vector>

namespace troupe::tun {

class fake_source : public packet_source {
public:
  fake_source();

  void push(const_bytes packet);
  /// The interface was deleted: what waits is lost, as with the device.
  void remove();
  [[nodiscard]] std::size_t waiting() const;

  read_result read_batch(slab& into, std::uint32_t mtu) override;
  [[nodiscard]] int fd() const override { return readable_.fd(); }

private:
  mutable std::mutex mutex_;
  std::deque<std::vector<std::uint8_t>> waiting_;
  queue_state state_ = queue_state::ok;
  /// An eventfd that is not zero while packets wait or the queue is gone. (POLLIN, not POLLERR.)
  unique_fd readable_;
};

class fake_sink : public packet_sink {
public:
  explicit fake_sink(std::uint8_t queue = 0);

  void remove();
  void set_up(bool up);
  /// What was written since the last call, in order.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> take_written();

  write_result write_batch(const slab& from) override;
  [[nodiscard]] std::string offload() const override { return "off: in memory"; }
  [[nodiscard]] int fd() const override { return event_.fd(); }

private:
  const std::uint8_t queue_;
  std::mutex mutex_;
  std::vector<std::vector<std::uint8_t>> written_;
  std::vector<peer_drop> drops_;
  bool up_ = true;
  queue_state state_ = queue_state::ok;
  unique_fd event_;
};

} // namespace troupe::tun
