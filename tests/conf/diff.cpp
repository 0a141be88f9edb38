#include "conf/diff.hpp"

#include "tests/conf/same_config.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <set>

using namespace troupe;
using namespace troupe::conf;

namespace {

public_key key_number(std::uint32_t number) {
  public_key key;
  store_le32(key.octets.data(), number);
  return key;
}

secret_key secret_number(std::uint32_t number) {
  return secret_key::copy_of(key_number(number).octets);
}

ip_prefix prefix(const std::string& text) {
  return parse_ip_prefix(text).value();
}

peer_config peer(std::uint32_t number, std::vector<ip_prefix> allowed_ips = {}) {
  peer_config result;
  result.settings.key = key_number(number);
  result.settings.name = "peer" + std::to_string(number);
  result.settings.allowed_ips = std::move(allowed_ips);
  return result;
}

conf::config with_peers(std::vector<peer_config> peers) {
  conf::config result;
  result.interface.name = "t0";
  result.peers = std::move(peers);
  return result;
}

/// Names resolve to an address made of their digits.
endpoint resolve(const std::string& host, std::uint16_t port) {
  return parse_endpoint("192.0.2." + host.substr(4) + ":" + std::to_string(port)).value();
}

constexpr std::uint32_t own_mark = 51820;

/// What the TUNNEL and the kernel have to make of the changes, as messages/peer_settings.hpp says.
class model {
public:
  void apply(const plan& todo) {
    if (todo.tunnel.set_private_key)
      private_key_ = todo.tunnel.private_key;
    for (const public_key& key : todo.tunnel.removed)
      BOOST_TEST(peers_.erase(key) == 1U);
    for (const peer_change& change : todo.tunnel.changed)
      apply(change);
    for (const peer_endpoints& each : todo.endpoints)
      apply(each);
    replace(addresses_, todo.addresses_to_remove, todo.addresses_to_add);
    replace(routes_, todo.routes_to_remove, todo.routes_to_add);
    replace(rules_, todo.rules_to_remove, todo.rules_to_add);
    for (const rule& each : rules_)
      BOOST_TEST((each.mark == 0 || rules_.count({each.family, 0}) == 1));
  }

  void check_against(const conf::config& wanted) const {
    BOOST_TEST(private_key_.same_as(wanted.interface.private_key));
    std::size_t in_use = 0;
    for (const peer_config& peer : wanted.peers) {
      in_use += peer.in_use() ? 1U : 0U;
      if (peer.in_use())
        check_peer(peer);
    }
    BOOST_TEST(peers_.size() == in_use);
    BOOST_TEST((addresses_ == std::set<ip_prefix>(wanted.interface.addresses.begin(),
                                                  wanted.interface.addresses.end())));
    const std::vector<route> routes = routes_of(wanted, own_mark);
    BOOST_TEST((routes_ == std::set<route>(routes.begin(), routes.end())));
    const std::vector<rule> rules = rules_of(wanted, own_mark);
    BOOST_TEST((rules_ == std::set<rule>(rules.begin(), rules.end())));
  }

private:
  struct known {
    peer_settings settings;
    std::optional<endpoint> remote;
  };

  void apply(const peer_change& change) {
    const bool fresh = peers_.count(change.settings.key) == 0;
    known& changed = peers_[change.settings.key];
    std::vector<ip_prefix> prefixes = changed.settings.allowed_ips;
    if (fresh || change.allowed_ips_changed) {
      prefixes = change.settings.allowed_ips;
      for (const ip_prefix& moved : prefixes)
        for (auto& [key, other] : peers_)
          std::erase(other.settings.allowed_ips, moved);
    }
    changed.settings = change.settings;
    changed.settings.allowed_ips = std::move(prefixes);
    if (change.remote)
      changed.remote = change.remote;
  }

  void apply(const peer_endpoints& given) {
    known& whose = peers_.at(given.key);
    if (!given.all.empty() && (given.moved || !whose.remote))
      whose.remote = where(given.all.front());
  }

  static endpoint where(const endpoint_setting& from) {
    return from.literal ? *from.literal : resolve(from.host, from.port);
  }

  template <class Thing>
  static void replace(std::set<Thing>& all, const std::vector<Thing>& removed,
                      const std::vector<Thing>& added) {
    for (const Thing& thing : removed)
      BOOST_TEST(all.erase(thing) == 1U);
    for (const Thing& thing : added)
      BOOST_TEST(all.insert(thing).second);
  }

  void check_peer(const peer_config& wanted) const {
    const known& has = peers_.at(wanted.settings.key);
    BOOST_TEST(has.settings.name == wanted.settings.name);
    BOOST_TEST(has.settings.preshared_key.same_as(wanted.settings.preshared_key));
    BOOST_TEST(has.settings.persistent_keepalive_s == wanted.settings.persistent_keepalive_s);
    BOOST_TEST(
        (std::set<ip_prefix>(has.settings.allowed_ips.begin(), has.settings.allowed_ips.end()) ==
         std::set<ip_prefix>(wanted.settings.allowed_ips.begin(),
                             wanted.settings.allowed_ips.end())));
    if (!wanted.endpoints.empty())
      BOOST_TEST((has.remote == where(wanted.endpoints.front())));
  }

  secret_key private_key_;
  std::map<public_key, known> peers_;
  std::set<ip_prefix> addresses_;
  std::set<route> routes_;
  std::set<rule> rules_;
};

/// Few of everything, so that pairs of configurations have much in common.
class generator {
public:
  explicit generator(unsigned seed) : engine_(seed) {}

  unsigned below(unsigned bound) { return static_cast<unsigned>(engine_() % bound); }

  conf::config next() {
    conf::config result;
    result.interface.name = "t0";
    result.interface.private_key = below(3) == 0 ? secret_key{} : secret_number(below(2) + 1);
    result.interface.listen_port = static_cast<std::uint16_t>(below(2));
    result.interface.fwmark = below(2);
    result.interface.mtu = 1400 + below(2);
    result.interface.routes = below(4) == 0 ? route_mode::off : route_mode::automatic;
    if (below(3) == 0)
      result.interface.table = 100 + below(2);
    for (unsigned i = 0; i < 3; ++i)
      if (below(2) == 0)
        result.interface.addresses.push_back(prefix("10.0." + std::to_string(i) + ".9/24"));
    std::vector<unsigned> numbers = {1, 2, 3, 4, 5, 6};
    std::shuffle(numbers.begin(), numbers.end(), engine_);
    std::set<unsigned> free = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (const unsigned number : numbers)
      if (below(3) != 0)
        result.peers.push_back(next_peer(number, free));
    return result;
  }

private:
  peer_config next_peer(unsigned number, std::set<unsigned>& free) {
    peer_config result = peer(number);
    result.enabled = below(4) != 0;
    result.expired = below(4) == 0;
    if (below(4) == 0)
      result.settings.name += "-renamed";
    if (below(2) == 0)
      result.settings.preshared_key = secret_number(10 + below(2));
    result.settings.persistent_keepalive_s = static_cast<std::uint16_t>(25 * below(2));
    for (unsigned i = below(4); i > 0; --i) {
      const unsigned which = below(10);
      if (free.erase(which) == 1)
        result.settings.allowed_ips.push_back(
            prefix(which == 9   ? std::string("::/0")
                   : which == 8 ? std::string("0.0.0.0/0")
                                : "10.0." + std::to_string(which) + ".0/24"));
    }
    if (below(3) != 0) {
      for (unsigned left = below(3) + 1; left > 0; --left) {
        const std::string digit = std::to_string(left);
        result.endpoints.push_back(parse_endpoint_setting(below(2) == 0
                                                              ? "host" + digit + ":7"
                                                              : "192.0.2.10" + digit + ":7")
                                       .value());
      }
      std::shuffle(result.endpoints.begin(), result.endpoints.end(), engine_);
    }
    return result;
  }

  std::mt19937 engine_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(diff)

BOOST_AUTO_TEST_CASE(applying_the_difference_gives_the_other_configuration) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    generator random(seed);
    model tunnel;
    conf::config before = random.next();
    tunnel.apply(first_plan(before, own_mark));
    tunnel.check_against(before);
    for (unsigned step = 0; step < 4; ++step) {
      const conf::config after = random.next();
      tunnel.apply(conf::diff(before, after, {}, own_mark));
      tunnel.check_against(after);
      BOOST_TEST(is_empty(conf::diff(after, after, {}, own_mark)));
      before = after;
    }
  }
}

BOOST_AUTO_TEST_CASE(an_unchanged_peer_is_not_touched) {
  const conf::config before = with_peers({peer(1, {prefix("10.0.0.0/24")}), peer(2), peer(3)});
  conf::config after = before;
  after.peers[0].where.line = 7;
  after.peers[1].settings.persistent_keepalive_s = 25;
  std::swap(after.peers[0], after.peers[2]);
  const plan todo = conf::diff(before, after);
  BOOST_TEST(todo.tunnel.removed.empty());
  BOOST_REQUIRE(todo.tunnel.changed.size() == 1U);
  BOOST_TEST((todo.tunnel.changed[0].settings.key == key_number(2)));
  BOOST_TEST(!todo.tunnel.changed[0].remote.has_value());
  BOOST_TEST(!todo.tunnel.changed[0].allowed_ips_changed);
  BOOST_TEST(!todo.tunnel.forget_sources);
}

BOOST_AUTO_TEST_CASE(a_change_says_whether_the_prefixes_change) {
  const ip_prefix one = prefix("10.0.1.0/24");
  const ip_prefix two = prefix("10.0.2.0/24");
  const conf::config before = with_peers({peer(1, {one}), peer(2, {two})});
  conf::config after = before;
  for (peer_config& each : after.peers)
    each.settings.persistent_keepalive_s = 25;
  for (const peer_change& each : conf::diff(before, after).tunnel.changed)
    BOOST_TEST(!each.allowed_ips_changed);
  std::swap(after.peers[0].settings.allowed_ips, after.peers[1].settings.allowed_ips);
  for (const peer_change& each : conf::diff(before, after).tunnel.changed)
    BOOST_TEST(each.allowed_ips_changed);
  const plan recreated = conf::diff(before, before, {{}, {key_number(1)}});
  BOOST_TEST(recreated.tunnel.changed.at(0).allowed_ips_changed);
}

BOOST_AUTO_TEST_CASE(the_order_of_prefixes_is_no_change) {
  const ip_prefix one = prefix("10.0.1.0/24");
  const ip_prefix two = prefix("10.0.2.0/24");
  BOOST_TEST(
      is_empty(conf::diff(with_peers({peer(1, {one, two})}), with_peers({peer(1, {two, one})}))));
  BOOST_TEST(
      !is_empty(conf::diff(with_peers({peer(1, {one, two})}), with_peers({peer(1, {two})}))));
}

BOOST_AUTO_TEST_CASE(an_endpoint_is_set_when_it_changes_or_is_given) {
  conf::config before = with_peers({peer(1)});
  before.peers[0].endpoints = {parse_endpoint_setting("192.0.2.1:7").value()};
  BOOST_TEST(is_empty(conf::diff(before, before)));
  const plan given =
      conf::diff(before, before, {{{key_number(1), parse_endpoint("192.0.2.9:7").value()}}, {}});
  BOOST_REQUIRE(given.tunnel.changed.size() == 1U);
  BOOST_TEST((given.tunnel.changed[0].remote == parse_endpoint("192.0.2.9:7")));
  BOOST_TEST(given.endpoints.empty());
  conf::config after = before;
  after.peers[0].endpoints = {parse_endpoint_setting("host1:7").value()};
  const plan named = conf::diff(before, after);
  BOOST_TEST(named.tunnel.changed.empty());
  BOOST_REQUIRE(named.endpoints.size() == 1U);
  BOOST_TEST(named.endpoints[0].all.at(0).host == "host1");
  BOOST_TEST(named.endpoints[0].moved);
  after.peers[0].endpoints.clear();
  const plan taken_away = conf::diff(before, after);
  BOOST_TEST(taken_away.tunnel.changed.empty());
  BOOST_TEST(taken_away.endpoints.at(0).all.empty());
}

BOOST_AUTO_TEST_CASE(further_endpoints_move_nobody) {
  conf::config before = with_peers({peer(1)});
  before.peers[0].endpoints = {parse_endpoint_setting("192.0.2.1:7").value()};
  conf::config after = before;
  after.peers[0].endpoints.push_back(parse_endpoint_setting("host1:7").value());
  const plan todo = conf::diff(before, after);
  BOOST_TEST(todo.tunnel.changed.empty());
  BOOST_REQUIRE(todo.endpoints.size() == 1U);
  BOOST_TEST(!todo.endpoints[0].moved);
  BOOST_TEST(todo.endpoints[0].all.size() == 2U);
  std::swap(after.peers[0].endpoints[0], after.peers[0].endpoints[1]);
  BOOST_TEST(conf::diff(before, after).endpoints.at(0).moved);
}

BOOST_AUTO_TEST_CASE(a_recreated_peer_is_removed_and_added) {
  conf::config same = with_peers({peer(1)});
  same.peers[0].endpoints = {parse_endpoint_setting("192.0.2.1:7").value()};
  const plan todo = conf::diff(same, same, {{}, {key_number(1)}});
  BOOST_TEST(todo.tunnel.removed.size() == 1U);
  BOOST_REQUIRE(todo.tunnel.changed.size() == 1U);
  BOOST_TEST(todo.tunnel.changed[0].remote.has_value());
}

BOOST_AUTO_TEST_CASE(port_and_mark_make_learnt_sources_void) {
  conf::config after = with_peers({});
  after.interface.listen_port = 1;
  BOOST_TEST(conf::diff(with_peers({}), after).listen_port_changed);
  BOOST_TEST(conf::diff(with_peers({}), after).tunnel.forget_sources);
  after = with_peers({});
  after.interface.fwmark = 1;
  BOOST_TEST(conf::diff(with_peers({}), after).fwmark_changed);
  BOOST_TEST(conf::diff(with_peers({}), after).tunnel.forget_sources);
}

BOOST_AUTO_TEST_CASE(a_connected_network_gets_no_route_of_ours_in_the_main_table) {
  conf::config wanted = with_peers({peer(1, {prefix("10.0.0.0/24"), prefix("10.1.0.0/24")})});
  wanted.interface.addresses = {prefix("10.0.0.1/24")};
  BOOST_REQUIRE(routes_of(wanted).size() == 1U);
  BOOST_TEST(to_string(routes_of(wanted)[0].destination) == "10.1.0.0/24");
  wanted.interface.table = 100;
  BOOST_TEST(routes_of(wanted).size() == 2U);
  wanted.interface.routes = route_mode::off;
  BOOST_TEST(routes_of(wanted).empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_change_live_is_named) {
  conf::config after = with_peers({});
  after.interface.name = "t1";
  after.udp = {2, false, false, 3, 4};
  after.tunnel = {{pinning::fixed, 1}, aead_kind::libsodium};
  after.credit = {100'000, std::chrono::milliseconds(9)};
  after.log.format = log_format::json;
  after.log.target = "/x";
  after.admin.read_group = "watchers";
  after.admin.group = "g";
  after.log.level = log_level::debug;
  after.tun = {2, false, 5};
  const plan todo = conf::diff(with_peers({}), after);
  BOOST_TEST(todo.needs_restart.size() == 7U);
  BOOST_TEST(todo.data_path_changed);
  BOOST_TEST(todo.socket_options_changed);
  BOOST_TEST(todo.log_levels_changed);
  BOOST_TEST(todo.queue_length_changed);
  BOOST_TEST(todo.credit_changed);
  BOOST_TEST(first_plan(after).needs_restart.empty());
}

BOOST_AUTO_TEST_SUITE_END()
