// Sockets in memory, for the tests of whoever receives and sends: they keep the promises of
// datagram_source and datagram_sink, poll(2) included, and fail when told to.
//
// All functions may be called on any thread.
#pragma once

#include "messages/assert.hpp"
#include "messages/limits.hpp"
#include "messages/unique_fd.hpp"

#include "udp/datagram_sink.hpp"
#include "udp/datagram_source.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <vector>

namespace troupe::udp {

/// An eventfd as a switch: one side of it is `on`, as poll(2) sees it.
class poll_switch {
public:
  poll_switch() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { TROUPE_ASSERT(event_); }

  [[nodiscard]] int fd() const { return event_.fd(); }
  void make_readable() { write(1); }
  /// Neither readable any more; writable as at first.
  void reset() {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t done = ::read(fd(), &ignored, sizeof ignored);
  }
  void make_unwritable() {
    reset();
    write(UINT64_MAX - 1);
  }

private:
  void write(std::uint64_t value) {
    [[maybe_unused]] const ssize_t done = ::write(fd(), &value, sizeof value);
  }

  unique_fd event_;
};

struct fake_datagram {
  std::vector<std::uint8_t> octets;
  endpoint remote;
  source_address local;
  std::uint8_t traffic_class = 0;

  friend bool operator==(const fake_datagram&, const fake_datagram&) = default;
};

class fake_source final : public datagram_source {
public:
  /// From now on `datagram` waits to be received.
  void push(fake_datagram datagram) {
    const std::lock_guard<std::mutex> hold(mutex_);
    waiting_.push_back(std::move(datagram));
    readable_.make_readable();
  }
  /// The next call that finds anything waiting answers with the error; later ones go on.
  void fail_once(std::error_code error) {
    const std::lock_guard<std::mutex> hold(mutex_);
    errors_.push_back(error);
    readable_.make_readable();
  }
  void count_kernel_drops(std::uint32_t datagrams) {
    const std::lock_guard<std::mutex> hold(mutex_);
    kernel_drops_ += datagrams;
  }

  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard<std::mutex> hold(mutex_);
    return waiting_.size();
  }

  [[nodiscard]] int fd() const override { return readable_.fd(); }

  using datagram_source::receive_batch;
  receive_result receive_batch(slab& into, std::size_t messages_max) override {
    const std::lock_guard<std::mutex> hold(mutex_);
    TROUPE_ASSERT(into.arrivals.empty());
    receive_result result;
    if (!errors_.empty()) {
      result.error = errors_.front();
      errors_.pop_front();
    } else {
      const std::size_t slot = into.memory().size() / limits::messages_per_receive_slab;
      for (std::size_t i = 0; i < messages_max && !waiting_.empty(); ++i) {
        take(waiting_.front(), i * slot, slot, into, result);
        waiting_.pop_front();
      }
      result.socket_empty = waiting_.empty();
    }
    if (waiting_.empty() && errors_.empty())
      readable_.reset();
    return result;
  }

  [[nodiscard]] std::string offload() const override { return "off: in memory"; }

  [[nodiscard]] std::uint32_t kernel_drops() const override {
    const std::lock_guard<std::mutex> hold(mutex_);
    return kernel_drops_;
  }

private:
  static void take(const fake_datagram& from, std::size_t offset, std::size_t slot, slab& into,
                   receive_result& result) {
    if (from.octets.size() > slot) {
      ++result.truncated;
      return;
    }
    arrival& taken = into.arrivals.emplace_back();
    taken.offset = static_cast<std::uint32_t>(offset);
    taken.length = static_cast<std::uint32_t>(from.octets.size());
    taken.traffic_class = from.traffic_class;
    taken.remote = from.remote;
    taken.local = from.local;
    std::copy(from.octets.begin(), from.octets.end(),
              into.range(taken.offset, taken.length).begin());
    ++result.datagrams;
    ++result.messages;
    result.octets += from.octets.size();
  }

  mutable std::mutex mutex_;
  poll_switch readable_;
  std::deque<fake_datagram> waiting_;
  std::deque<std::error_code> errors_;
  std::uint32_t kernel_drops_ = 0;
};

class fake_sink final : public datagram_sink {
public:
  /// Takes `datagrams` more, then waits for `allow` as a socket with a full buffer does.
  void block_after(std::size_t datagrams) {
    const std::lock_guard<std::mutex> hold(mutex_);
    room_ = datagrams;
    set_writable(room_ > 0);
  }
  void allow(std::size_t datagrams = SIZE_MAX) { block_after(datagrams); }
  /// The next `calls` calls answer wait_a_while.
  void run_out_of_memory(std::size_t calls) {
    const std::lock_guard<std::mutex> hold(mutex_);
    short_of_memory_ = calls;
  }
  /// Whatever goes to `remote` is dropped for `reason` from now on.
  void refuse(const endpoint& remote, drop_reason reason) {
    const std::lock_guard<std::mutex> hold(mutex_);
    refused_.push_back({remote, reason});
  }
  /// Whatever is to leave from `local` leaves from elsewhere, and its peer is reported.
  void lose_source(const source_address& local) {
    const std::lock_guard<std::mutex> hold(mutex_);
    lost_.push_back(local);
  }

  /// All that was sent since the last call.
  std::vector<fake_datagram> take_sent() {
    const std::lock_guard<std::mutex> hold(mutex_);
    return std::exchange(sent_, {});
  }

  [[nodiscard]] std::string offload() const override { return "off: in memory"; }
  void begin_wait(time_point now) override { waits_.push_back(now); }
  void end_wait(time_point now) override { ended_.push_back(now); }
  [[nodiscard]] send_queue queue() const override { return {}; }
  /// When it was told that a wait begins, and ends, as a socket is writable. On the actor's thread.
  [[nodiscard]] const std::vector<time_point>& waits_begun() const { return waits_; }
  [[nodiscard]] const std::vector<time_point>& waits_ended() const { return ended_; }

  send_result send_batch(const slab& from, std::uint8_t lane, send_cursor& cursor) override {
    const std::lock_guard<std::mutex> hold(mutex_);
    drops_.clear();
    stale_sources_.clear();
    send_result result;
    for (; cursor.transmit < from.transmits.size(); cursor = {cursor.transmit + 1, 0}) {
      const transmit& what = from.transmits[cursor.transmit];
      for (; what.lane == lane && cursor.segment < what.segments(); ++cursor.segment) {
        if (!may_go_on(result))
          return finish(result);
        send(from, what, cursor.segment, result);
      }
    }
    return finish(result);
  }

private:
  bool may_go_on(send_result& result) {
    if (short_of_memory_ > 0) {
      --short_of_memory_;
      result.then = send_result::next::wait_a_while;
      return false;
    }
    if (room_ == 0) {
      result.then = send_result::next::wait_writable;
      result.blocked_fd = writable_.fd();
      return false;
    }
    return true;
  }

  void send(const slab& from, const transmit& what, std::uint32_t segment, send_result& result) {
    for (const refused_remote& refused : refused_) {
      if (refused.remote == what.remote) {
        drops_.push_back({.peer = what.peer, .reason = refused.reason, .packets = 1});
        return;
      }
    }
    const std::uint32_t begin = segment * what.segment_octets;
    const const_bytes octets =
        from.range(what.offset + begin, std::min(what.segment_octets, what.length - begin));
    fake_datagram datagram{.octets = {octets.begin(), octets.end()},
                           .remote = what.remote,
                           .local = what.local,
                           .traffic_class = what.traffic_class};
    if (std::find(lost_.begin(), lost_.end(), what.local) != lost_.end()) {
      datagram.local = {};
      if (what.peer != peer_id::none && std::find(stale_sources_.begin(), stale_sources_.end(),
                                                  what.peer) == stale_sources_.end())
        stale_sources_.push_back(what.peer);
    }
    sent_.push_back(std::move(datagram));
    ++result.datagrams;
    ++result.messages;
    result.octets += octets.size();
    if (room_ != SIZE_MAX)
      set_writable(--room_ > 0);
  }

  send_result finish(send_result result) const {
    result.drops = drops_;
    result.stale_sources = stale_sources_;
    return result;
  }

  void set_writable(bool writable) {
    if (writable)
      writable_.reset();
    else
      writable_.make_unwritable();
  }

  struct refused_remote {
    endpoint remote;
    drop_reason reason;
  };

  std::vector<time_point> waits_;
  std::vector<time_point> ended_;
  std::mutex mutex_;
  poll_switch writable_;
  std::size_t room_ = SIZE_MAX;
  std::size_t short_of_memory_ = 0;
  std::vector<refused_remote> refused_;
  std::vector<source_address> lost_;
  std::vector<fake_datagram> sent_;
  std::vector<peer_drop> drops_;
  std::vector<peer_id> stale_sources_;
};

} // namespace troupe::udp
