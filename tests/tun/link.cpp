#include "tun/link.hpp"

#include "tun/device.hpp"

#include "tests/tun/sandbox.hpp"

#include <unistd.h>

#include <algorithm>
#include <system_error>

using namespace troupe;
using test::prints;
using test::run;
using tun::link_change;
using tun::link_route;
using outcome = tun::link_change::outcome;

namespace {

struct linked_device : test::sandbox {
  tun::device opened = tun::device::open("tA");
  tun::link link{opened.fd()};
};

ip_prefix prefix(const char* text) {
  return parse_ip_prefix(text).value();
}

void check_made(const link_change& change) {
  BOOST_TEST((change.result == outcome::made), change.text);
}

void check_already_so(const link_change& change) {
  BOOST_TEST((change.result == outcome::already_so), change.text);
}

void check_refused(const link_change& change, int error, const std::vector<std::string>& parts) {
  BOOST_TEST_MESSAGE(change.text);
  BOOST_TEST(change.refused());
  BOOST_TEST(change.code.value() == error);
  for (const std::string& part : parts)
    BOOST_TEST(change.text.find(part) != std::string::npos, part << " in: " << change.text);
}

} // namespace

BOOST_AUTO_TEST_SUITE(tun_link)

BOOST_FIXTURE_TEST_CASE(interface_that_lives_elsewhere_from_the_start_is_an_error, test::sandbox) {
  const test::other_namespace there;
  const tun::device opened = tun::device::open("tZ");
  run("ip link set tZ netns " + there.path());
  BOOST_CHECK_EXCEPTION(
      tun::link(opened.fd()), std::system_error, [](const std::system_error& error) {
        return std::string(error.what()).find("interface tZ lives in another") == 0;
      });
}

BOOST_FIXTURE_TEST_CASE(settings_are_what_ip_shows_afterwards, linked_device) {
  tun::link_settings settings;
  settings.mtu = 1400;
  settings.queue_length = 777;
  settings.addresses = {prefix("10.20.0.1/24"), prefix("fd20::1/64")};
  settings.routes = {{prefix("10.30.0.0/16")}, {prefix("fd30::/48")}, {prefix("0.0.0.0/0"), 51820}};
  link.apply(settings);

  const std::string shown = run("ip -o link show tA");
  BOOST_TEST(shown.find("mtu 1400 ") != std::string::npos, shown);
  BOOST_TEST(shown.find("qlen 777") != std::string::npos, shown);
  BOOST_TEST(shown.find(",UP,") != std::string::npos, shown);
  const std::string addresses = run("ip -o addr show tA");
  BOOST_TEST(addresses.find("inet 10.20.0.1/24 ") != std::string::npos, addresses);
  BOOST_TEST(addresses.find("inet6 fd20::1/64 ") != std::string::npos, addresses);
  BOOST_TEST(prints("ip route show 10.30.0.0/16", "10.30.0.0/16 dev tA proto static scope link"));
  BOOST_TEST(prints("ip -6 route show fd30::/48", "fd30::/48 dev tA proto static"));
  BOOST_TEST(prints("ip route show table 51820", "default dev tA"));

  const tun::link_facts facts = link.facts().value();
  BOOST_TEST(facts.mtu == 1400U);
  BOOST_TEST(facts.queue_length == 777U);
  BOOST_TEST(facts.up);
}

BOOST_FIXTURE_TEST_CASE(ipv6_address_can_be_used_at_once, linked_device) {
  check_made(link.add_address(prefix("fd20::1/64")));
  check_made(link.set_up(true));
  BOOST_TEST(run("ip -6 -o addr show tA to fd20::1").find("nodad") != std::string::npos);
  static_cast<void>(test::udp_socket("fd20::1", 7)); // fails on a tentative address
}

BOOST_FIXTURE_TEST_CASE(up_and_down_are_set_and_nothing_else_changes, linked_device) {
  check_made(link.set_mtu(1300));
  check_made(link.set_up(true));
  BOOST_TEST(link.facts().value().up);
  check_made(link.set_up(false));
  BOOST_TEST(!link.facts().value().up);
  BOOST_TEST(link.facts().value().mtu == 1300U);
}

BOOST_FIXTURE_TEST_CASE(impossible_mtu_is_refused_with_the_kernels_words, linked_device) {
  check_refused(link.set_mtu(70000), EINVAL, {"tA", "70000", "maximum"});
}

BOOST_FIXTURE_TEST_CASE(address_that_is_there_is_no_error, linked_device) {
  for (const char* address : {"10.20.0.1/24", "fd20::1/64"}) {
    check_made(link.add_address(prefix(address)));
    check_already_so(link.add_address(prefix(address)));
    check_made(link.remove_address(prefix(address)));
    check_already_so(link.remove_address(prefix(address)));
  }
  BOOST_TEST(run("ip -o addr show tA").empty());
}

BOOST_FIXTURE_TEST_CASE(same_ipv6_address_with_another_length_is_refused, linked_device) {
  check_made(link.add_address(prefix("fd20::1/64")));
  check_refused(link.add_address(prefix("fd20::1/48")), EEXIST,
                {"fd20::1/48", "tA", "it has fd20::1/64 already"});
}

BOOST_FIXTURE_TEST_CASE(route_that_is_there_is_no_error, linked_device) {
  check_made(link.set_up(true));
  for (const link_route& route :
       {link_route{prefix("10.30.0.0/16")}, link_route{prefix("fd30::/48")},
        link_route{prefix("::/0"), 1000}, link_route{prefix("0.0.0.0/0"), 1000}}) {
    check_made(link.add_route(route));
    check_already_so(link.add_route(route));
    check_made(link.remove_route(route));
    check_already_so(link.remove_route(route));
  }
}

BOOST_FIXTURE_TEST_CASE(route_that_came_with_an_address_is_no_error, linked_device) {
  check_made(link.add_address(prefix("10.20.0.1/24")));
  check_made(link.set_up(true));
  check_already_so(link.add_route({prefix("10.20.0.0/24")}));
}

BOOST_FIXTURE_TEST_CASE(host_bits_of_a_route_do_not_matter, linked_device) {
  check_made(link.set_up(true));
  check_made(link.add_route({prefix("10.30.1.2/16")}));
  BOOST_TEST(run("ip route show 10.30.0.0/16").find("tA") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(route_of_another_interface_is_refused_by_its_name_and_left_alone,
                        linked_device) {
  const tun::device other = tun::device::open("tOther");
  run("ip link set tOther up");
  run("ip route add 10.30.0.0/16 dev tOther");
  run("ip -6 route add fd30::/48 dev tOther");
  run("ip route add blackhole 10.40.0.0/16");
  check_made(link.set_up(true));
  check_refused(link.add_route({prefix("10.30.0.0/16")}), EEXIST, {"10.30.0.0/16", "tA", "tOther"});
  check_refused(link.add_route({prefix("fd30::/48")}), EEXIST, {"fd30::/48", "tA", "tOther"});
  check_refused(link.add_route({prefix("10.40.0.0/16")}), EEXIST,
                {"10.40.0.0/16", "another route"});
  check_already_so(link.remove_route({prefix("10.30.0.0/16")}));
  BOOST_TEST(run("ip route show 10.30.0.0/16").find("tOther") != std::string::npos);
  // The same target with another metric or in another table is not in the way.
  run("ip route add 10.50.0.0/16 dev tOther metric 5");
  check_made(link.add_route({prefix("10.50.0.0/16")}));
  check_already_so(link.add_route({prefix("10.50.0.0/16")}));
  check_made(link.add_route({prefix("10.30.0.0/16"), 1000}));
}

BOOST_FIXTURE_TEST_CASE(route_on_an_interface_that_is_down_is_refused_with_the_cure,
                        linked_device) {
  check_refused(link.add_route({prefix("10.30.0.0/16")}), ENETDOWN, {"10.30.0.0/16", "up first"});
  check_refused(link.add_route({prefix("fd30::/48")}), ENETDOWN, {"fd30::/48", "up first"});
}

BOOST_FIXTURE_TEST_CASE(missing_capability_is_refused_with_the_cure, linked_device) {
  test::without_privileges([this] {
    check_refused(link.set_mtu(1300), EPERM, {"tA", "CAP_NET_ADMIN"});
  });
}

BOOST_FIXTURE_TEST_CASE(ipv6_switched_off_is_refused_with_the_cure, linked_device) {
  run("sysctl -q -w net.ipv6.conf.tA.disable_ipv6=1");
  check_refused(link.add_address(prefix("fd20::1/64")), EACCES,
                {"fd20::1/64", "tA", "net.ipv6.conf.tA.disable_ipv6=0"});
  check_made(link.add_address(prefix("10.20.0.1/24")));
}

BOOST_FIXTURE_TEST_CASE(ipv6_below_its_least_mtu_is_refused_with_the_cure, linked_device) {
  check_made(link.set_mtu(1200));
  check_made(link.set_up(true));
  const link_change change = link.add_address(prefix("fd20::1/64"));
  check_refused(change, change.code.value(), {"fd20::1/64", "1280", "1200"});
}

BOOST_FIXTURE_TEST_CASE(first_refusal_ends_applying_with_its_text, linked_device) {
  tun::link_settings settings;
  settings.mtu = 70000;
  BOOST_CHECK_EXCEPTION(
      link.apply(settings), std::system_error, [](const std::system_error& error) {
        return std::string(error.what()).find("cannot set the MTU of tA to 70000") == 0;
      });
}

BOOST_FIXTURE_TEST_CASE(interface_that_moved_away_cannot_be_set, linked_device) {
  const test::other_namespace there;
  run("ip link set tA netns " + there.path());
  // Another one that takes its name is left alone.
  const tun::device namesake = tun::device::open("tA");
  const std::vector<std::string> parts = {"interface tA", "another network namespace", "move it"};
  BOOST_TEST(!link.facts());
  check_refused(link.set_mtu(1300), ENODEV, parts);
  check_refused(link.set_queue_length(5), ENODEV, parts);
  check_refused(link.set_up(true), ENODEV, parts);
  check_refused(link.add_address(prefix("10.20.0.1/24")), ENODEV, parts);
  check_refused(link.remove_address(prefix("10.20.0.1/24")), ENODEV, parts);
  check_refused(link.add_route({prefix("10.30.0.0/16")}), ENODEV, parts);
  check_refused(link.remove_route({prefix("10.30.0.0/16")}), ENODEV, parts);
  test::without_privileges([this, &parts] { check_refused(link.set_mtu(1300), ENODEV, parts); });
  BOOST_TEST(run("ip -o link show tA").find("mtu 1500") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(interface_that_came_back_with_another_index_can_be_set, linked_device) {
  const test::other_namespace there;
  const unsigned before = link.facts().value().index;
  run("ip link set tA netns " + there.path());
  // Its number is taken while it is away; one that is free is kept.
  run("ip link add tOther index " + std::to_string(before) + " type veth peer name tPeer");
  BOOST_TEST(there.run("ip link set tA netns " + std::to_string(::getpid())).empty());
  BOOST_TEST(link.facts().value().index != before);
  check_made(link.set_up(true));
  check_made(link.add_address(prefix("10.20.0.1/24")));
  check_made(link.add_route({prefix("10.30.0.0/16")}));
  BOOST_TEST(run("ip route show 10.30.0.0/16").find("tA") != std::string::npos);
  BOOST_TEST(run("ip -o addr show tOther").empty());
}

BOOST_FIXTURE_TEST_CASE(renamed_interface_can_be_set_and_is_called_by_its_name, linked_device) {
  run("ip link set tA name tNew");
  BOOST_TEST(link.facts().value().name == "tNew");
  check_refused(link.add_route({prefix("10.30.0.0/16")}), ENETDOWN, {"tNew", "up first"});
  check_made(link.set_up(true));
  check_made(link.add_route({prefix("10.30.0.0/16")}));
  BOOST_TEST(run("ip route show 10.30.0.0/16").find("tNew") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(routes_are_those_that_would_be_so_already, linked_device) {
  BOOST_TEST(link.routes().empty());
  check_made(link.set_up(true));
  check_made(link.add_address(prefix("10.20.0.1/24")));
  check_made(link.add_address(prefix("fd20::1/64")));
  run("ip route add 10.40.0.0/16 via 10.20.0.9 dev tA && ip route add 10.50.0.0/16 dev tA metric 7 "
      "&& ip link add tOther type veth peer name tPeer && ip link set tOther up && "
      "ip route add 10.60.0.0/16 dev tOther && ip -6 route add fd60::/48 dev tA metric 1");
  const std::vector<link_route> added = {{prefix("10.30.0.0/16")},
                                         {prefix("0.0.0.0/0"), 1000},
                                         {prefix("fd30::/48")},
                                         {prefix("::/0"), 1000}};
  for (const link_route& each : added)
    check_made(link.add_route(each));
  const std::vector<link_route> found = link.routes();
  BOOST_TEST(std::is_sorted(found.begin(), found.end()));
  for (const link_route& each : added)
    BOOST_TEST(std::binary_search(found.begin(), found.end(), each), to_string(each.target));
  for (const link_route& each : found)
    if (each.table == tun::main_table || each.table == 1000)
      check_already_so(link.add_route(each));
  for (const char* const other : {"10.40.0.0/16", "10.50.0.0/16", "10.60.0.0/16", "fd60::/48"})
    BOOST_TEST(!std::binary_search(found.begin(), found.end(), link_route{prefix(other)}), other);
}

BOOST_FIXTURE_TEST_CASE(interface_that_is_gone_cannot_be_set, linked_device) {
  run("ip link del tA");
  check_refused(link.set_up(true), ENODEV, {"interface tA is gone"});
}

BOOST_FIXTURE_TEST_CASE(thousand_routes_are_added_found_and_removed, linked_device) {
  check_made(link.set_up(true));
  std::vector<link_route> routes;
  for (std::uint8_t high = 0; high < 4; ++high)
    for (int low = 0; low < 250; ++low) {
      const byte_array<4> octets{10, high, static_cast<std::uint8_t>(low), 0};
      routes.push_back({ip_prefix{make_ipv4(octets.data()), 24}});
    }
  for (const link_route& route : routes)
    BOOST_REQUIRE((link.add_route(route).result == outcome::made));
  const std::string shown = run("ip route show dev tA");
  BOOST_TEST(std::count(shown.begin(), shown.end(), '\n') == 1000);
  for (std::size_t i = 0; i < routes.size(); i += 100)
    check_already_so(link.add_route(routes[i]));
  for (const link_route& route : routes)
    BOOST_REQUIRE((link.remove_route(route).result == outcome::made));
  BOOST_TEST(run("ip route show dev tA").empty());
}

BOOST_AUTO_TEST_SUITE_END()
