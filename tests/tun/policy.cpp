#include "tun/policy.hpp"

#include "tun/device.hpp"

#include "tests/tun/sandbox.hpp"

#include <cerrno>

using namespace troupe;
using test::run;
using tun::link_change;
using tun::link_rule;
using tun::placed_rule;
using outcome = tun::link_change::outcome;

namespace {

constexpr placed_rule of_main{{ip_family::v4, 0}, 32764};
constexpr placed_rule of_mark{{ip_family::v4, 51820}, 32765};

struct own_policy : test::sandbox {
  tun::policy_table policy;
};

void check(const link_change& change, outcome wanted) {
  BOOST_TEST((change.result == wanted), change.text);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(tun_policy, own_policy)

BOOST_AUTO_TEST_CASE(rules_are_what_ip_shows_and_as_wg_quick_makes_them) {
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    const std::string show = family == ip_family::v4 ? "ip -4 rule show" : "ip -6 rule show";
    const std::string before = run(show);
    const placed_rule first{{family, 0}, 32764};
    const placed_rule second{{family, 51820}, 32765};
    check(policy.add(first), outcome::made);
    check(policy.add(second), outcome::made);
    const std::string shown = run(show);
    BOOST_TEST(shown.find("32764:\tfrom all lookup main suppress_prefixlength 0") !=
                   std::string::npos,
               shown);
    BOOST_TEST(shown.find("32765:\tnot from all fwmark 0xca6c lookup 51820") != std::string::npos,
               shown);
    check(policy.add(second), outcome::already_so);
    check(policy.remove(second), outcome::made);
    check(policy.remove(second), outcome::already_so);
    check(policy.remove(first), outcome::made);
    BOOST_TEST(run(show) == before);
  }
}

BOOST_AUTO_TEST_CASE(another_one_that_says_the_same_is_left_alone) {
  run("ip rule add priority 100 table main suppress_prefixlength 0");
  run("ip rule add priority 101 not fwmark 51820 table 51820");
  const std::string before = run("ip rule show");
  for (const placed_rule& each : {of_main, of_mark}) {
    check(policy.remove(each), outcome::already_so);
    check(policy.add(each), outcome::made);
    check(policy.remove(each), outcome::made);
  }
  BOOST_TEST(run("ip rule show") == before);
}

BOOST_AUTO_TEST_CASE(the_least_priority_is_that_of_the_first_rule_that_is_not_the_local_tables) {
  BOOST_TEST(policy.least_priority(ip_family::v4) == 32766U);
  run("ip rule add priority 77 from 10.0.0.1 table main");
  BOOST_TEST(policy.least_priority(ip_family::v4) == 77U);
  BOOST_TEST(policy.least_priority(ip_family::v6) == 32766U);
}

BOOST_AUTO_TEST_CASE(a_table_with_a_route_of_either_family_is_not_free) {
  BOOST_TEST(policy.free_table(51820, 4).value() == 51820U);
  run("ip link add tOther type veth peer name tPeer");
  run("ip link set tOther up");
  run("ip route add default dev tOther table 51820");
  run("ip -6 route add default dev tOther table 51821");
  run("ip route add blackhole 10.0.0.0/8 table 51822");
  BOOST_TEST(policy.free_table(51820, 4).value() == 51823U);
  BOOST_TEST(!policy.free_table(51820, 3));
}

BOOST_AUTO_TEST_CASE(missing_capability_is_refused_with_the_cure) {
  test::without_privileges([] {
    const link_change refused = tun::policy_table().add(of_mark);
    BOOST_TEST(refused.refused());
    BOOST_TEST(refused.code.value() == EPERM);
    BOOST_TEST(refused.text.find("not fwmark 51820 lookup 51820: CAP_NET_ADMIN") !=
                   std::string::npos,
               refused.text);
  });
}

BOOST_AUTO_TEST_CASE(strict_interfaces_are_those_that_the_kernel_takes_for_strict) {
  run("ip link add tOther type veth peer name tOwn");
  run("sysctl -q -w net.ipv4.conf.all.rp_filter=0");
  run("sysctl -q -w net.ipv4.conf.tOther.rp_filter=0");
  BOOST_TEST(tun::strict_interfaces("tOwn").empty());
  run("sysctl -q -w net.ipv4.conf.tOther.rp_filter=1");
  run("sysctl -q -w net.ipv4.conf.tOwn.rp_filter=1");
  BOOST_TEST((tun::strict_interfaces("tOwn") == std::vector<std::string>{"tOther"}));
  run("sysctl -q -w net.ipv4.conf.all.rp_filter=2");
  BOOST_TEST(tun::strict_interfaces("tOwn").empty());
  run("sysctl -q -w net.ipv4.conf.tOther.rp_filter=0");
  run("sysctl -q -w net.ipv4.conf.all.rp_filter=1");
  BOOST_TEST((tun::strict_interfaces("tOwn") == std::vector<std::string>{"tOther"}));
}

BOOST_AUTO_TEST_CASE(source_marks_are_set_and_read) {
  BOOST_TEST(!tun::source_marks_count().value());
  BOOST_TEST(tun::set_source_marks_count(true));
  BOOST_TEST(tun::source_marks_count().value());
  BOOST_TEST(run("sysctl -n net.ipv4.conf.all.src_valid_mark") == "1\n");
}

BOOST_AUTO_TEST_SUITE_END()
