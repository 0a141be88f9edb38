// Trains between real sockets: how they arrive, and what becomes of those that a path cannot take.
#include "tests/udp/stations.hpp"

using namespace troupe;
using namespace troupe::udp;

BOOST_AUTO_TEST_SUITE(exchange_trains)

BOOST_FIXTURE_TEST_CASE(train_arrives_joined_and_whole, loopback) {
  for (const char* const to : {"127.0.0.1", "::1"}) {
    std::string payload;
    for (int i = 0; i < 40; ++i)
      payload += std::to_string(100 + i) + std::string(1197, 'x');
    payload += "tail";
    transmit_slab from;
    from.add(at(to, 2000), payload, 1200).traffic_class = 0xb8;
    const send_result sent = left.send(from);
    BOOST_TEST(sent.datagrams == 41U);
    BOOST_TEST(sent.messages == 1U);
    BOOST_TEST(sent.octets == payload.size());
    const arrival first = right.receive(at(to, 2000).address.family);
    BOOST_TEST(first.length == 1200U);
    BOOST_TEST(first.traffic_class == 0xb8);
    BOOST_TEST(right.last.datagrams == 41U);
    BOOST_TEST(right.last.messages == 1U);
    BOOST_TEST(right.last.octets == payload.size());
    BOOST_REQUIRE(right.into->arrivals.size() == 1U);
    const arrival& train = right.into->arrivals[0];
    BOOST_TEST(train.segment_octets == 1200U);
    BOOST_TEST(train.segments() == 41U);
    BOOST_TEST((text_of(right.into->range(train.offset, train.length)) == payload));
    right.waiting.clear();
  }
  BOOST_TEST(left.sends.offload() == "on");
  BOOST_TEST(right.v4.offload() == "on");
}

BOOST_FIXTURE_TEST_CASE(longest_trains_arrive_whole, loopback) {
  for (const std::uint32_t segment : {1023U, 1024U, 1452U, 32000U, 65507U}) {
    const std::string payload(limits::transmit_slab_octets / segment * segment, 'y');
    transmit_slab from;
    from.add(at("127.0.0.1", 2000), payload, segment);
    const std::size_t datagrams = payload.size() / segment;
    BOOST_TEST(left.send(from).datagrams == datagrams);
    for (std::size_t i = 0; i < datagrams; ++i)
      BOOST_TEST(right.receive(ip_family::v4).length == segment);
  }
  BOOST_TEST(left.sends.offload() == "on");
}

BOOST_FIXTURE_TEST_CASE(without_gro_a_train_arrives_one_by_one, own_network) {
  station left(1000);
  station right(2000, {.gro = false});
  transmit_slab from;
  from.add(at("127.0.0.1", 2000), "aaaabbbbcc", 4);
  BOOST_TEST(left.send(from).messages == 1U);
  for (const char* const expected : {"aaaa", "bbbb", "cc"})
    BOOST_TEST(right.receive_text(ip_family::v4) == expected);
  BOOST_TEST(right.last.messages == 3U);
  BOOST_TEST(right.into->arrivals[0].segment_octets == 0U);
  BOOST_TEST(right.v4.offload() == "off: switched off by udp.gro");
}

BOOST_FIXTURE_TEST_CASE(without_gso_datagrams_leave_one_by_one, own_network) {
  station left(1000, {.gso = false});
  station right(2000);
  transmit_slab from;
  from.add(at("127.0.0.1", 2000), "aaaabbbbcc", 4);
  BOOST_TEST(left.send(from).messages == 3U);
  for (const char* const expected : {"aaaa", "bbbb", "cc"})
    BOOST_TEST(right.receive_text(ip_family::v4) == expected);
}

BOOST_FIXTURE_TEST_CASE(segments_longer_than_the_path_are_sent_singly_in_fragments, cable) {
  transmit_slab from;
  const std::string payload(9000, 'x');
  from.add(at("10.9.0.2", 2000), payload, 3000);
  const send_result sent = left.send(from);
  BOOST_TEST(sent.datagrams == 3U);
  BOOST_TEST(sent.messages == 3U);
  BOOST_TEST(sent.drops.empty());
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(right->receive(ip_family::v4).length == 3000U);
  BOOST_TEST(left.sends.offload() == "single datagrams to 1 whose path takes no trains");
}

BOOST_AUTO_TEST_SUITE_END()
