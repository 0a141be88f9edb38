#include "conf/policy.hpp"

#include "conf/diff.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::conf;

namespace {

constexpr std::uint32_t own_mark = 51821;

conf::config with_prefixes(const std::vector<const char*>& prefixes) {
  conf::config result;
  peer_config& peer = result.peers.emplace_back();
  for (const char* const each : prefixes)
    peer.settings.allowed_ips.push_back(parse_ip_prefix(each).value());
  return result;
}

std::uint32_t default_table(const conf::config& of) {
  const std::vector<route> routes = routes_of(of, own_mark);
  return std::find_if(routes.begin(), routes.end(),
                      [](const route& each) { return is_default_route(each.destination); })
      ->table;
}

} // namespace

BOOST_AUTO_TEST_SUITE(policy)

BOOST_AUTO_TEST_CASE(each_family_with_a_default_route_has_two_rules_the_main_tables_first) {
  BOOST_TEST(rules_of(with_prefixes({"10.0.0.0/8", "128.0.0.0/1"}), own_mark).empty());
  BOOST_TEST((rules_of(with_prefixes({"0.0.0.0/0"}), own_mark) ==
              std::vector<rule>{{ip_family::v4, 0}, {ip_family::v4, own_mark}}));
  BOOST_TEST((rules_of(with_prefixes({"::/0", "10.0.0.0/8"}), own_mark) ==
              std::vector<rule>{{ip_family::v6, 0}, {ip_family::v6, own_mark}}));
  const std::vector<rule> both = rules_of(with_prefixes({"::/0", "0.0.0.0/0"}), own_mark);
  BOOST_TEST(both.size() == 4U);
  BOOST_TEST(std::is_sorted(both.begin(), both.end()));
}

BOOST_AUTO_TEST_CASE(a_configured_mark_is_the_one_and_its_table_is_the_default_routes) {
  conf::config one = with_prefixes({"0.0.0.0/0", "10.0.0.0/8"});
  BOOST_TEST(needs_own_mark(one));
  BOOST_TEST(mark_of(one, own_mark) == own_mark);
  BOOST_TEST(default_table(one) == own_mark);
  BOOST_TEST(routes_of(one, own_mark).back().table == main_route_table);
  one.interface.fwmark = 7;
  BOOST_TEST(!needs_own_mark(one));
  BOOST_TEST(mark_of(one, own_mark) == 7U);
  BOOST_TEST(default_table(one) == 7U);
  BOOST_TEST((rules_of(one, own_mark).back() == rule{ip_family::v4, 7}));
}

BOOST_AUTO_TEST_CASE(without_a_default_route_of_ours_the_mark_is_the_users) {
  conf::config disabled = with_prefixes({"0.0.0.0/0"});
  disabled.peers[0].enabled = false;
  conf::config off = with_prefixes({"0.0.0.0/0"});
  off.interface.routes = route_mode::off;
  conf::config elsewhere = with_prefixes({"0.0.0.0/0"});
  elsewhere.interface.table = 1234;
  for (const conf::config& each : {disabled, off, elsewhere, with_prefixes({"10.0.0.0/8"})}) {
    BOOST_TEST(rules_of(each, own_mark).empty());
    BOOST_TEST(!needs_own_mark(each));
    BOOST_TEST(mark_of(each, own_mark) == 0U);
  }
  BOOST_TEST(default_table(elsewhere) == 1234U);
  elsewhere.interface.table = main_route_table;
  BOOST_TEST(default_table(elsewhere) == main_route_table);
}

BOOST_AUTO_TEST_CASE(another_mark_is_another_table_and_rule) {
  const conf::config before = with_prefixes({"0.0.0.0/0"});
  conf::config after = before;
  after.interface.fwmark = 7;
  const plan todo = conf::diff(before, after, {}, own_mark);
  BOOST_TEST(todo.fwmark_changed);
  BOOST_TEST((todo.rules_to_remove == std::vector<rule>{{ip_family::v4, own_mark}}));
  BOOST_TEST((todo.rules_to_add == std::vector<rule>{{ip_family::v4, 7}}));
  BOOST_TEST(todo.routes_to_remove.size() == 1U);
  BOOST_TEST(todo.routes_to_add.size() == 1U);
  after.interface.fwmark = own_mark; // what ran, now said
  const plan said = conf::diff(before, after, {}, own_mark);
  BOOST_TEST((!said.fwmark_changed && said.rules_to_add.empty() && said.rules_to_remove.empty()));
  BOOST_TEST((said.routes_to_add.empty() && said.routes_to_remove.empty()));
}

BOOST_AUTO_TEST_SUITE_END()
