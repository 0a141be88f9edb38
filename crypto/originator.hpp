// What the tunnel sends on its own account (handshakes, keepalives, released packets, ICMP) needs
// room that nobody else can take: a small fixed reserve of slabs. When all are in flight there is
// no room, and the caller drops and counts, or comes back when one has come home.
#pragma once

#include "messages/slab.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace troupe::crypto {

class originator {
public:
  explicit originator(std::vector<bare_slab> reserve)
      : reserve_(std::move(reserve)), slabs_(reserve_.size()) {
    launched_.reserve(slabs_);
  }

  /// A piece of the slab now being filled.
  struct room {
    slab* in = nullptr; // nullptr: none
    std::uint32_t offset = 0;

    explicit operator bool() const { return in != nullptr; }
    [[nodiscard]] std::uint8_t* data() const { return in->memory().data() + offset; }
  };

  /// `octets` contiguous octets, at most a slab. They count as used only once a descriptor in
  /// `in->transmits` or `in->deliveries` covers them and `commit` is called.
  [[nodiscard]] room reserve(std::size_t octets, moment now) {
    if (filling_ && (used_ + octets > filling_->memory().size() || full_of_descriptors()))
      launch(now.steady);
    if (!filling_) {
      if (reserve_.empty())
        return {};
      filling_ = std::move(reserve_.back());
      reserve_.pop_back();
      used_ = 0;
    }
    return {&*filling_, static_cast<std::uint32_t>(used_)};
  }
  /// `patient`: it has no order to keep with anything, and may wait for more (see finish_turn).
  void commit(std::size_t octets, bool patient = false) {
    used_ += octets;
    all_patient_ = all_patient_ && patient;
  }

  /// Ends the turn: every slab filled in it, in order. The caller sends them on and clears. While
  /// more than half of the reserve is out, little leaves: handshakes and keepalives are then put
  /// together, so that there is room for more, and go when a slab comes home.
  [[nodiscard]] std::vector<slab_ref>& finish_turn(time_point now) {
    const bool most_are_out = reserve_.size() + 1 < slabs_ - slabs_ / 2;
    if (filling_ && used_ > 0 && !(most_are_out && all_patient_))
      launch(now);
    return launched_;
  }

  void take_back(bare_slab returned) { reserve_.push_back(std::move(returned)); }

private:
  [[nodiscard]] bool full_of_descriptors() const {
    return filling_->transmits.size() + filling_->deliveries.size() >=
           filling_->transmits.capacity();
  }
  void launch(time_point now) {
    launched_.push_back(slab::launch(std::move(filling_), ++serial_, now));
    used_ = 0;
    all_patient_ = true;
  }

  std::vector<bare_slab> reserve_;
  const std::size_t slabs_;
  std::vector<slab_ref> launched_;
  bare_slab filling_;
  std::size_t used_ = 0;
  bool all_patient_ = true; // in the slab that is being filled
  std::uint64_t serial_ = 0;
};

} // namespace troupe::crypto
