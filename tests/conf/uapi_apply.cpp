#include "conf/uapi_apply.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <map>
#include <random>

using namespace troupe;
using namespace troupe::conf;

namespace {

public_key key_number(unsigned number) {
  public_key key;
  store_le32(key.octets.data(), number);
  return key;
}

std::string hex(unsigned number) {
  return to_hex(key_number(number));
}

unsigned number_of(const_bytes key) {
  return load_le32(key.data());
}

/// A stand-in for X25519: key 100 + n belongs to secret n.
public_key derive(const secret_key& secret) {
  return key_number(100 + number_of(secret.octets()));
}

uapi_outcome applied(const conf::config& current, const std::string& lines) {
  const std::variant<uapi_set, uapi_error> request = parse_set("set=1\n" + lines + "\n");
  if (const uapi_error* const error = std::get_if<uapi_error>(&request))
    BOOST_FAIL(error->text);
  std::variant<uapi_outcome, uapi_error> outcome =
      apply(current, std::get<uapi_set>(request), derive);
  if (const uapi_error* const error = std::get_if<uapi_error>(&outcome))
    BOOST_FAIL(error->text);
  return std::get<uapi_outcome>(std::move(outcome));
}

conf::config after(const conf::config& current, const std::string& lines) {
  return applied(current, lines).desired;
}

std::string peer(unsigned number, const std::string& lines = "") {
  return "public_key=" + hex(number) + "\n" + lines;
}

std::string prefixes(const conf::config& from, std::size_t index) {
  std::string text;
  for (const ip_prefix& prefix : from.peers.at(index).settings.allowed_ips)
    text.append(text.empty() ? "" : " ").append(to_string(prefix));
  return text;
}

const std::string zero(64, '0');

/// Peers 1 and 2, as a file would have them.
conf::config two_peers() {
  conf::config result = after(bare_config("t0"), peer(1, "allowed_ip=10.1.0.0/16\n") +
                                                     peer(2, "allowed_ip=10.2.0.0/16\n"));
  result.peers[0].settings.name = "one";
  result.peers[0].endpoints = {parse_endpoint_setting("vpn.example.net:1").value()};
  result.peers[1].settings.name = "two";
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(uapi_apply)

BOOST_AUTO_TEST_CASE(device_values_are_set_and_taken_back) {
  conf::config set =
      after(bare_config("t0"), "private_key=" + hex(7) + "\nlisten_port=9\nfwmark=8\n");
  BOOST_TEST(set.interface.private_key.same_as(secret_key_from_hex(hex(7)).value()));
  BOOST_TEST(set.interface.listen_port == 9);
  BOOST_TEST(set.interface.fwmark == 8U);
  set = after(set, "fwmark=0\n");
  BOOST_TEST(set.interface.fwmark == 0U);
  BOOST_TEST(set.interface.listen_port == 9);
  set = after(set, "private_key=" + zero + "\n");
  BOOST_TEST(!static_cast<bool>(set.interface.private_key));
}

BOOST_AUTO_TEST_CASE(a_new_peer_is_named_by_its_key) {
  const conf::config set =
      after(bare_config("t0"), peer(1, "endpoint=192.0.2.1:5\npersistent_keepalive_interval=25\n"));
  BOOST_REQUIRE(set.peers.size() == 1U);
  BOOST_TEST(set.peers[0].settings.name == short_name(key_number(1)));
  BOOST_TEST(set.peers[0].endpoints.at(0).text() == "192.0.2.1:5");
  BOOST_TEST(set.peers[0].settings.persistent_keepalive_s == 25);
  public_key similar = key_number(1);
  similar.octets.back() = 1;
  const conf::config both = after(set, "public_key=" + to_hex(similar) + "\n");
  BOOST_TEST(both.peers[1].settings.name == to_base64(similar));
}

BOOST_AUTO_TEST_CASE(what_is_not_given_stays) {
  const conf::config set = after(two_peers(), peer(1, "preshared_key=" + hex(9) + "\n"));
  BOOST_TEST(set.peers[0].settings.name == "one");
  BOOST_TEST(set.peers[0].endpoints.at(0).text() == "vpn.example.net:1");
  BOOST_TEST(prefixes(set, 0) == "10.1.0.0/16");
  BOOST_TEST(static_cast<bool>(set.peers[0].settings.preshared_key));
  const conf::config without = after(set, peer(1, "preshared_key=" + zero + "\n"));
  BOOST_TEST(!static_cast<bool>(without.peers[0].settings.preshared_key));
}

BOOST_AUTO_TEST_CASE(a_given_endpoint_replaces_the_name_and_is_always_applied) {
  const uapi_outcome first = applied(two_peers(), peer(1, "endpoint=192.0.2.1:5\n"));
  BOOST_TEST(first.desired.peers[0].endpoints.at(0).text() == "192.0.2.1:5");
  BOOST_TEST((first.hints.endpoint_given.at(key_number(1)) == parse_endpoint("192.0.2.1:5")));
  const uapi_outcome again = applied(first.desired, peer(1, "endpoint=192.0.2.1:5\n"));
  const plan todo = conf::diff(first.desired, again.desired, again.hints);
  BOOST_REQUIRE(todo.tunnel.changed.size() == 1U);
  BOOST_TEST((todo.tunnel.changed[0].remote == parse_endpoint("192.0.2.1:5")));
}

BOOST_AUTO_TEST_CASE(update_only_creates_nobody_and_remove_of_nobody_is_no_error) {
  const conf::config set =
      after(two_peers(), peer(3, "update_only=true\npersistent_keepalive_interval=5\n") +
                             peer(4, "remove=true\n") +
                             peer(2, "update_only=true\npersistent_keepalive_interval=5\n"));
  BOOST_REQUIRE(set.peers.size() == 2U);
  BOOST_TEST(set.peers[1].settings.persistent_keepalive_s == 5);
}

BOOST_AUTO_TEST_CASE(remove_removes_and_frees_its_prefixes) {
  const conf::config set =
      after(two_peers(), peer(1, "remove=true\n") + peer(2, "allowed_ip=10.1.0.0/16\n"));
  BOOST_REQUIRE(set.peers.size() == 1U);
  BOOST_TEST(set.peers[0].settings.name == "two");
  BOOST_TEST(prefixes(set, 0) == "10.2.0.0/16 10.1.0.0/16");
}

BOOST_AUTO_TEST_CASE(a_peer_removed_and_added_in_one_request_loses_its_session) {
  const conf::config before = two_peers();
  const uapi_outcome outcome = applied(before, peer(1, "remove=true\n") + peer(1));
  BOOST_TEST(prefixes(outcome.desired, 0) == "");
  const plan todo = conf::diff(before, outcome.desired, outcome.hints);
  BOOST_TEST(todo.tunnel.removed.size() == 1U);
  BOOST_TEST(todo.tunnel.changed.size() == 1U);
}

BOOST_AUTO_TEST_CASE(replace_peers_leaves_only_those_that_are_listed) {
  const conf::config before = two_peers();
  const uapi_outcome outcome =
      applied(before, "replace_peers=true\n" +
                          peer(1, "replace_allowed_ips=true\nallowed_ip=10.1.0.0/16\n") + peer(3));
  BOOST_REQUIRE(outcome.desired.peers.size() == 2U);
  BOOST_TEST(outcome.desired.peers[0].settings.name == "one");
  BOOST_TEST(outcome.desired.peers[0].endpoints.at(0).text() == "vpn.example.net:1");
  BOOST_TEST((outcome.desired.peers[1].settings.key == key_number(3)));
  const plan todo = conf::diff(before, outcome.desired, outcome.hints);
  BOOST_REQUIRE(todo.tunnel.removed.size() == 1U);
  BOOST_TEST((todo.tunnel.removed[0] == key_number(2)));
  BOOST_TEST(todo.tunnel.changed.size() == 1U);
}

BOOST_AUTO_TEST_CASE(replaced_peers_start_from_nothing_that_was_expressible) {
  conf::config before = two_peers();
  before.peers[0].settings.preshared_key = secret_key_from_hex(hex(9)).value();
  before.peers[0].settings.persistent_keepalive_s = 25;
  before.peers[1].endpoints = {parse_endpoint_setting("192.0.2.1:5").value()};
  const conf::config set = after(before, "replace_peers=true\n" + peer(1) + peer(2));
  BOOST_TEST(!static_cast<bool>(set.peers[0].settings.preshared_key));
  BOOST_TEST(set.peers[0].settings.persistent_keepalive_s == 0);
  BOOST_TEST(prefixes(set, 0) == "");
  BOOST_TEST(set.peers[1].endpoints.empty());
}

BOOST_AUTO_TEST_CASE(allowed_ips_are_added_replaced_removed_and_moved) {
  const conf::config before = two_peers();
  // lines of peer 1, its prefixes, those of peer 2
  const std::vector<std::array<std::string, 3>> rows = {
      {"allowed_ip=10.3.0.0/16\n", "10.1.0.0/16 10.3.0.0/16", "10.2.0.0/16"},
      {"allowed_ip=10.1.0.0/16\n", "10.1.0.0/16", "10.2.0.0/16"},
      {"replace_allowed_ips=true\n", "", "10.2.0.0/16"},
      {"replace_allowed_ips=true\nallowed_ip=10.3.0.0/16\n", "10.3.0.0/16", "10.2.0.0/16"},
      {"allowed_ip=10.3.0.0/16\nreplace_allowed_ips=true\n", "", "10.2.0.0/16"},
      {"allowed_ip=-10.1.0.0/16\n", "", "10.2.0.0/16"},
      {"allowed_ip=-10.9.0.0/16\n", "10.1.0.0/16", "10.2.0.0/16"},
      {"allowed_ip=-10.1.0.0/17\n", "10.1.0.0/16", "10.2.0.0/16"},
      {"allowed_ip=-10.2.0.0/16\n", "10.1.0.0/16", "10.2.0.0/16"},
      {"allowed_ip=-10.1.0.0/16\nallowed_ip=10.1.0.0/16\n", "10.1.0.0/16", "10.2.0.0/16"},
      {"allowed_ip=10.2.0.0/16\n", "10.1.0.0/16 10.2.0.0/16", ""},
      {"allowed_ip=10.2.0.0/17\n", "10.1.0.0/16 10.2.0.0/17", "10.2.0.0/16"},
      {"allowed_ip=10.2.0.0/16\nallowed_ip=-10.2.0.0/16\n", "10.1.0.0/16", ""}};
  for (const auto& [lines, first, second] : rows) {
    const conf::config set = after(before, peer(1, lines));
    BOOST_TEST(prefixes(set, 0) == first, lines);
    BOOST_TEST(prefixes(set, 1) == second, lines);
  }
}

BOOST_AUTO_TEST_CASE(two_peers_may_swap_their_prefixes) {
  const conf::config set =
      after(two_peers(), peer(1, "allowed_ip=10.2.0.0/16\n") + peer(2, "allowed_ip=10.1.0.0/16\n"));
  BOOST_TEST(prefixes(set, 0) == "10.2.0.0/16");
  BOOST_TEST(prefixes(set, 1) == "10.1.0.0/16");
}

BOOST_AUTO_TEST_CASE(the_own_key_is_no_peer) {
  const conf::config before = after(two_peers(), peer(107));
  const conf::config set =
      after(before, "private_key=" + hex(7) + "\n" + peer(107, "allowed_ip=10.1.0.0/16\n"));
  BOOST_TEST(set.peers.size() == 2U);
  BOOST_TEST(prefixes(set, 0) == "10.1.0.0/16");
  BOOST_TEST(after(set, peer(107)).peers.size() == 2U);
  BOOST_TEST(after(set, "private_key=" + zero + "\n" + peer(107)).peers.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_disabled_peer_does_not_exist_until_it_is_added) {
  conf::config before = two_peers();
  before.peers[0].enabled = false;
  before.peers[0].settings.persistent_keepalive_s = 25;
  BOOST_TEST(after(before, "replace_peers=true\n").peers.size() == 1U);
  for (const char* lines : {"remove=true\n", "update_only=true\nallowed_ip=10.9.0.0/16\n"}) {
    const conf::config set = after(before, peer(1, lines));
    BOOST_TEST(set.peers.size() == 2U);
    BOOST_TEST(!set.peers[0].enabled);
    BOOST_TEST(prefixes(set, 0) == "10.1.0.0/16");
  }
  const conf::config moved = after(before, peer(2, "allowed_ip=10.1.0.0/16\n"));
  BOOST_TEST(prefixes(moved, 0) == "10.1.0.0/16");
  const conf::config enabled = after(before, peer(1, "allowed_ip=10.9.0.0/16\n"));
  BOOST_TEST(enabled.peers[0].enabled);
  BOOST_TEST(enabled.peers[0].settings.name == "one");
  BOOST_TEST(enabled.peers[0].endpoints.at(0).text() == "vpn.example.net:1");
  BOOST_TEST(enabled.peers[0].settings.persistent_keepalive_s == 0);
  BOOST_TEST(prefixes(enabled, 0) == "10.9.0.0/16");
}

BOOST_AUTO_TEST_CASE(a_mark_whose_table_is_the_kernels_is_refused_beside_a_default_route) {
  conf::config before = two_peers();
  before.interface.routes = route_mode::automatic;
  const auto asked = [&](const std::string& mark) {
    const std::string lines =
        "set=1\nfwmark=" + mark + "\n" + peer(1, "allowed_ip=0.0.0.0/0\n") + "\n";
    return apply(before, std::get<uapi_set>(parse_set(lines)), derive);
  };
  BOOST_TEST((std::holds_alternative<uapi_outcome>(asked("252"))));
  const std::variant<uapi_outcome, uapi_error> refused = asked("254");
  BOOST_REQUIRE((std::holds_alternative<uapi_error>(refused)));
  BOOST_TEST((std::get<uapi_error>(refused).number == uapi_errno::invalid));
  before.interface.routes = route_mode::off;
  BOOST_TEST((std::holds_alternative<uapi_outcome>(asked("254"))));
}

BOOST_AUTO_TEST_CASE(more_peers_than_the_bound_are_refused) {
  std::string lines;
  for (unsigned i = 1; i <= limits::peers_max + 1; ++i)
    lines += peer(i);
  const uapi_set request = std::get<uapi_set>(parse_set("set=1\n" + lines + "\n"));
  BOOST_TEST((std::holds_alternative<uapi_error>(apply(bare_config("t0"), request, derive))));
}

/// Against the plainest thing that does the same: a map from prefix to owner.
BOOST_AUTO_TEST_CASE(random_moves_agree_with_a_naive_model) {
  std::mt19937 engine(1);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(engine() % bound); };
  conf::config current = bare_config("t0");
  std::map<std::string, unsigned> owner;
  for (unsigned request = 0; request < 300; ++request) {
    std::string lines;
    for (unsigned section = below(3); section > 0; --section) {
      const unsigned number = 1 + below(4);
      lines += peer(number);
      for (unsigned step = below(5); step > 0; --step) {
        const std::string prefix = "10." + std::to_string(below(6)) + ".0.0/16";
        const unsigned action = below(8);
        if (action < 4) {
          lines += "allowed_ip=" + prefix + "\n";
          owner[prefix] = number;
        } else if (action < 7) {
          lines += "allowed_ip=-" + prefix + "\n";
          if (owner.count(prefix) != 0 && owner[prefix] == number)
            owner.erase(prefix);
        }
      }
    }
    current = after(current, lines);
    std::map<std::string, unsigned> has;
    for (const peer_config& one : current.peers)
      for (const ip_prefix& prefix : one.settings.allowed_ips)
        BOOST_TEST(has.emplace(to_string(prefix), number_of(one.settings.key.octets)).second);
    BOOST_TEST((has == owner));
  }
}

BOOST_AUTO_TEST_CASE(a_full_table_is_parsed_added_and_moved) {
  std::string lines;
  for (unsigned i = 0; i < 130'560; ++i)
    lines += "allowed_ip=10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
             std::to_string(i & 255) + "/32\n";
  const conf::config first = after(bare_config("t0"), peer(1, lines));
  BOOST_TEST(first.peers[0].settings.allowed_ips.size() == 130'560U);
  const conf::config second = after(first, peer(2, lines));
  BOOST_TEST(second.peers[0].settings.allowed_ips.empty());
  BOOST_TEST(second.peers[1].settings.allowed_ips.size() == 130'560U);
  BOOST_TEST(conf::diff(first, second).tunnel.changed.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_date_survives_what_cannot_express_it) {
  conf::config current = two_peers();
  const std::chrono::sys_seconds date{std::chrono::seconds(1'800'000'000)};
  current.peers[0].expires = date;
  for (const std::string& lines :
       {peer(1, "persistent_keepalive_interval=5\n"), peer(1, "remove=true\n") + peer(1),
        "replace_peers=true\n" + peer(1), "replace_peers=true\n" + peer(1) + peer(2)})
    BOOST_TEST((after(current, lines).peers.at(0).expires == date), lines);
}

BOOST_AUTO_TEST_CASE(an_expired_peer_does_not_exist_and_stays_expired) {
  conf::config current = two_peers();
  current.peers[0].expires = std::chrono::sys_seconds(std::chrono::seconds(1));
  mark_expired(current, wall_time{} + std::chrono::hours(1));
  for (const std::string& lines : {std::string("replace_peers=true\n"), peer(1, "remove=true\n"),
                                   peer(1, "update_only=true\nallowed_ip=10.9.0.0/16\n")}) {
    const conf::config left = after(current, lines);
    BOOST_TEST(left.peers.at(0).settings.name == current.peers[0].settings.name, lines);
    BOOST_TEST(prefixes(left, 0) == prefixes(current, 0), lines);
    BOOST_TEST(left.peers[0].expired, lines);
  }
  conf::config again =
      after(current, peer(1, "allowed_ip=10.9.0.0/16\n") + peer(1, "allowed_ip=10.8.0.0/16\n"));
  BOOST_TEST(prefixes(again, 0) == "10.9.0.0/16 10.8.0.0/16");
  mark_expired(again, wall_time{} + std::chrono::hours(1));
  BOOST_TEST(again.peers[0].expired);
}

BOOST_AUTO_TEST_CASE(prefixes_of_an_expired_peer_go_to_whoever_is_given_them) {
  conf::config current = two_peers();
  current.peers[0].settings.allowed_ips = {parse_ip_prefix("10.9.0.0/16").value(),
                                           parse_ip_prefix("10.8.0.0/16").value()};
  current.peers[0].expired = true;
  const conf::config moved = after(current, peer(2, "allowed_ip=10.9.0.0/16\n"));
  BOOST_TEST(prefixes(moved, 0) == "10.8.0.0/16");
}

BOOST_AUTO_TEST_CASE(further_endpoints_survive_what_cannot_express_them) {
  conf::config current = two_peers();
  current.peers[0].endpoints = {parse_endpoint_setting("192.0.2.1:7").value(),
                                parse_endpoint_setting("192.0.2.2:7").value()};
  const auto endpoints_after = [&](const std::string& lines) {
    const conf::config result = after(current, lines);
    std::string text;
    for (const endpoint_setting& each : result.peers.at(0).endpoints)
      text.append(text.empty() ? "" : " ").append(each.text());
    return text;
  };
  const std::string both = "192.0.2.1:7 192.0.2.2:7";
  BOOST_TEST(endpoints_after(peer(1, "persistent_keepalive_interval=5\n")) == both);
  BOOST_TEST(endpoints_after(peer(1, "endpoint=192.0.2.1:7\n")) == both);
  BOOST_TEST(endpoints_after(peer(1, "endpoint=192.0.2.2:7\n")) == both);
  BOOST_TEST(endpoints_after(peer(1, "endpoint=192.0.2.9:7\n")) == "192.0.2.9:7 192.0.2.2:7");
  BOOST_TEST(endpoints_after("replace_peers=true\n" + peer(1)) == both);
  const uapi_outcome moved = applied(current, peer(1, "endpoint=192.0.2.2:7\n"));
  const plan todo = conf::diff(current, moved.desired, moved.hints);
  BOOST_TEST(todo.endpoints.empty());
  BOOST_TEST((todo.tunnel.changed.at(0).remote == parse_endpoint("192.0.2.2:7")));
}

BOOST_AUTO_TEST_SUITE_END()
