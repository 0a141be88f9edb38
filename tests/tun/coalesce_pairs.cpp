// Which two packets are joined: tables, each row of which changes one thing about a pair that would
// be.
#include "tests/tun/join_batch.hpp"

using namespace troupe;
using test::grouping;
using test::make_packet;
using test::octets;
using test::packet_fields;
using test::some_octets;
using test::timestamps;

namespace {

/// Two packets that are joined unless a row changes them.
struct pair_of_packets {
  explicit pair_of_packets(bool v6, bool tcp) {
    first.v6 = second.v6 = v6;
    first.tcp = second.tcp = tcp;
    first.payload = some_octets(100, 1);
    second.payload = some_octets(100, 2);
    second.sequence = first.sequence + 100;
    ++second.identification;
  }

  packet_fields first;
  packet_fields second;
};

enum class family : std::uint8_t { any, v4, v6 };

/// Changes before the packets are made, or octets after it.
struct row {
  bool joined;
  const char* what;
  void (*change)(pair_of_packets&);
  void (*spoil)(octets& first, octets& second) = nullptr;
  family of = family::any;
};

void check(const row& given, bool tcp) {
  for (const bool v6 : {false, true}) {
    if (given.of != family::any && (given.of == family::v6) != v6)
      continue;
    BOOST_TEST_CONTEXT(given.what << (v6 ? ", IPv6" : ", IPv4")) {
      pair_of_packets fields(v6, tcp);
      given.change(fields);
      octets first = make_packet(fields.first);
      octets second = make_packet(fields.second);
      if (given.spoil != nullptr)
        given.spoil(first, second);
      test::join_batch from;
      from.add(first);
      from.add(second);
      BOOST_TEST((from.groups() == (given.joined ? grouping{{0, 1}} : grouping{{0}, {1}})));
    }
  }
}

constexpr auto nothing = [](pair_of_packets&) {};
/// What holds of every transport. Numbered as they stand here.
const row ip_rows[] = {
    /* 0 */ {true, "as they are", nothing},
    {true, "identification", [](pair_of_packets& p) { p.second.identification = 4711; }},
    {false, "hop limit", [](pair_of_packets& p) { --p.second.hop_limit; }},
    {false, "traffic class", [](pair_of_packets& p) { p.second.traffic_class = 0xb8; }},
    {false, "congestion", [](pair_of_packets& p) { p.second.traffic_class = 3; }},
    /* 5 */
    {true, "both marked CE",
     [](pair_of_packets& p) { p.first.traffic_class = p.second.traffic_class = 3; }},
    {false, "DF", [](pair_of_packets& p) { p.second.fragment = 0; }, nullptr, family::v4},
    {true, "both without DF", [](pair_of_packets& p) { p.first.fragment = p.second.fragment = 0; },
     nullptr, family::v4},
    {false, "flow label", [](pair_of_packets& p) { p.second.flow_label = 1; }, nullptr, family::v6},
    {false, "source", [](pair_of_packets& p) { p.second.source = 9; }},
    /* 10 */
    {false, "target", [](pair_of_packets& p) { p.second.target = 9; }},
    {false, "source port", [](pair_of_packets& p) { ++p.second.source_port; }},
    {false, "target port", [](pair_of_packets& p) { ++p.second.target_port; }},
    {false, "transport", [](pair_of_packets& p) { p.second.tcp = !p.second.tcp; }},
    {true, "shorter", [](pair_of_packets& p) { p.second.payload.resize(1); }},
    /* 15 */
    {false, "longer", [](pair_of_packets& p) { p.second.payload.resize(101); }},
    {false, "second empty", [](pair_of_packets& p) { p.second.payload.clear(); }},
    {false, "first empty",
     [](pair_of_packets& p) {
       p.first.payload.clear();
       p.second.sequence = p.first.sequence;
     }},
    {false, "checksum of the first", nothing, [](octets& first, octets&) { first.back() ^= 1; }},
    {false, "checksum of the second", nothing, [](octets&, octets& second) { second.back() ^= 1; }},
    /* 20 */
    {false, "IP checksum of the first", nothing, [](octets& first, octets&) { first[10] ^= 1; },
     family::v4},
    {false, "IP checksum of the second", nothing, [](octets&, octets& second) { second[11] ^= 1; },
     family::v4},
    {false, "first fragments",
     [](pair_of_packets& p) { p.first.fragment = p.second.fragment = 0x2000; }, nullptr,
     family::v4},
    {false, "second fragments",
     [](pair_of_packets& p) { p.first.fragment = p.second.fragment = 5; }, nullptr, family::v4},
    {false, "IPv4 options",
     [](pair_of_packets& p) {
       p.first.ip_options = p.second.ip_options = {1, 1, 1, 1};
     },
     nullptr, family::v4},
    /* 25 */
    {false, "IPv6 extension headers",
     [](pair_of_packets& p) {
       p.first.first_extension = p.second.first_extension = 60;
       p.first.ip_options = {p.first.protocol(), 0, 1, 4, 0, 0, 0, 0};
       p.second.ip_options = p.first.ip_options;
     },
     nullptr, family::v6},
    {false, "octets behind the first", nothing, [](octets& first, octets&) { first.push_back(0); }},
    {false, "octets behind the second", nothing,
     [](octets&, octets& second) { second.push_back(0); }},
};

const row tcp_rows[] = {
    /* 0 */ {false, "acknowledgement", [](pair_of_packets& p) { ++p.second.acknowledgement; }},
    {false, "window", [](pair_of_packets& p) { ++p.second.window; }},
    {false, "urgent pointer", [](pair_of_packets& p) { p.second.urgent = 1; }},
    {true, "the same options",
     [](pair_of_packets& p) { p.first.tcp_options = p.second.tcp_options = timestamps; }},
    {false, "other options",
     [](pair_of_packets& p) {
       p.first.tcp_options = p.second.tcp_options = timestamps;
       ++p.second.tcp_options[7];
     }},
    /* 5 */
    {false, "options of the second", [](pair_of_packets& p) { p.second.tcp_options = timestamps; }},
    {false, "options of the first", [](pair_of_packets& p) { p.first.tcp_options = timestamps; }},
    {true, "all the options there can be",
     [](pair_of_packets& p) { p.first.tcp_options = p.second.tcp_options = octets(40, 1); }},
    {false, "a gap", [](pair_of_packets& p) { ++p.second.sequence; }},
    {false, "an overlap", [](pair_of_packets& p) { --p.second.sequence; }},
    /* 10 */
    {false, "the same sequence", [](pair_of_packets& p) { p.second.sequence = p.first.sequence; }},
    {false, "changed places", [](pair_of_packets& p) { std::swap(p.first, p.second); }},
    {true, "sequence numbers that wrap",
     [](pair_of_packets& p) {
       p.first.sequence = 0xffffffceU;
       p.second.sequence = 50;
     }},
    {true, "PSH of the second", [](pair_of_packets& p) { p.second.flags |= 0x08; }},
    {false, "PSH of the first", [](pair_of_packets& p) { p.first.flags |= 0x08; }},
    /* 15 */
    {false, "no ACK", [](pair_of_packets& p) { p.first.flags = p.second.flags = 0; }},
    {false, "FIN", [](pair_of_packets& p) { p.second.flags |= 0x01; }},
    {false, "SYN", [](pair_of_packets& p) { p.second.flags |= 0x02; }},
    {false, "RST", [](pair_of_packets& p) { p.second.flags |= 0x04; }},
    {false, "URG", [](pair_of_packets& p) { p.second.flags |= 0x20; }},
    /* 20 */
    {false, "both ECE", [](pair_of_packets& p) { p.first.flags = p.second.flags = 0x50; }},
    {false, "both CWR", [](pair_of_packets& p) { p.first.flags = p.second.flags = 0x90; }},
    {false, "both URG", [](pair_of_packets& p) { p.first.flags = p.second.flags = 0x30; }},
    {false, "both FIN", [](pair_of_packets& p) { p.first.flags = p.second.flags = 0x11; }},
    {false, "reserved bit of the second", nothing,
     [](octets&, octets& second) {
       const std::size_t transport = test::ip_end(second);
       second[transport + 12] ^= 1;
       test::mend_transport_checksum(second, 6, transport);
     }},
    /* 25 */
    {false, "data offset below the header", nothing,
     [](octets& first, octets& second) {
       for (octets* const each : {&first, &second}) {
         const std::size_t transport = test::ip_end(*each);
         (*each)[transport + 12] = 0x40;
         test::mend_transport_checksum(*each, 6, transport);
       }
     }},
};

void clear_checksum(octets& datagram) {
  store_be16(&datagram[test::ip_end(datagram) + 6], 0);
}

const row udp_rows[] = {
    /* 0 */ {false, "checksum of the first is zero", nothing,
             [](octets& first, octets&) { clear_checksum(first); }},
    {false, "checksum of the second is zero", nothing,
     [](octets&, octets& second) { clear_checksum(second); }},
    {true, "both are zero", nothing,
     [](octets& first, octets& second) {
       clear_checksum(first);
       clear_checksum(second);
     },
     family::v4},
    {false, "both are zero", nothing,
     [](octets& first, octets& second) {
       clear_checksum(first);
       clear_checksum(second);
     },
     family::v6},
    {false, "length less than the packet's", nothing,
     [](octets&, octets& second) {
       const std::size_t transport = test::ip_end(second);
       store_be16(&second[transport + 4], 107);
       test::mend_transport_checksum(second, 17, transport);
     }},
    /* 5 */
    {false, "length of zero", nothing,
     [](octets&, octets& second) {
       const std::size_t transport = test::ip_end(second);
       store_be16(&second[transport + 4], 0);
       test::mend_transport_checksum(second, 17, transport);
     }},
};

} // namespace

BOOST_AUTO_TEST_SUITE(coalesce_pairs)

BOOST_AUTO_TEST_CASE(two_packets_are_joined_only_if_nothing_speaks_against_it) {
  for (const row& given : ip_rows)
    for (const bool tcp : {false, true})
      check(given, tcp);
  for (const row& given : tcp_rows)
    check(given, true);
  for (const row& given : udp_rows)
    check(given, false);
}

BOOST_AUTO_TEST_SUITE_END()
