// How many datagrams may leave as one message (UDP_SEGMENT): as many as the kernel takes of a
// family, and one where the path to a destination takes no more. Learns both from the errors: until
// a train has gone somewhere the kernel is to blame, and from then on the path. Pure.
#pragma once

#include "messages/address.hpp"
#include "messages/limits.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::udp {

class trains {
public:
  trains();

  /// None of this family, for this reason.
  void rule_out(ip_family family, std::string_view why);

  /// How many of `left` datagrams of so many octets may leave together.
  [[nodiscard]] std::uint32_t together(const endpoint& remote, std::uint32_t left,
                                       std::uint32_t segment_octets) const;

  // The next two return whether the family is done with trains, from now on.

  /// The kernel refused one with EIO, EMSGSIZE or EINVAL; nothing of it was sent.
  [[nodiscard]] bool refused(const endpoint& remote, int error);
  /// After EINVAL a shorter train, or a single datagram, went or did not go.
  [[nodiscard]] bool learn(const endpoint& remote, bool sent);
  /// So many datagrams left for `remote` as one message.
  void count_sent(const endpoint& remote, std::uint32_t datagrams);

  /// "on", or in words what is not, and why.
  [[nodiscard]] std::string text() const;

private:
  /// How many datagrams of one family may be joined.
  struct limit {
    std::uint32_t now = limits::joined_datagrams_max;
    /// While EINVAL is being looked into: what it was. 0: it is not.
    std::uint32_t before = 0;
    /// A train has left: whatever refuses one now is on the way, not all ways out.
    bool taken = false;
    /// Why it is 1.
    std::string why_off;
  };
  /// A destination whose path takes single datagrams only: by fragments, or not at all; or whose
  /// device segments nothing.
  struct trainless_path {
    endpoint remote;
    /// Sent before a train is tried again: the path may have changed.
    std::uint32_t singles_left;
  };

  limit& of(ip_family family) { return limits_[family == ip_family::v4 ? 0 : 1]; }
  [[nodiscard]] const limit& of(ip_family family) const {
    return limits_[family == ip_family::v4 ? 0 : 1];
  }
  void add_trainless(const endpoint& remote);
  [[nodiscard]] std::vector<trainless_path>::const_iterator find(const endpoint& remote) const;

  std::array<limit, 2> limits_;
  std::vector<trainless_path> trainless_paths_; // the oldest first
};

} // namespace troupe::udp
