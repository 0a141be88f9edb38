// What holds of a change between any two configurations: it ends with exactly the second, and when
// any step of it fails, with exactly the first. The kernel is fake_link.hpp's.
#include "actors/transaction.hpp"

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/fake_link.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/conf/same_config.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <tuple>

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr int pairs = 300;
constexpr int failing_pairs = 40;

/// From few values of each setting, so that two of its configurations have much in common.
class configurations {
public:
  conf::config next() {
    conf::config made;
    made.interface.name = "troupe0";
    made.interface.private_key = sample_secret(static_cast<std::uint8_t>(one_of({1, 51})));
    for (const char* const address :
         {"10.9.0.1/24", "10.9.0.2/24", "10.8.0.1/24", "fd09::1/64", "fd08::1/64"})
      if (chance(2))
        made.interface.addresses.push_back(parse_ip_prefix(address).value());
    made.interface.mtu = one_of({1280, 1420, 1500});
    made.interface.fwmark = one_of({0, 7, 9});
    made.interface.routes = chance(5) ? conf::route_mode::off : conf::route_mode::automatic;
    if (chance(3))
      made.interface.table = one_of({100, 254});
    if (chance(3))
      made.interface.commands.post_up = {chance(2) ? "one %i" : "other"};
    made.tun.queue_length = one_of({0, 77});
    made.credit.window = one_of({0, 70'000});
    made.log.level = chance(2) ? conf::log_level::info : conf::log_level::debug;
    for (std::uint8_t number = 2; number < 8; ++number)
      if (!chance(3))
        made.peers.push_back(peer(number));
    std::shuffle(made.peers.begin(), made.peers.end(), random_);
    share_out_prefixes(made.peers);
    return made;
  }

private:
  bool chance(unsigned of) { return random_() % of == 0; }
  std::uint32_t one_of(std::initializer_list<std::uint32_t> values) {
    return values.begin()[random_() % values.size()];
  }

  conf::peer_config peer(std::uint8_t number) {
    conf::peer_config made =
        sample_peer(number, (chance(4) ? "other" : "peer") + std::to_string(number));
    made.settings.allowed_ips.clear();
    made.settings.persistent_keepalive_s = static_cast<std::uint16_t>(one_of({0, 25}));
    if (chance(3))
      made.settings.preshared_key = sample_secret(static_cast<std::uint8_t>(one_of({97, 98})));
    for (const char* const text : {"192.0.2.2:51820", "a.example:1", "192.0.2.3:7"})
      if (chance(2))
        made.endpoints.push_back(conf::parse_endpoint_setting(text).value());
    std::shuffle(made.endpoints.begin(), made.endpoints.end(), random_);
    made.enabled = !chance(5);
    if (chance(3))
      made.expires = std::chrono::sys_seconds(std::chrono::seconds(one_of({1, 2})));
    made.expired = made.expires && chance(2);
    return made;
  }

  void share_out_prefixes(std::vector<conf::peer_config>& among) {
    for (const char* const prefix :
         {"10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16", "10.9.0.0/24", "10.9.0.7/32", "fd01::/64",
          "fd02::/64", "fd09::/64", "0.0.0.0/0", "::/0"})
      if (!among.empty() && !chance(4))
        among[random_() % among.size()].settings.allowed_ips.push_back(
            parse_ip_prefix(prefix).value());
  }

  std::mt19937 random_{1};
};

/// What TUNNEL has been told, put together.
struct told_tunnel {
  std::map<public_key, peer_settings> peers;
  secret_key private_key;

  void hear(const std::vector<tunnel_change>& changes) {
    for (const tunnel_change& change : changes) {
      if (change.set_private_key)
        private_key = change.private_key;
      for (const public_key& key : change.removed)
        peers.erase(key);
      for (const peer_change& changed : change.changed)
        take(changed);
    }
  }
  /// As TUNNEL does: prefixes move to the peer that is changed last.
  void take(const peer_change& changed) {
    const auto [place, fresh] = peers.try_emplace(changed.settings.key, changed.settings);
    const std::vector<ip_prefix> before = place->second.allowed_ips;
    place->second = changed.settings;
    if (!fresh && !changed.allowed_ips_changed)
      place->second.allowed_ips = before;
    const std::vector<ip_prefix>& now = place->second.allowed_ips;
    for (auto& [key, each] : peers)
      if (key != changed.settings.key)
        std::erase_if(each.allowed_ips, [&](const ip_prefix& prefix) {
          return std::find(now.begin(), now.end(), prefix) != now.end();
        });
  }
};

/// A daemon without packets.
struct daemon_under_change {
  explicit daemon_under_change(captured_log& log)
      : running(conf::bare_config("troupe0"), udp::socket_pair::open(0, {}), link,
                log.open("admin")) {}

  std::optional<commit_failure> change(const conf::config& desired) {
    target = {};
    const std::optional<commit_failure> failure = running.change_to(desired, {}, target);
    tunnel.hear(target.changes);
    return failure;
  }
  /// As RESOLVER would, in its time.
  void find_names() {
    for (const conf::peer_config& peer : running.config().peers)
      running.found(peer.settings.key, time_point{});
  }
  [[nodiscard]] auto kernel() const {
    return std::tuple(link->addresses, link->present, link->rules, link->mtu, link->queue_length,
                      running.sockets()->of(ip_family::v4)->mark(), running.bound_port());
  }

  std::shared_ptr<fake_link> link = std::make_shared<fake_link>();
  running_configuration running;
  recording_target target;
  told_tunnel tunnel;
};

std::map<public_key, peer_settings> peers_in_use(const conf::config& of) {
  std::map<public_key, peer_settings> result;
  for (const conf::peer_config& peer : of.peers)
    if (peer.in_use())
      result.emplace(peer.settings.key, peer.settings);
  return result;
}

std::vector<ip_prefix> sorted(std::vector<ip_prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

void expect_told(const told_tunnel& told, const conf::config& wanted) {
  const std::map<public_key, peer_settings> peers = peers_in_use(wanted);
  BOOST_TEST(told.private_key.same_as(wanted.interface.private_key));
  BOOST_REQUIRE_EQUAL(told.peers.size(), peers.size());
  for (const auto& [key, settings] : peers) {
    BOOST_REQUIRE(told.peers.count(key) == 1);
    const peer_settings& has = told.peers.at(key);
    BOOST_TEST(has.name == settings.name);
    BOOST_TEST(has.preshared_key.same_as(settings.preshared_key));
    BOOST_TEST(has.persistent_keepalive_s == settings.persistent_keepalive_s);
    BOOST_TEST((sorted(has.allowed_ips) == sorted(settings.allowed_ips)));
  }
}

struct any_two {
  udp::own_network network;
  captured_log log;
  configurations random;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(transaction_property, any_two)

BOOST_AUTO_TEST_CASE(a_change_ends_with_exactly_the_second) {
  for (int i = 0; i < pairs; ++i)
    BOOST_TEST_CONTEXT("pair " << i) {
      const conf::config first = random.next();
      const conf::config second = random.next();
      daemon_under_change changed(log);
      daemon_under_change fresh(log);
      BOOST_REQUIRE(!changed.change(first));
      if (i % 2 == 0)
        changed.find_names();
      BOOST_REQUIRE(!changed.change(second));
      BOOST_REQUIRE(!fresh.change(second));
      changed.find_names();
      fresh.find_names();
      conf::expect_same(changed.running.config(), second, "what runs");
      BOOST_TEST((changed.link->addresses == fresh.link->addresses));
      BOOST_TEST((changed.link->present == fresh.link->present));
      BOOST_TEST((changed.link->rules == fresh.link->rules));
      BOOST_TEST(changed.link->tables_chosen <= 1);
      BOOST_TEST((changed.running.hooks()->now() == second.interface.commands));
      BOOST_TEST(changed.link->mtu == fresh.link->mtu);
      BOOST_TEST(changed.link->queue_length == fresh.link->queue_length);
      BOOST_TEST(changed.running.sockets()->of(ip_family::v4)->mark() ==
                 conf::mark_of(second, limits::own_mark_first));
      expect_told(changed.tunnel, second);
    }
}

BOOST_AUTO_TEST_CASE(a_failure_at_any_step_ends_with_exactly_the_first) {
  int failures = 0;
  for (int i = 0; i < failing_pairs; ++i) {
    const conf::config first = random.next();
    const conf::config second = random.next();
    daemon_under_change changed(log);
    BOOST_REQUIRE(!changed.change(first));
    changed.find_names();
    const auto before = changed.kernel();
    for (int step = 0;; ++step) {
      changed.link->calls_until_failure = step;
      const std::optional<commit_failure> failure = changed.change(second);
      if (!failure)
        break;
      ++failures;
      BOOST_TEST_CONTEXT("pair " << i << ", the call number " << step << ": " << failure->text) {
        BOOST_TEST(!failure->undo_failed);
        BOOST_TEST((changed.kernel() == before));
        BOOST_TEST(changed.target.untouched());
        conf::expect_same(changed.running.config(), first, "what runs");
        expect_told(changed.tunnel, first);
      }
    }
    changed.link->calls_until_failure.reset();
    expect_told(changed.tunnel, second);
  }
  BOOST_TEST(failures > 5 * failing_pairs);
}

BOOST_AUTO_TEST_SUITE_END()
