#include "crypto/routing.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <string_view>

using namespace troupe;
using crypto::routing_table;

namespace {

constexpr peer_id a{1};
constexpr peer_id b{2};
constexpr peer_id c{3};
constexpr peer_id d{4};

ip_prefix net(std::string_view text) {
  return parse_ip_prefix(text).value();
}

peer_id found(const routing_table& table, std::string_view address) {
  return table.find(parse_ip_address(address).value());
}

std::string prefixes(const routing_table& table, peer_id owner) {
  std::string text;
  for (const ip_prefix& prefix : table.prefixes_of(owner))
    text.append(text.empty() ? "" : " ").append(to_string(prefix));
  return text;
}

/// The specification of a routing table: a list, searched from end to end.
class naive_table {
public:
  void insert(const ip_prefix& prefix, peer_id owner) { owners_[masked(prefix)] = owner; }
  bool remove(const ip_prefix& prefix, peer_id owner) {
    const std::map<ip_prefix, peer_id>::iterator entry = owners_.find(masked(prefix));
    if (entry == owners_.end() || entry->second != owner)
      return false;
    owners_.erase(entry);
    return true;
  }
  void remove_peer(peer_id owner) {
    std::erase_if(owners_, [&](const std::pair<const ip_prefix, peer_id>& entry) {
      return entry.second == owner;
    });
  }
  [[nodiscard]] peer_id find(const ip_address& address) const {
    peer_id best = peer_id::none;
    int longest = -1;
    for (const auto& [prefix, owner] : owners_) {
      if (contains(prefix, address) && prefix.length > longest) {
        longest = prefix.length;
        best = owner;
      }
    }
    return best;
  }
  [[nodiscard]] std::vector<ip_prefix> prefixes_of(peer_id owner, ip_family family) const {
    std::vector<ip_prefix> result;
    for (const auto& [prefix, its_owner] : owners_)
      if (its_owner == owner && prefix.address.family == family)
        result.push_back(prefix);
    return result;
  }
  [[nodiscard]] std::size_t size() const { return owners_.size(); }

private:
  std::map<ip_prefix, peer_id> owners_;
};

/// Addresses that share much: a few bits at either end of each half differ.
ip_address random_address(std::mt19937_64& random, ip_family family) {
  ip_address address{{}, family};
  const std::size_t octets = address.bits() / 8;
  for (const std::size_t octet : {std::size_t{0}, octets / 2 - 1, octets / 2, octets - 1})
    address.octets[octet] = static_cast<std::uint8_t>(random() & 0xc3);
  return address;
}

ip_prefix random_prefix(std::mt19937_64& random, ip_family family) {
  const ip_address address = random_address(random, family);
  return {address, static_cast<std::uint8_t>(random() % (address.bits() + 1))};
}

} // namespace

BOOST_AUTO_TEST_SUITE(routing)

BOOST_AUTO_TEST_CASE(longest_ipv4_prefix_wins) {
  routing_table table;
  table.insert(net("0.0.0.0/0"), a);
  table.insert(net("192.168.0.0/16"), b);
  table.insert(net("192.168.4.0/24"), c);
  table.insert(net("192.168.4.4/32"), d);
  table.insert(net("192.168.4.128/25"), a);
  table.insert(net("10.0.0.0/8"), d);
  table.insert(net("128.0.0.0/1"), c);

  struct row {
    int number;
    std::string_view address;
    peer_id owner;
  };
  const std::vector<row> rows = {
      {1, "192.168.4.4", d},      {2, "192.168.4.5", c},
      {3, "192.168.4.127", c},    {4, "192.168.4.128", a},
      {5, "192.168.4.255", a},    {6, "192.168.5.0", b},
      {7, "192.168.3.255", b},    {8, "192.167.0.1", c},
      {9, "255.255.255.255", c},  {10, "128.0.0.0", c},
      {11, "127.255.255.255", a}, {12, "10.255.0.1", d},
      {13, "11.0.0.0", a},        {14, "0.0.0.0", a},
      {15, "::", peer_id::none},  {16, "c0a8:404::", peer_id::none},
  };
  for (const row& r : rows)
    BOOST_TEST((found(table, r.address) == r.owner), "row " << r.number);
}

BOOST_AUTO_TEST_CASE(longest_ipv6_prefix_wins) {
  routing_table table;
  table.insert(net("::/0"), a);
  table.insert(net("2001:db8::/32"), b);
  table.insert(net("2001:db8:0:1::/64"), c);
  table.insert(net("2001:db8:0:1::1/128"), d);
  table.insert(net("2001:db8:0:1:8000::/65"), a);
  table.insert(net("2001:db8:0:1::/63"), d);

  struct row {
    int number;
    std::string_view address;
    peer_id owner;
  };
  const std::vector<row> rows = {
      {1, "2001:db8:0:1::1", d},
      {2, "2001:db8:0:1::", c},
      {3, "2001:db8:0:1::2", c},
      {4, "2001:db8:0:1:7fff::", c},
      {5, "2001:db8:0:1:8000::", a},
      {6, "2001:db8:0:0:ffff::", d},
      {7, "2001:db8:0:2::", b},
      {8, "2001:db9::", a},
      {9, "::", a},
      {10, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", a},
      {11, "32.1.13.184", peer_id::none},
      {12, "0.0.0.0", peer_id::none},
  };
  for (const row& r : rows)
    BOOST_TEST((found(table, r.address) == r.owner), "row " << r.number);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_in_an_empty_table) {
  const routing_table table;
  BOOST_TEST((found(table, "0.0.0.0") == peer_id::none));
  BOOST_TEST((found(table, "::") == peer_id::none));
  BOOST_TEST(table.size() == 0U);
  BOOST_TEST(table.prefixes_of(a).empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_found_beside_the_only_prefix) {
  routing_table table;
  table.insert(net("10.1.2.3/32"), a);
  BOOST_TEST((found(table, "10.1.2.3") == a));
  BOOST_TEST((found(table, "10.1.2.2") == peer_id::none));
  BOOST_TEST((found(table, "138.1.2.3") == peer_id::none));
}

BOOST_AUTO_TEST_CASE(insert_moves_a_prefix_from_its_former_owner) {
  routing_table table;
  table.insert(net("10.0.0.0/8"), a);
  table.insert(net("10.1.0.0/16"), a);
  table.insert(net("10.1.0.0/16"), b);
  BOOST_TEST((found(table, "10.1.0.1") == b));
  BOOST_TEST((found(table, "10.2.0.1") == a));
  BOOST_TEST(prefixes(table, a) == "10.0.0.0/8");
  BOOST_TEST(prefixes(table, b) == "10.1.0.0/16");
  BOOST_TEST(table.size() == 2U);
}

BOOST_AUTO_TEST_CASE(insert_again_changes_nothing) {
  routing_table table;
  table.insert(net("10.0.0.0/8"), a);
  table.insert(net("10.0.0.0/8"), a);
  BOOST_TEST(table.size() == 1U);
  BOOST_TEST(prefixes(table, a) == "10.0.0.0/8");
  BOOST_TEST(table.remove(net("10.0.0.0/8"), a));
  BOOST_TEST((found(table, "10.0.0.1") == peer_id::none));
}

BOOST_AUTO_TEST_CASE(host_bits_are_ignored) {
  routing_table table;
  table.insert(net("10.1.2.3/8"), a);
  BOOST_TEST((found(table, "10.255.0.0") == a));
  BOOST_TEST(prefixes(table, a) == "10.0.0.0/8");
  BOOST_TEST(table.remove(net("10.3.2.1/8"), a));
  BOOST_TEST(table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(remove_takes_the_very_prefix_of_its_owner_only) {
  routing_table table;
  table.insert(net("0.0.0.0/0"), a);
  table.insert(net("10.0.0.0/8"), b);
  BOOST_TEST(!table.remove(net("10.0.0.0/8"), a));
  BOOST_TEST(!table.remove(net("10.0.0.0/9"), b));
  BOOST_TEST(!table.remove(net("10.0.0.0/7"), b));
  BOOST_TEST(!table.remove(net("11.0.0.0/8"), b));
  BOOST_TEST(!table.remove(net("11.0.0.0/8"), peer_id::none));
  BOOST_TEST(!table.remove(net("::/0"), a));
  BOOST_TEST(table.size() == 2U);
  BOOST_TEST(table.remove(net("10.0.0.0/8"), b));
  BOOST_TEST((found(table, "10.0.0.1") == a));
  BOOST_TEST(table.remove(net("0.0.0.0/0"), a));
  BOOST_TEST((found(table, "10.0.0.1") == peer_id::none));
  BOOST_TEST(table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(forks_that_are_no_prefix_are_not_found_nor_removed) {
  routing_table table;
  table.insert(net("10.0.0.0/16"), a);
  table.insert(net("10.1.0.0/16"), b); // they fork at 10.0.0.0/15
  BOOST_TEST(!table.remove(net("10.0.0.0/15"), peer_id::none));
  BOOST_TEST(!table.remove(net("10.0.0.0/15"), a));
  table.insert(net("10.0.0.0/15"), c);
  BOOST_TEST(table.size() == 3U);
  table.remove_peer(a);
  BOOST_TEST((found(table, "10.0.0.1") == c));
  BOOST_TEST((found(table, "10.1.0.1") == b));
}

BOOST_AUTO_TEST_CASE(remove_peer_leaves_the_others) {
  routing_table table;
  table.insert(net("0.0.0.0/0"), a);
  table.insert(net("10.0.0.0/8"), b);
  table.insert(net("10.1.0.0/16"), a);
  table.insert(net("::/0"), a);
  table.insert(net("fd00::/8"), b);
  table.remove_peer(a);
  BOOST_TEST(table.size() == 2U);
  BOOST_TEST((found(table, "10.1.0.1") == b));
  BOOST_TEST((found(table, "11.0.0.1") == peer_id::none));
  BOOST_TEST((found(table, "fd00::1") == b));
  BOOST_TEST((found(table, "2001::") == peer_id::none));
  BOOST_TEST(table.prefixes_of(a).empty());
  table.remove_peer(a);
  BOOST_TEST(table.size() == 2U);
}

BOOST_AUTO_TEST_CASE(prefixes_are_listed_ipv4_first_and_by_address) {
  routing_table table;
  for (const char* const text : {"fd00::1/128", "10.0.0.0/16", "::/0", "10.0.0.0/8", "9.9.9.9/32"})
    table.insert(net(text), a);
  BOOST_TEST(prefixes(table, a) == "9.9.9.9/32 10.0.0.0/8 10.0.0.0/16 ::/0 fd00::1/128");
}

BOOST_AUTO_TEST_CASE(copy_is_a_table_of_its_own) {
  routing_table table;
  table.insert(net("10.0.0.0/8"), a);
  routing_table copy = table;
  copy.insert(net("10.1.0.0/16"), b);
  copy.remove_peer(a);
  BOOST_TEST((found(table, "10.1.0.1") == a));
  BOOST_TEST((found(copy, "10.1.0.1") == b));
  BOOST_TEST((found(copy, "10.0.0.1") == peer_id::none));
}

BOOST_AUTO_TEST_CASE(random_changes_give_what_a_naive_list_gives) {
  constexpr std::uint64_t peers = 20;
  std::mt19937_64 random(2021);
  routing_table table;
  naive_table naive;
  for (int i = 0; i < 20'000; ++i) {
    const ip_family family = random() % 2 == 0 ? ip_family::v4 : ip_family::v6;
    const peer_id peer{random() % peers + 1};
    const ip_prefix prefix = random_prefix(random, family);
    const std::uint64_t action = random() % 1000;
    if (action < 600) {
      table.insert(prefix, peer);
      naive.insert(prefix, peer);
    } else if (action < 980) {
      const std::vector<ip_prefix> own = naive.prefixes_of(peer, family);
      const ip_prefix victim = own.empty() || action < 650 ? prefix : own[random() % own.size()];
      BOOST_REQUIRE(table.remove(victim, peer) == naive.remove(victim, peer));
    } else {
      table.remove_peer(peer);
      naive.remove_peer(peer);
    }
    BOOST_REQUIRE(table.size() == naive.size());
    const ip_address inside = random() % 2 == 0 ? prefix.address : random_address(random, family);
    BOOST_REQUIRE((table.find(inside) == naive.find(inside)));
    if (i % 500 == 0) {
      for (std::uint64_t owner = 1; owner <= peers; ++owner) {
        std::vector<ip_prefix> expected = naive.prefixes_of(peer_id{owner}, ip_family::v4);
        for (const ip_prefix& v6 : naive.prefixes_of(peer_id{owner}, ip_family::v6))
          expected.push_back(v6);
        BOOST_REQUIRE((table.prefixes_of(peer_id{owner}) == expected));
      }
    }
  }
  BOOST_TEST(table.size() > 100U);
}

BOOST_AUTO_TEST_CASE(nodes_never_outnumber_the_prefixes_two_to_one) {
  std::mt19937_64 random(7);
  crypto::prefix_trie trie;
  std::vector<crypto::prefix_trie::prefix> inserted;
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t bits = random();
    if (inserted.empty() || bits % 5 < 3) {
      inserted.push_back({{bits, 0}, 64});
      trie.insert(inserted.back(), a);
    } else {
      std::swap(inserted[bits % inserted.size()], inserted.back());
      BOOST_REQUIRE(trie.remove(inserted.back(), a));
      inserted.pop_back();
    }
    BOOST_REQUIRE(trie.node_count() <= 2 * trie.size() + 1);
  }
  trie.remove_owner(a);
  BOOST_TEST(trie.node_count() == 1U); // the root
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_prefixes_are_found_and_removed) {
  constexpr std::uint32_t hosts = 130'560;
  routing_table table;
  byte_array<4> octets{};
  for (std::uint32_t i = 0; i < hosts; ++i) {
    store_be32(octets.data(), 0x0a000000 + i * 37);
    table.insert({make_ipv4(octets.data()), 32}, peer_id{i % 10'000 + 1});
  }
  BOOST_TEST(table.size() == hosts);
  for (std::uint32_t i = 0; i < hosts; ++i) {
    store_be32(octets.data(), 0x0a000000 + i * 37);
    BOOST_REQUIRE((table.find(make_ipv4(octets.data())) == peer_id{i % 10'000 + 1}));
  }
  BOOST_TEST(table.prefixes_of(a).size() == hosts / 10'000 + 1);
  for (std::uint32_t peer = 1; peer <= 10'000; ++peer)
    table.remove_peer(peer_id{peer});
  BOOST_TEST(table.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
