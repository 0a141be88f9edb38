// Cryptokey routing (whitepaper section 2): which peer a destination is sent to, and which peer a
// source must have come from. Longest prefix wins, over all peers. Knows nothing of packets. One
// thread; `find` allocates nothing and costs the same whatever the number of peers.
#pragma once

#include "messages/address.hpp"
#include "messages/slab.hpp"

#include <array>
#include <unordered_map>
#include <vector>

namespace troupe::crypto {

/// One address family's prefixes as a path-compressed binary trie. Nodes lie in one vector and name
/// one another by index; a node that goes away is used again.
class prefix_trie {
public:
  /// An address's bits from the left, big endian; IPv4 uses the first 32.
  struct key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
  };
  struct prefix {
    key bits; // zero beyond `length`
    std::uint8_t length = 0;
  };

  prefix_trie() : nodes_(root + 1), links_(root + 1) {}

  void insert(const prefix& inserted, peer_id owner);
  bool remove(const prefix& removed, peer_id owner);
  void remove_owner(peer_id owner);
  [[nodiscard]] peer_id find(const key& address) const;
  [[nodiscard]] std::vector<prefix> prefixes_of(peer_id owner) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Nodes in use: at most two for each prefix, and the root, which always stays.
  [[nodiscard]] std::size_t node_count() const { return nodes_.size() - root - free_.size(); }

private:
  using node_index = std::uint32_t;
  static constexpr node_index nothing = 0;
  /// The empty prefix, which is always there, owned or not.
  static constexpr node_index root = 1;

  /// What `find` reads. Every node but the root is owned or has both children.
  struct node {
    prefix at;
    peer_id owner = peer_id::none;
    std::array<node_index, 2> children{};
  };
  static_assert(sizeof(node) <= 40, "a look-up costs the cache lines it touches");
  /// What only changes read: the way up, and the list of the owner's nodes.
  struct links {
    node_index parent = nothing;
    node_index previous = nothing;
    node_index next = nothing;
  };

  node_index add_node(const prefix& at);
  void attach(node_index parent, node_index child);
  void own(node_index owned, peer_id owner);
  void disown(node_index owned);
  void prune(node_index start);

  std::vector<node> nodes_;
  std::vector<links> links_;
  std::vector<node_index> free_;
  std::unordered_map<peer_id, node_index> first_of_;
  std::size_t size_ = 0;
};

class routing_table {
public:
  /// Host bits are ignored. A prefix has one owner: this moves it from its former one.
  void insert(const ip_prefix& prefix, peer_id owner);
  /// False, and nothing changed, unless this very prefix is `owner`'s.
  bool remove(const ip_prefix& prefix, peer_id owner);
  /// All of the peer's prefixes; costs in proportion to their number.
  void remove_peer(peer_id owner);
  /// The owner of the longest prefix that holds `address`, or peer_id::none.
  [[nodiscard]] peer_id find(const ip_address& address) const;
  /// IPv4 first, then by address, the shorter prefix first.
  [[nodiscard]] std::vector<ip_prefix> prefixes_of(peer_id owner) const;
  [[nodiscard]] std::size_t size() const { return v4_.size() + v6_.size(); }

private:
  prefix_trie v4_;
  prefix_trie v6_;
};

} // namespace troupe::crypto
