#include "tools/free_address.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::tools;

namespace {

ip_prefix prefix(const std::string& text) {
  return parse_ip_prefix(text).value();
}

/// Beside peers with these prefixes; "none" if all are taken.
std::string free_beside(const std::string& own, const std::vector<std::string>& taken) {
  conf::config running;
  running.interface.addresses = {prefix(own)};
  running.peers.emplace_back();
  for (const std::string& each : taken)
    running.peers.back().settings.allowed_ips.push_back(prefix(each));
  const std::optional<ip_prefix> found = taken_addresses(running).free_host(prefix(own));
  return found ? to_string(*found) : "none";
}

} // namespace

BOOST_AUTO_TEST_SUITE(free_address)

BOOST_AUTO_TEST_CASE(the_first_host_that_nobody_has) {
  BOOST_TEST(free_beside("10.0.0.1/24", {}) == "10.0.0.2/32");
  BOOST_TEST(free_beside("10.0.0.7/24", {}) == "10.0.0.1/32");
  BOOST_TEST(free_beside("10.0.0.1/24", {"10.0.0.2/32", "10.0.0.4/32"}) == "10.0.0.3/32");
  BOOST_TEST(free_beside("fd00::1/64", {"fd00::2/128"}) == "fd00::3/128");
}

BOOST_AUTO_TEST_CASE(networks_of_peers_are_passed_over_at_once) {
  BOOST_TEST(free_beside("fd00::1/64", {"fd00::/80"}) == "fd00::1:0:0:0/128");
  BOOST_TEST(free_beside("10.0.0.1/8", {"10.0.0.0/9", "10.128.0.0/32"}) == "10.128.0.1/32");
  BOOST_TEST(free_beside("10.0.0.1/24", {"0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/24"}) ==
             "10.0.0.2/32");
}

BOOST_AUTO_TEST_CASE(in_a_full_network_there_is_none) {
  BOOST_TEST(free_beside("10.0.0.1/30", {"10.0.0.2/32"}) == "none"); // .3 is for all
  BOOST_TEST(free_beside("10.0.0.1/24", {"10.0.0.0/25", "10.0.0.128/25"}) == "none");
  BOOST_TEST(free_beside("10.0.0.1/32", {}) == "none");
  BOOST_TEST(free_beside("fd00::1/64", {"fd00::/65", "fd00::8000:0:0:0/65"}) == "none");
}

BOOST_AUTO_TEST_SUITE_END()
