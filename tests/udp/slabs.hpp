// Slabs to receive into and to send from.
#pragma once

#include "messages/limits.hpp"
#include "messages/slab.hpp"

#include <algorithm>
#include <string>

namespace troupe::udp {

class nowhere final : public slab_home {
public:
  void take_back(bare_slab) noexcept override {}
};

inline bare_slab make_slab(std::size_t octets) {
  return slab::make("test", octets, limits::packets_per_slab_max, std::make_shared<nowhere>());
}

inline bare_slab make_receive_slab() {
  return make_slab(limits::receive_slab_octets);
}

inline std::string text_of(const_bytes octets) {
  return {octets.begin(), octets.end()};
}

inline endpoint at(const char* address, std::uint16_t port) {
  return {.address = parse_ip_address(address).value(), .port = port};
}

/// A slab that is filled with transmits, back to back.
class transmit_slab {
public:
  explicit transmit_slab(std::size_t octets = limits::transmit_slab_octets)
      : slab_(make_slab(octets)) {}

  transmit& add(const endpoint& remote, std::string_view payload, std::uint32_t segment_octets,
                peer_id peer = peer_id{1}) {
    const bytes place = slab_->range(used_, static_cast<std::uint32_t>(payload.size()));
    std::copy(payload.begin(), payload.end(), place.begin());
    transmit& added = slab_->transmits.emplace_back();
    added.offset = used_;
    added.length = static_cast<std::uint32_t>(payload.size());
    added.segment_octets = segment_octets;
    added.peer = peer;
    added.remote = remote;
    used_ += added.length;
    return added;
  }
  /// One datagram.
  transmit& add(const endpoint& remote, std::string_view payload, peer_id peer = peer_id{1}) {
    return add(remote, payload,
               std::max<std::uint32_t>(1, static_cast<std::uint32_t>(payload.size())), peer);
  }

  [[nodiscard]] slab& operator*() const { return *slab_; }

private:
  bare_slab slab_;
  std::uint32_t used_ = 0;
};

} // namespace troupe::udp
