// A TUN queue in memory, for tests of the actors: packets are pushed in where the kernel would
// route them to the interface, and what was written is looked at afterwards. Behaves as the device
// does: the descriptor is readable while packets wait, a deleted interface is `gone`, a link that
// is down refuses. Every function may be called from any thread.
#pragma once

#include "messages/limits.hpp"
#include "messages/unique_fd.hpp"
#include "tun/queue.hpp"

#include <deque>
#include <memory>
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

/// As many queues as are wanted; the first two ends are given.
class fake_device final : public queue_set {
public:
  fake_device(std::shared_ptr<fake_source> source, std::shared_ptr<fake_sink> sink)
      : sources_{std::move(source)}, sinks_{std::move(sink)} {}

  [[nodiscard]] std::size_t queues() const override { return sources_.size(); }
  [[nodiscard]] std::shared_ptr<packet_source> source(std::size_t queue) const override {
    return sources_[queue];
  }
  [[nodiscard]] std::shared_ptr<packet_sink> sink(std::size_t queue) const override {
    return sinks_[queue];
  }
  void add_queue() override;
  void remove_queue() override;
  void set_offload(bool wanted) override;

  /// From that many on another queue is refused.
  std::size_t queues_max = limits::tun_queues_max;
  bool offload = true;
  /// Of all that there are now.
  [[nodiscard]] fake_source& source_of(std::size_t queue) const { return *sources_[queue]; }
  [[nodiscard]] fake_sink& sink_of(std::size_t queue) const { return *sinks_[queue]; }

private:
  std::vector<std::shared_ptr<fake_source>> sources_;
  std::vector<std::shared_ptr<fake_sink>> sinks_;
};

} // namespace troupe::tun
