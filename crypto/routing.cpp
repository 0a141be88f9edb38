#include "crypto/routing.hpp"

#include "messages/assert.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace troupe::crypto {

namespace {

using key = prefix_trie::key;

/// How many bits from the left are the same.
unsigned common_bits(const key& left, const key& right) {
  const std::uint64_t high = left.high ^ right.high;
  if (high != 0)
    return static_cast<unsigned>(std::countl_zero(high));
  return 64 + static_cast<unsigned>(std::countl_zero(left.low ^ right.low));
}

/// The bit after the first `position`. There is none after 128; whichever this gives then leads
/// nowhere, since such a node has no children.
std::size_t bit_at(const key& bits, unsigned position) {
  const std::uint64_t half = position < 64 ? bits.high : bits.low;
  return half >> (63 - position % 64) & 1;
}

std::uint64_t leading_ones(unsigned count) {
  return count == 0 ? 0 : ~std::uint64_t{0} << (64 - count);
}

prefix_trie::prefix shortened(const key& bits, unsigned length) {
  return {{bits.high & leading_ones(std::min(length, 64U)),
           bits.low & leading_ones(length > 64 ? length - 64 : 0)},
          static_cast<std::uint8_t>(length)};
}

std::uint64_t load_be64(const std::uint8_t* in) {
  return std::uint64_t{load_be32(in)} << 32 | load_be32(in + 4);
}

key key_of(const ip_address& address) {
  return {load_be64(address.octets.data()), load_be64(address.octets.data() + 8)};
}

prefix_trie::prefix trie_prefix_of(const ip_prefix& prefix) {
  TROUPE_ASSERT(prefix.length <= prefix.address.bits());
  return shortened(key_of(prefix.address), prefix.length);
}

ip_prefix ip_prefix_of(const prefix_trie::prefix& from, ip_family family) {
  ip_prefix result{{{}, family}, from.length};
  store_be64(result.address.octets.data(), from.bits.high);
  store_be64(result.address.octets.data() + 8, from.bits.low);
  return result;
}

} // namespace

peer_id prefix_trie::find(const key& address) const {
  peer_id longest = peer_id::none;
  node_index visited = root;
  while (visited != nothing) {
    const node& here = nodes_[visited];
    if (common_bits(here.at.bits, address) < here.at.length)
      break;
    if (here.owner != peer_id::none)
      longest = here.owner;
    visited = here.children[bit_at(address, here.at.length)];
  }
  return longest;
}

void prefix_trie::insert(const prefix& inserted, peer_id owner) {
  TROUPE_ASSERT(owner != peer_id::none);
  node_index above = root; // always a prefix of `inserted`, or `inserted` itself
  while (nodes_[above].at.length < inserted.length) {
    const node_index below = nodes_[above].children[bit_at(inserted.bits, nodes_[above].at.length)];
    const unsigned shared =
        std::min({common_bits(nodes_[below].at.bits, inserted.bits),
                  unsigned{nodes_[below].at.length}, unsigned{inserted.length}});
    if (below != nothing && shared == nodes_[below].at.length) {
      above = below;
      continue;
    }
    // `inserted` belongs between the two: as a leaf, above `below`, or beside it under a fork.
    const node_index fresh = add_node(inserted);
    if (below == nothing) {
      attach(above, fresh);
    } else if (shared == inserted.length) {
      attach(above, fresh);
      attach(fresh, below);
    } else {
      const node_index fork = add_node(shortened(inserted.bits, shared));
      attach(above, fork);
      attach(fork, below);
      attach(fork, fresh);
    }
    above = fresh;
  }
  if (nodes_[above].owner != peer_id::none)
    disown(above);
  own(above, owner);
}

bool prefix_trie::remove(const prefix& removed, peer_id owner) {
  node_index visited = root;
  while (visited != nothing && nodes_[visited].at.length < removed.length)
    visited = nodes_[visited].children[bit_at(removed.bits, nodes_[visited].at.length)];
  const node& found = nodes_[visited];
  if (visited == nothing || owner == peer_id::none || found.owner != owner ||
      found.at.length != removed.length ||
      common_bits(found.at.bits, removed.bits) < removed.length)
    return false;
  disown(visited);
  prune(visited);
  return true;
}

void prefix_trie::remove_owner(peer_id owner) {
  for (std::unordered_map<peer_id, node_index>::iterator first = first_of_.find(owner);
       first != first_of_.end(); first = first_of_.find(owner)) {
    const node_index owned = first->second;
    disown(owned);
    prune(owned);
  }
}

std::vector<prefix_trie::prefix> prefix_trie::prefixes_of(peer_id owner) const {
  std::vector<prefix> result;
  const std::unordered_map<peer_id, node_index>::const_iterator first = first_of_.find(owner);
  if (first == first_of_.end())
    return result;
  for (node_index owned = first->second; owned != nothing; owned = links_[owned].next)
    result.push_back(nodes_[owned].at);
  std::sort(result.begin(), result.end(), [](const prefix& left, const prefix& right) {
    return std::tie(left.bits.high, left.bits.low, left.length) <
           std::tie(right.bits.high, right.bits.low, right.length);
  });
  return result;
}

prefix_trie::node_index prefix_trie::add_node(const prefix& at) {
  node_index added = nothing;
  if (free_.empty()) {
    added = static_cast<node_index>(nodes_.size());
    nodes_.emplace_back();
    links_.emplace_back();
  } else {
    added = free_.back();
    free_.pop_back();
    nodes_[added] = {};
    links_[added] = {};
  }
  nodes_[added].at = at;
  return added;
}

/// Puts `child` in its place below `parent`, instead of whatever was there.
void prefix_trie::attach(node_index parent, node_index child) {
  const std::size_t side = bit_at(nodes_[child].at.bits, nodes_[parent].at.length);
  nodes_[parent].children[side] = child;
  links_[child].parent = parent;
}

void prefix_trie::own(node_index owned, peer_id owner) {
  node_index& first = first_of_[owner];
  nodes_[owned].owner = owner;
  links_[owned].previous = nothing;
  links_[owned].next = first;
  if (first != nothing)
    links_[first].previous = owned;
  first = owned;
  ++size_;
}

/// The node stays; whoever calls owns it again or prunes it.
void prefix_trie::disown(node_index owned) {
  const auto [parent, previous, next] = links_[owned];
  if (next != nothing)
    links_[next].previous = previous;
  if (previous != nothing)
    links_[previous].next = next;
  else if (next != nothing)
    first_of_[nodes_[owned].owner] = next;
  else
    first_of_.erase(nodes_[owned].owner);
  nodes_[owned].owner = peer_id::none;
  --size_;
}

/// Restores what is said of `node`: from `start` up, takes out nodes that are neither owned nor
/// fork.
void prefix_trie::prune(node_index start) {
  node_index visited = start;
  while (visited != root && nodes_[visited].owner == peer_id::none) {
    const auto [left, right] = nodes_[visited].children;
    if (left != nothing && right != nothing)
      return;
    const node_index parent = links_[visited].parent;
    const node_index only_child = left != nothing ? left : right;
    if (only_child != nothing) {
      attach(parent, only_child);
    } else {
      nodes_[parent].children[bit_at(nodes_[visited].at.bits, nodes_[parent].at.length)] = nothing;
    }
    free_.push_back(visited);
    visited = parent;
  }
}

void routing_table::insert(const ip_prefix& prefix, peer_id owner) {
  prefix_trie& trie = prefix.address.family == ip_family::v4 ? v4_ : v6_;
  trie.insert(trie_prefix_of(prefix), owner);
}

bool routing_table::remove(const ip_prefix& prefix, peer_id owner) {
  prefix_trie& trie = prefix.address.family == ip_family::v4 ? v4_ : v6_;
  return trie.remove(trie_prefix_of(prefix), owner);
}

void routing_table::remove_peer(peer_id owner) {
  v4_.remove_owner(owner);
  v6_.remove_owner(owner);
}

peer_id routing_table::find(const ip_address& address) const {
  const prefix_trie& trie = address.family == ip_family::v4 ? v4_ : v6_;
  return trie.find(key_of(address));
}

std::vector<ip_prefix> routing_table::prefixes_of(peer_id owner) const {
  std::vector<ip_prefix> result;
  for (const prefix_trie::prefix& prefix : v4_.prefixes_of(owner))
    result.push_back(ip_prefix_of(prefix, ip_family::v4));
  for (const prefix_trie::prefix& prefix : v6_.prefixes_of(owner))
    result.push_back(ip_prefix_of(prefix, ip_family::v6));
  return result;
}

} // namespace troupe::crypto
