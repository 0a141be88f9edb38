#include "messages/flow.hpp"

#include "messages/address.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace troupe;

namespace {

using packet = std::vector<std::uint8_t>;

struct ends {
  std::string source = "10.0.0.1";
  std::string target = "10.0.0.2";
  std::uint16_t source_port = 1000;
  std::uint16_t target_port = 443;
};

ends answered(const ends& asked) {
  return {asked.target, asked.source, asked.target_port, asked.source_port};
}

packet make(const ends& of, std::uint8_t protocol) {
  const ip_address from = parse_ip_address(of.source).value();
  const ip_address to = parse_ip_address(of.target).value();
  const bool v4 = from.family == ip_family::v4;
  packet made(v4 ? 12 : 8);
  made[0] = v4 ? 0x45 : 0x60;
  made[v4 ? 9 : 6] = protocol;
  made.insert(made.end(), from.significant().begin(), from.significant().end());
  made.insert(made.end(), to.significant().begin(), to.significant().end());
  const std::size_t transport = made.size();
  made.resize(transport + 20);
  store_be16(&made[transport], of.source_port);
  store_be16(&made[transport + 2], of.target_port);
  return made;
}

constexpr std::uint8_t icmp = 1;
constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;
constexpr std::uint8_t esp = 50;
const ends over_v4;
const ends over_v6{"fd00::1", "fd00::2"};

} // namespace

BOOST_AUTO_TEST_SUITE(flow)

BOOST_AUTO_TEST_CASE(both_directions_have_the_same_hash) {
  for (const ends& each : {over_v4, over_v6})
    for (const std::uint8_t protocol : {icmp, tcp, udp, esp})
      if (protocol == tcp || protocol == udp)
        BOOST_TEST(flow_hash(make(each, protocol)) == flow_hash(make(answered(each), protocol)));
      else
        BOOST_TEST(flow_hash(make(each, protocol)) ==
                   flow_hash(make({each.target, each.source}, protocol)));
}

BOOST_AUTO_TEST_CASE(what_tells_flows_apart_is_in_it) {
  for (const ends& each : {over_v4, over_v6}) {
    const bool v4 = &each == &over_v4 || each.source == over_v4.source;
    std::vector<ends> others(4, each);
    others[0].source = v4 ? "10.0.0.3" : "fd00::3";
    others[1].target = v4 ? "10.1.0.2" : "fd00:1::2";
    ++others[2].source_port;
    std::swap(others[3].source_port, others[3].target_port);
    std::set<std::uint32_t> hashes{flow_hash(make(each, tcp)), flow_hash(make(each, udp)),
                                   flow_hash(make(each, esp))};
    for (const ends& other : others)
      hashes.insert(flow_hash(make(other, tcp)));
    BOOST_TEST(hashes.size() == 7U);
  }
}

BOOST_AUTO_TEST_CASE(nothing_else_is_in_it) {
  packet one = make(over_v4, tcp);
  const std::uint32_t hash = flow_hash(one);
  one[1] = 0xb8;         // traffic class
  one[5] = 7;            // identification
  one[6] = 0x40;         // DF
  one[8] = 63;           // TTL
  one[24] = one[33] = 9; // sequence, flags
  one.resize(100);
  BOOST_TEST(flow_hash(one) == hash);
}

BOOST_AUTO_TEST_CASE(ports_behind_ipv4_options_are_found) {
  packet with_options = make(over_v4, udp);
  const std::uint32_t hash = flow_hash(with_options);
  with_options.insert(with_options.begin() + 20, 8, 1);
  with_options[0] = 0x47;
  BOOST_TEST(flow_hash(with_options) == hash);
}

BOOST_AUTO_TEST_CASE(fragments_of_a_datagram_are_together_whatever_their_first_octets_are) {
  std::set<std::uint32_t> hashes;
  constexpr std::uint16_t fragments[] = {0x2000, 0x2001, 0x0100, 0x1fff};
  for (const std::uint16_t fragment : fragments) {
    packet one = make(over_v4, udp);
    store_be16(&one[6], fragment);
    store_be16(&one[20], fragment); // what would be a port
    hashes.insert(flow_hash(one));
  }
  BOOST_TEST(hashes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(ports_that_are_cut_off_do_not_matter) {
  for (const std::size_t length : {20U, 21U, 23U}) {
    packet cut = make(over_v4, tcp);
    cut.resize(length);
    cut.shrink_to_fit();
    packet none = make({over_v4.source, over_v4.target, 0, 0}, tcp);
    BOOST_TEST(flow_hash(cut) == flow_hash(none));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_ip_packet_is_of_flow_zero) {
  for (const packet& each : {packet{}, packet{0x45}, packet(19, 0x45), packet(39, 0x60),
                             packet(60, 0x00), packet(60, 0x75)})
    BOOST_TEST(flow_hash(each) == 0U);
}

BOOST_AUTO_TEST_CASE(flows_spread_over_queues) {
  std::vector<int> counts(4);
  for (std::uint16_t port = 0; port < 4000; ++port)
    ++counts[flow_hash(make({over_v4.source, over_v4.target, port, 443}, tcp)) % 4];
  for (const int count : counts)
    BOOST_TEST((count > 850 && count < 1150));
}

BOOST_AUTO_TEST_SUITE_END()
