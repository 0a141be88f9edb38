// A slab: a contiguous buffer of fixed size in which a batch of packets travels, and a credit.
// Whoever fills slabs has made a fixed number of them; one that is out is so much less to bring in.
// The last reference gone sends it home, so no path through the program can lose a credit.
//
// Who may touch what: first its filler alone, then TUNNEL alone (it seals and opens in place and
// appends `transmits` and `deliveries`), then any number of last actors, reading.
#pragma once

#include "messages/address.hpp"
#include "messages/bytes.hpp"
#include "messages/drop_reason.hpp"
#include "messages/moment.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// A peer for as long as it is configured; never given to another. Opaque but to its maker.
enum class peer_id : std::uint64_t { none = 0 };

/// What came in, in order. `offset` and `length` lie inside the slab.
struct arrival {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  /// Of datagrams that came joined (UDP_GRO): each has so many octets, the last perhaps fewer. 0:
  /// it is one.
  std::uint32_t segment_octets = 0;
  /// An inner packet's length with its padding, for which its slot has room (wire::padded_length).
  std::uint32_t padded_length = 0;
  // The rest is what a UDP RECEIVER learnt of a datagram.
  std::uint8_t traffic_class = 0;
  endpoint remote;
  source_address local;

  /// Datagrams in it.
  [[nodiscard]] std::uint32_t segments() const {
    return segment_octets == 0 ? 1 : (length + segment_octets - 1) / segment_octets;
  }
};

/// Datagrams of `segment_octets` each (the last may be shorter), back to back, for one endpoint.
struct transmit {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t segment_octets = 0;
  std::uint8_t traffic_class = 0;
  std::uint8_t lane = 0; // the UDP SENDER it is for
  peer_id peer = peer_id::none;
  endpoint remote;
  source_address local;

  [[nodiscard]] std::uint32_t segments() const {
    return (length + segment_octets - 1) / segment_octets;
  }
};

/// An inner packet for the TUN device.
struct delivery {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  peer_id peer = peer_id::none;
  std::uint8_t queue = 0; // the TUN WRITER it is for
};

/// An arrival that went no further.
struct dropped {
  std::uint32_t arrival_index = 0;
  drop_reason reason{};
  peer_id peer = peer_id::none;
};

/// Packets of one peer that went no further than a last actor.
struct peer_drop {
  peer_id peer = peer_id::none;
  drop_reason reason{};
  std::uint32_t packets = 0;
};

class slab;
struct slab_goes_home;
struct slab_is_freed;

/// A counted reference; `LastGone` says what becomes of the slab when the last one goes.
template <class LastGone>
class slab_handle {
public:
  slab_handle() = default;
  slab_handle(const slab_handle& other) : slab_(other.slab_) { acquire(); }
  slab_handle(slab_handle&& other) noexcept : slab_(std::exchange(other.slab_, nullptr)) {}
  slab_handle& operator=(slab_handle other) noexcept {
    std::swap(slab_, other.slab_);
    return *this;
  }
  ~slab_handle() { reset(); }

  void reset() noexcept;
  [[nodiscard]] slab* operator->() const { return slab_; }
  [[nodiscard]] slab& operator*() const { return *slab_; }
  explicit operator bool() const { return slab_ != nullptr; }

private:
  template <class>
  friend class slab_handle;
  friend class slab;
  friend struct slab_goes_home;
  explicit slab_handle(slab* counted) : slab_(counted) {}
  void acquire() noexcept;

  slab* slab_ = nullptr;
};

/// In flight: the last one gone sends the slab home.
using slab_ref = slab_handle<slab_goes_home>;
/// At rest, or on the way home. The home message carries this kind: when home is gone the slab is
/// freed with the message, and nothing recurses.
using bare_slab = slab_handle<slab_is_freed>;

/// Where slabs go home to. Called on whatever thread let go last.
class slab_home {
public:
  virtual ~slab_home() = default;
  virtual void take_back(bare_slab returned) noexcept = 0;
};

class slab {
public:
  /// `origin` names the filler in logs; `descriptors_max` is how many of each kind of descriptor
  /// the slab has room for without allocating.
  static bare_slab make(std::string_view origin, std::size_t octets, std::size_t descriptors_max,
                        std::shared_ptr<slab_home> home);

  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;

  /// Puts a filled slab into flight as batch `serial`, with so many octets of packets; `bare`
  /// becomes empty.
  static slab_ref launch(bare_slab&& bare, std::uint64_t serial, time_point filled,
                         std::size_t filled_octets = 0);

  [[nodiscard]] bytes memory() { return {memory_.get(), octets_}; }
  [[nodiscard]] const_bytes memory() const { return {memory_.get(), octets_}; }
  [[nodiscard]] bytes range(std::uint32_t offset, std::uint32_t length) {
    return memory().subspan(offset, length);
  }
  [[nodiscard]] const_bytes range(std::uint32_t offset, std::uint32_t length) const {
    return memory().subspan(offset, length);
  }

  [[nodiscard]] std::string_view origin() const { return origin_; }
  [[nodiscard]] std::uint64_t serial() const { return serial_; }
  // As at the last launch, at home as well.
  [[nodiscard]] time_point filled_at() const { return filled_at_; }
  [[nodiscard]] std::size_t filled_octets() const { return filled_octets_; }
  /// Whether a last actor had anything of it; valid at home.
  [[nodiscard]] bool reached_the_end() const { return reached_the_end_; }

  /// Datagrams in `transmits`.
  [[nodiscard]] std::size_t datagrams() const {
    std::size_t sum = 0;
    for (const transmit& each : transmits)
      sum += each.segments();
    return sum;
  }

  std::vector<arrival> arrivals;
  std::vector<transmit> transmits;
  std::vector<delivery> deliveries;
  std::vector<dropped> drops;

private:
  template <class>
  friend class slab_handle;
  friend struct slab_goes_home;
  friend struct slab_is_freed;

  slab(std::string_view origin, std::size_t octets, std::size_t descriptors_max,
       std::shared_ptr<slab_home> home);
  ~slab() = default;

  struct unmap {
    std::size_t octets;
    void operator()(std::uint8_t* memory) const noexcept;
  };

  std::atomic<std::uint32_t> references_{1};
  std::string origin_;
  std::uint64_t serial_ = 0;
  time_point filled_at_;
  std::size_t filled_octets_ = 0;
  bool reached_the_end_ = false;
  std::size_t octets_;
  std::unique_ptr<std::uint8_t[], unmap> memory_;
  std::shared_ptr<slab_home> home_;
};

struct slab_goes_home {
  static void last_gone(slab* counted) noexcept;
};

struct slab_is_freed {
  static void last_gone(slab* counted) noexcept;
};

template <class LastGone>
void slab_handle<LastGone>::acquire() noexcept {
  if (slab_ != nullptr)
    slab_->references_.fetch_add(1, std::memory_order_relaxed);
}

template <class LastGone>
void slab_handle<LastGone>::reset() noexcept {
  slab* const released = std::exchange(slab_, nullptr);
  if (released != nullptr && released->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    LastGone::last_gone(released);
}

} // namespace troupe
