// How batches of several flows are grouped, and what is said of each group. That it is right, too,
// is the oracle's to say (join_oracle.hpp).
#include "messages/limits.hpp"

#include "tests/tun/join_batch.hpp"

#include <random>

using namespace troupe;
using test::grouping;
using test::octets;

namespace {

using batch = test::join_batch;
using stream = test::packet_stream;

std::vector<std::size_t> sizes_of(const grouping& found) {
  std::vector<std::size_t> sizes;
  for (const std::vector<std::uint32_t>& members : found)
    sizes.push_back(members.size());
  return sizes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(coalesce)

BOOST_AUTO_TEST_CASE(empty_batch_gives_nothing_and_one_packet_itself) {
  batch from;
  BOOST_TEST(from.groups().empty());
  from.add({0x45});
  BOOST_TEST((from.groups() == grouping{{0}}));
  BOOST_TEST(from.last[0].octets == 1U);
  BOOST_TEST(from.last[0].header_octets == 0U);
  BOOST_TEST(from.last[0].about.flags == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_packet_of_a_known_kind_is_left_alone) {
  batch from;
  from.add({});
  from.add(octets(60, 0));
  from.add(octets(19, 0x45));
  from.add(octets(39, 0x60));
  stream icmp;
  octets echo = icmp.next(64);
  echo[9] = 1;
  from.add(echo);
  from.add(echo);
  octets echo6 = stream(true, true).next(64);
  echo6[6] = 58;
  from.add(echo6);
  from.add(echo6);
  BOOST_TEST(from.groups().size() == 8U);
}

BOOST_AUTO_TEST_CASE(shorter_segment_ends_a_group) {
  for (const bool tcp : {false, true}) {
    batch from;
    stream one(tcp);
    for (const std::size_t payload : {100U, 100U, 50U, 100U, 100U})
      from.add(one.next(payload));
    BOOST_TEST((from.groups() == grouping{{0, 1, 2}, {3, 4}}));
  }
}

BOOST_AUTO_TEST_CASE(psh_ends_a_group_and_stands_in_the_result) {
  batch from;
  stream one;
  from.add(one.next(100));
  from.add(one.next(100, 0x18));
  from.add(one.next(100));
  from.add(one.next(100));
  BOOST_TEST((from.groups() == grouping{{0, 1}, {2, 3}}));
  BOOST_TEST(from.last[0].headers[33] == 0x18);
  BOOST_TEST(from.last[1].headers[33] == 0x10);
}

BOOST_AUTO_TEST_CASE(group_stays_within_what_a_packet_can_say_of_its_length) {
  batch from;
  for (const bool tcp : {false, true})
    for (const bool v6 : {false, true}) {
      from.clear();
      stream one(tcp, v6);
      const std::size_t payload = 65535 / 40;
      for (int i = 0; i < 45; ++i)
        from.add(one.next(payload));
      // 40 payloads and the headers are more than 65,535 octets.
      BOOST_TEST((sizes_of(from.groups()) == std::vector<std::size_t>{39, 6}));
      from.clear();
      stream exact(tcp, v6);
      const std::size_t headers = exact.fields.headers();
      for (int i = 0; i < 10; ++i)
        from.add(exact.next(6500));
      from.add(exact.next(535 - headers));
      BOOST_TEST((sizes_of(from.groups()) == std::vector<std::size_t>{11}));
      BOOST_TEST(from.last[0].octets == 65535U);
    }
}

BOOST_AUTO_TEST_CASE(group_stays_within_the_kernel_s_limits_of_packets) {
  batch from;
  for (const bool tcp : {false, true}) {
    from.clear();
    stream one(tcp);
    for (int i = 0; i < 300; ++i)
      from.add(one.next(1));
    const std::vector<std::size_t> expected =
        tcp ? std::vector<std::size_t>{256, 44} : std::vector<std::size_t>{64, 64, 64, 64, 44};
    BOOST_TEST((sizes_of(from.groups()) == expected));
  }
  static_assert(limits::joined_packets_max == 256 && limits::joined_datagrams_max == 64);
}

BOOST_AUTO_TEST_CASE(other_queues_are_not_seen) {
  batch from;
  stream one;
  from.add(one.next(100), 0);
  stream other = one;
  from.add(one.next(100), 1);
  from.add(other.next(100), 0);
  from.add(one.next(100), 1);
  BOOST_TEST((from.groups(test::all_kinds, 0) == grouping{{0, 2}}));
  BOOST_TEST((from.groups(test::all_kinds, 1) == grouping{{1, 3}}));
  BOOST_TEST(from.groups(test::all_kinds, 2).empty());
}

BOOST_AUTO_TEST_CASE(kinds_that_are_not_wanted_are_not_joined) {
  batch from;
  stream segments(true);
  stream datagrams(false);
  datagrams.fields.source = 9;
  for (int i = 0; i < 2; ++i) {
    from.add(segments.next(100));
    from.add(datagrams.next(100));
  }
  BOOST_TEST((from.groups(test::all_kinds) == grouping{{0, 2}, {1, 3}}));
  BOOST_TEST((from.groups({.segments = true}) == grouping{{0, 2}, {1}, {3}}));
  BOOST_TEST((from.groups({.datagrams = true}) == grouping{{0}, {1, 3}, {2}}));
  BOOST_TEST((from.groups({}) == grouping{{0}, {1}, {2}, {3}}));
}

BOOST_AUTO_TEST_CASE(flows_are_joined_each_to_its_own) {
  batch from;
  std::vector<stream> streams(5);
  for (std::size_t i = 0; i < streams.size(); ++i)
    streams[i].fields.source = static_cast<std::uint8_t>(i);
  for (int round = 0; round < 2; ++round)
    for (stream& each : streams)
      from.add(each.next(100));
  BOOST_TEST((from.groups() == grouping{{0, 5}, {1, 6}, {2, 7}, {3, 8}, {4, 9}}));
}

BOOST_AUTO_TEST_CASE(whatever_of_a_flow_is_not_joined_parts_what_is_around_it) {
  struct between {
    const char* what;
    octets (*make)(const stream&);
  };
  const between rows[] = {
      {"pure ACK", [](const stream& s) { return stream(s).next(0); }},
      {"FIN", [](const stream& s) { return stream(s).next(10, 0x11); }},
      {"RST", [](const stream& s) { return stream(s).next(0, 0x04); }},
      {"an old segment",
       [](const stream& s) {
         stream old = s;
         old.fields.sequence -= 500;
         return old.next(100);
       }},
      {"a bad checksum",
       [](const stream& s) {
         octets bad = stream(s).next(100);
         bad.back() ^= 1;
         return bad;
       }},
      {"a fragment of any flow",
       [](const stream&) {
         stream other;
         other.fields.source = 99;
         other.fields.fragment = 100;
         return other.next(100);
       }},
      {"a cut packet",
       [](const stream&) {
         return octets{0x45, 0, 0, 100};
       }},
      {"an IPv6 extension header",
       [](const stream&) {
         octets extended = stream(true, true).next(100);
         extended[6] = 0;
         return extended;
       }},
  };
  for (const between& given : rows)
    BOOST_TEST_CONTEXT(given.what) {
      batch from;
      stream one;
      from.add(one.next(100));
      from.add(one.next(100));
      from.add(given.make(one));
      from.add(one.next(100));
      from.add(one.next(100));
      BOOST_TEST((from.groups() == grouping{{0, 1}, {2}, {3, 4}}));
    }
}

BOOST_AUTO_TEST_CASE(other_flows_and_other_protocols_do_not_part_a_flow) {
  batch from;
  stream one;
  stream datagrams(false);
  datagrams.fields.source_port = 99;
  octets echo = stream().next(64);
  echo[9] = 1;
  from.add(one.next(100));
  from.add(datagrams.next(0));
  from.add(echo);
  from.add(one.next(100));
  BOOST_TEST((from.groups() == grouping{{0, 3}, {1}, {2}}));
}

BOOST_AUTO_TEST_CASE(headers_say_what_the_whole_is) {
  for (const bool tcp : {false, true})
    for (const bool v6 : {false, true}) {
      batch from;
      stream one(tcp, v6);
      const octets first = one.next(100);
      from.add(first);
      from.add(one.next(100));
      from.add(one.next(30));
      from.groups();
      BOOST_REQUIRE(from.last.size() == 1U);
      const tun::joined& whole = from.last[0];
      const std::uint32_t ip = v6 ? 40 : 20;
      const std::uint32_t headers = ip + (tcp ? 20 : 8);
      BOOST_TEST(whole.packets == 3U);
      BOOST_TEST(whole.header_octets == headers);
      BOOST_TEST(whole.octets == headers + 230);
      BOOST_TEST(whole.about.flags == 1);
      BOOST_TEST(whole.about.gso_type == (tcp ? v6 ? 4 : 1 : 5));
      BOOST_TEST(whole.about.gso_size == 100);
      BOOST_TEST(whole.about.header_length == headers);
      BOOST_TEST(whole.about.checksum_start == ip);
      BOOST_TEST(whole.about.checksum_offset == (tcp ? 16 : 6));
      const std::uint8_t* const said = whole.headers.data();
      BOOST_TEST(load_be16(said + (v6 ? 4 : 2)) == whole.octets - (v6 ? 40 : 0));
      if (!v6)
        BOOST_TEST(load_be16(said + 4) == load_be16(&first[4])); // the first one's identification
      if (!tcp)
        BOOST_TEST(load_be16(said + ip + 4) == 238);
    }
}

BOOST_AUTO_TEST_CASE(whatever_was_grouped_before_does_not_matter) {
  batch from;
  stream one;
  for (int i = 0; i < 5; ++i)
    from.add(one.next(100));
  BOOST_TEST((from.groups() == grouping{{0, 1, 2, 3, 4}}));
  from.clear();
  from.add(one.next(100));
  BOOST_TEST((from.groups() == grouping{{0}}));
}

BOOST_AUTO_TEST_CASE(random_streams_of_many_flows_are_joined_right) {
  std::mt19937 random(11);
  const auto below = [&random](unsigned limit) { return random() % limit; };
  std::size_t joined = 0;
  batch from;
  for (int round = 0; round < 300; ++round) {
    from.clear();
    std::vector<stream> streams;
    for (unsigned i = 0; i < 1 + below(8); ++i) {
      stream& added = streams.emplace_back(below(2) == 0, below(2) == 0);
      added.fields.source_port = static_cast<std::uint16_t>(below(4));
      added.fields.sequence = static_cast<std::uint32_t>(random());
      if (below(2) == 0 && added.fields.tcp)
        added.fields.tcp_options = test::timestamps;
    }
    for (int i = 0; i < 120; ++i) {
      stream& of = streams[below(static_cast<unsigned>(streams.size()))];
      static constexpr std::uint8_t flags[] = {0x18, 0x11, 0x04, 0x50};
      const std::size_t payload = below(10) == 0 ? below(200) : 150;
      octets packet = of.next(payload, below(10) == 0 ? flags[below(4)] : 0x10);
      if (below(30) == 0)
        packet[below(static_cast<unsigned>(packet.size()))] ^= 1;
      if (below(30) == 0)
        of.fields.sequence += 1;
      if (below(30) == 0)
        of.fields.acknowledgement += 1;
      from.add(packet);
    }
    joined += 120 - from.groups().size();
  }
  BOOST_TEST(joined > 300U * 30);
}

BOOST_AUTO_TEST_SUITE_END()
