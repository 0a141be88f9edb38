// Default routes in a transaction: their mark, their table and their rules.
#include "actors/transaction.hpp"

#include "messages/limits.hpp"

#include "tests/actors/transaction_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr time_point now = time_point{} + std::chrono::hours(1);

} // namespace

BOOST_FIXTURE_TEST_SUITE(transaction_policy, transaction_fixture)

BOOST_AUTO_TEST_CASE(a_default_route_comes_with_a_mark_that_was_chosen_and_stays) {
  const conf::config before = running.config();
  conf::config desired = before;
  desired.peers[0].settings.allowed_ips = {prefix("0.0.0.0/0")};
  BOOST_TEST(!change(desired));
  BOOST_TEST(mark() == limits::own_mark_first);
  BOOST_TEST(running.socket_facts().mark == limits::own_mark_first);
  BOOST_TEST(running.config().interface.fwmark == 0U);
  BOOST_TEST((routes->rules == std::set<tun::link_rule>{{ip_family::v4, 0},
                                                        {ip_family::v4, limits::own_mark_first}}));
  BOOST_TEST(target.changes.at(0).forget_sources);
  BOOST_TEST(!change(before));
  BOOST_TEST(mark() == 0U);
  BOOST_TEST(routes->rules.empty());
  routes->table_left = limits::own_mark_first + 1;
  BOOST_TEST(!change(desired));
  BOOST_TEST(mark() == limits::own_mark_first);
  BOOST_TEST(routes->tables_chosen == 1);
}

BOOST_AUTO_TEST_CASE(a_mark_of_a_change_that_failed_is_chosen_anew) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("::/0")};
  routes->refused = {prefix("::/0")};
  BOOST_TEST(change(desired).has_value());
  BOOST_TEST(mark() == 0U);
  routes->refused.clear();
  routes->table_left = 51'999;
  BOOST_TEST(!change(desired));
  BOOST_TEST(mark() == 51'999U);
}

BOOST_AUTO_TEST_CASE(without_a_free_table_a_default_route_is_refused) {
  routes->table_left.reset();
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("::/0")};
  const std::optional<commit_failure> failure = change(desired);
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->text.find("set `fwmark`") != std::string::npos);
  BOOST_TEST(target.untouched());
  desired.interface.fwmark = 7;
  BOOST_TEST(!change(desired));
  BOOST_TEST((routes->rules == std::set<tun::link_rule>{{ip_family::v6, 0}, {ip_family::v6, 7}}));
}

BOOST_AUTO_TEST_CASE(sockets_that_are_taken_back_bear_the_mark_of_what_runs_then) {
  conf::config marked = running.config();
  marked.interface.fwmark = 7;
  BOOST_TEST(!change(marked));
  conf::config moved = marked;
  moved.interface.listen_port = a_free_port();
  moved.interface.fwmark = 9;
  BOOST_TEST(!change(moved));
  BOOST_TEST(mark() == 9U);
  change_options back;
  back.sockets = sockets;
  BOOST_TEST(!running.change_to(marked, back, target));
  BOOST_TEST(running.bound_port() == sockets->port());
  BOOST_TEST(mark() == 7U);
}

BOOST_AUTO_TEST_CASE(rules_wait_for_the_name_of_the_peer_to_whom_everything_goes) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("0.0.0.0/0")};
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  const public_key peer = desired.peers[0].settings.key;
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->present.count(prefix("0.0.0.0/0")) == 1);
  BOOST_TEST(mark() == limits::own_mark_first);
  BOOST_TEST(routes->rules.empty());
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->rules.empty());
  running.found(peer, now);
  BOOST_TEST(routes->rules.size() == 2U);
  // TUNNEL keeps the address that it has, whatever name the peer is given.
  conf::config narrow = desired;
  narrow.peers[0].settings.allowed_ips = {prefix("10.1.2.0/24")};
  BOOST_TEST(!change(narrow));
  BOOST_TEST(routes->rules.empty());
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->rules.size() == 2U);
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("other.example.net:51820").value()};
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->rules.size() == 2U);
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("192.0.2.7:51820").value()};
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->rules.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_made_anew_is_waited_for_anew) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("0.0.0.0/0")};
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  const public_key peer = desired.peers[0].settings.key;
  BOOST_TEST(!change(desired));
  running.found(peer, now);
  BOOST_TEST(routes->rules.size() == 2U);
  change_options anew;
  anew.hints.recreated = {peer};
  BOOST_TEST(!running.change_to(desired, anew, target));
  BOOST_TEST(routes->rules.empty());
  running.found(peer, now);
  BOOST_TEST(routes->rules.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_brought_back_is_where_it_was) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("0.0.0.0/0")};
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  BOOST_TEST(!change(desired));
  running.found(desired.peers[0].settings.key, now);
  conf::config without = desired;
  without.peers.erase(without.peers.begin());
  change_options park;
  park.park_removed = true;
  BOOST_TEST(!running.change_to(without, park, target));
  BOOST_TEST(routes->rules.empty());
  change_options back;
  back.bring_back = true;
  BOOST_TEST(!running.change_to(desired, back, target));
  BOOST_TEST(routes->rules.size() == 2U);
}

BOOST_AUTO_TEST_CASE(an_address_that_becomes_a_name_is_not_waited_for) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("0.0.0.0/0")};
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("192.0.2.1:51820").value()};
  BOOST_TEST(!change(desired));
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->rules.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_calls_us_is_not_waited_for) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("::/0")};
  desired.peers[0].endpoints.clear();
  BOOST_TEST(!change(desired));
  BOOST_TEST(routes->rules.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_refused_when_a_name_is_found_stands_in_the_way_of_no_change) {
  const conf::config before = running.config();
  conf::config desired = before;
  desired.peers[0].settings.allowed_ips = {prefix("::/0")};
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  BOOST_TEST(!change(desired));
  routes->no_room_for_rules = true;
  running.found(desired.peers[0].settings.key, now);
  desired.log.level = conf::log_level::debug;
  BOOST_TEST(!change(desired));
  BOOST_TEST(!change(before));
  running.on_deadline(running.deadline());
  BOOST_TEST((running.deadline() == never));
  BOOST_TEST(!log.has("the default route is in use"));
}

BOOST_AUTO_TEST_CASE(rules_that_are_refused_when_a_name_is_found_are_tried_again) {
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("::/0")};
  desired.peers[0].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  BOOST_TEST(!change(desired));
  BOOST_TEST((running.deadline() == never));
  routes->calls_until_failure = 0;
  running.found(desired.peers[0].settings.key, now);
  BOOST_TEST(
      log.has("the default route is not in use: cannot add a rule; trying again every 10 s"));
  BOOST_TEST((running.deadline() == now + limits::rule_retry));
  routes->calls_until_failure = 0;
  running.on_deadline(running.deadline());
  BOOST_TEST(log.count("the default route is not in use") == 1U);
  running.on_deadline(running.deadline() - std::chrono::nanoseconds(1));
  BOOST_TEST(routes->rules.empty());
  running.on_deadline(running.deadline());
  BOOST_TEST(routes->rules.size() == 2U);
  BOOST_TEST(log.has("the default route is in use"));
  BOOST_TEST((running.deadline() == never));
}

BOOST_AUTO_TEST_SUITE_END()
