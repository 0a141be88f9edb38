// The books of a tunnel: whatever comes in is sent on, waits, was consumed or was dropped, at any
// moment of any run.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

std::uint64_t drops_of(const tunnel_status& status, stage where) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < drop_reasons.size(); ++i)
    if (drop_reasons[i].where == where)
      sum += status.drops[static_cast<drop_reason>(i)];
  return sum;
}

void expect_balanced(const test_peer& at) {
  const tunnel_status status = at.status();
  const tunnel_counts& counts = status.counts;
  BOOST_TEST(counts.read ==
             counts.sealed + counts.released + counts.waiting + drops_of(status, stage::send));
  BOOST_TEST(counts.received == counts.delivered + counts.keepalives + counts.handshakes +
                                    drops_of(status, stage::receive) +
                                    drops_of(status, stage::handshake));
}

/// Three that know each other, on a wire that loses and spoils.
struct lively : test_network {
  explicit lively(std::uint32_t seed) : random(seed) {
    for (std::size_t i = 0; i < 3; ++i)
      add(i == 0 ? 2 : limits::slabs_of_tunnel_reserve);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j)
        if (i != j)
          (*this)[i].knows((*this)[j]);
    for (std::size_t i = 0; i < 3; ++i)
      (*this)[i].link(true);
  }

  std::uint32_t draw(std::uint32_t below) { return static_cast<std::uint32_t>(random()) % below; }
  test_peer& anybody() { return (*this)[draw(3)]; }

  void expect_all_balanced() {
    for (std::size_t i = 0; i < 3; ++i)
      expect_balanced((*this)[i]);
  }

  void do_something() {
    test_peer& one = anybody();
    test_peer& other = anybody();
    switch (draw(10)) {
    case 0:
      return one.send({octets(draw(60))}); // mostly no IP packet
    case 1:
      return one.receive({junk()});
    case 2:
      one.link(draw(4) > 0);
      return;
    case 3:
      if (&one != &other)
        draw(2) == 0 ? one.forgets(other) : one.knows(other);
      return;
    case 4:
      return advance(std::chrono::seconds(draw(40)));
    case 5:
      one.hold_slabs = draw(2) == 0;
      return one.hold_slabs ? void() : one.release_slabs();
    case 6:
      if (!tap.empty())
        one.receive({tap[draw(static_cast<std::uint32_t>(tap.size()))]}); // perhaps again
      return;
    default:
      for (std::uint32_t i = draw(20); i > 0; --i)
        one.send_to(other);
      settle();
    }
  }

  test_datagram junk() {
    test_datagram datagram;
    datagram.source = anybody().address;
    datagram.message = octets(draw(200));
    if (!datagram.message.empty())
      datagram.message[0] = static_cast<std::uint8_t>(draw(5));
    return datagram;
  }

  std::mt19937 random;
};

} // namespace

BOOST_AUTO_TEST_SUITE(counts)

BOOST_AUTO_TEST_CASE(nothing_has_passed_a_fresh_tunnel) {
  peer_pair net;
  const tunnel_counts counts = net.alice.status().counts;
  BOOST_TEST(counts.read + counts.received + counts.waiting == 0U);
}

BOOST_AUTO_TEST_CASE(first_packet_waits_and_is_released) {
  peer_pair net;
  net.alice.hold_jobs = true;
  net.alice.send_to(net.bob);
  BOOST_TEST(net.alice.status().counts.waiting == 1U);
  expect_balanced(net.alice);
  net.alice.hold_jobs = false;
  net.alice.perform_jobs();
  net.settle();
  net.alice.send_to(net.bob);
  net.settle();
  const tunnel_counts alice = net.alice.status().counts;
  BOOST_TEST(alice.read == 2U);
  BOOST_TEST(alice.released == 1U);
  BOOST_TEST(alice.sealed == 1U);
  BOOST_TEST(alice.handshakes == 1U); // the response
  BOOST_TEST(net.bob.status().counts.delivered == 2U);
}

BOOST_AUTO_TEST_CASE(they_add_up_at_every_moment_of_random_runs) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    lively net(seed);
    net.filter = [&](test_datagram& datagram) {
      if (net.draw(10) == 0 && !datagram.message.empty())
        datagram.message[net.draw(static_cast<std::uint32_t>(datagram.message.size()))] ^= 1;
      return net.draw(8) > 0;
    };
    for (int step = 0; step < 150; ++step) {
      net.do_something();
      net.expect_all_balanced();
    }
    BOOST_TEST(net[0].status().counts.read > 0U);
    BOOST_TEST(net[1].status().counts.received > 0U);
  }
}

BOOST_AUTO_TEST_CASE(what_died_behind_it_is_the_peers_and_not_its_own) {
  peer_pair net;
  net.connect();
  net.alice.send_to(net.bob);
  const peer_id bob = net.alice.last_train_peers.at(0);
  net.alice.core.count_sink_drop({bob, drop_reason::unreachable, 3});
  net.alice.core.count_sink_drop({peer_id::none, drop_reason::unreachable, 3});
  BOOST_TEST(net.alice.status_of(net.bob).drops[drop_reason::unreachable] == 3U);
  BOOST_TEST(net.alice.drops(drop_reason::unreachable) == 0U);
  const tunnel_status dropped = net.alice.core.status(net.now().steady, true);
  BOOST_TEST(dropped.peers.size() == 1U);
  BOOST_TEST(net.bob.core.status(net.now().steady, true).peers.empty());
}

BOOST_AUTO_TEST_SUITE_END()
