// How often a handshake is tried, and when that ends.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(attempts)

BOOST_AUTO_TEST_CASE(an_unanswered_initiation_is_retried_for_90_s_and_what_waited_is_dropped) {
  peer_pair net;
  net.filter = [](test_datagram&) { return false; };
  const time_point start = net.now().steady;
  net.alice.send({net.alice.packet_to(net.bob), net.alice.packet_to(net.bob)});
  net.advance(80s);
  BOOST_TEST(net.alice.drops(drop_reason::handshake_failed) == 0U);
  net.advance(60s);
  BOOST_TEST(net.alice.drops(drop_reason::handshake_failed) == 2U);
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_gave_up) == 1U);
  BOOST_TEST(net.tap.size() == 19U);
  for (std::size_t i = 1; i < net.tap.size(); ++i) {
    const duration waited = net.tap[i].sent_at - net.tap[i - 1].sent_at;
    BOOST_TEST((waited >= 5s && waited <= 5s + 333ms));
  }
  BOOST_TEST((net.tap.back().sent_at <= start + 90s + 18 * 333ms));
  net.advance(1000s);
  BOOST_TEST(net.tap.size() == 19U);
  BOOST_TEST((net.alice.core.next_deadline() == never));
  net.filter = nullptr;
  net.alice.send_to(net.bob, 9); // and a new packet starts anew
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{9}));
}

BOOST_AUTO_TEST_CASE(many_packets_make_no_more_than_one_initiation_in_5_s) {
  peer_pair net;
  net.filter = [](test_datagram&) { return false; };
  for (int i = 0; i < 199; ++i) {
    net.alice.send_to(net.bob);
    net.advance(100ms);
  }
  BOOST_TEST(net.handshakes_sent(net.alice) == 4U);
}

BOOST_AUTO_TEST_CASE(the_5_s_run_from_when_an_initiation_left_however_long_it_took_to_make) {
  peer_pair net;
  net.alice.hold_jobs = true;
  net.alice.send_to(net.bob, 1);
  net.advance(4s);
  net.alice.perform_job();
  net.alice.hold_jobs = false;
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  net.alice.core.skip_to_counter(net.bob.key, limits::rekey_after_messages);
  net.advance(5s - 1ns);
  net.alice.send_to(net.bob, 2); // would renew
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  net.advance(1ns);
  net.alice.send_to(net.bob, 3);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 2U);
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(with_packets_all_the_time_retries_keep_their_jitter_and_giving_up_is_told) {
  peer_pair net;
  net.filter = [](test_datagram&) { return false; };
  const time_point start = net.now().steady;
  for (int i = 0; i < 6000; ++i) {
    net.alice.send_to(net.bob);
    net.advance(100ms);
  }
  const std::size_t sent = net.tap.size();
  BOOST_TEST(net.handshakes_sent(net.alice) == sent);
  BOOST_TEST((sent >= 113 && sent <= 120));
  int with_a_packet = 0;
  for (std::size_t i = 1; i < sent; ++i) {
    const duration waited = net.tap[i].sent_at - net.tap[i - 1].sent_at;
    BOOST_TEST((waited >= 5s && waited <= 5s + 333ms));
    with_a_packet += (net.tap[i].sent_at - start) % 100ms == 0ms ? 1 : 0;
  }
  BOOST_TEST(with_a_packet < 5); // by chance only
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_gave_up) == (sent - 1) / 19);
  int attempt = 0;
  for (const peer_event& each : net.alice.events)
    if (each.what == peer_event::kind::handshake_started)
      BOOST_TEST(each.attempt == ++attempt);
  BOOST_TEST(attempt == static_cast<int>(sent));

  net.filter = nullptr;
  net.advance(30s); // alive again
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_completed) == 1U);
  net.filter = [](test_datagram&) { return false; };
  net.advance(200s);
  net.alice.send_to(net.bob);
  net.settle();
  BOOST_TEST(net.alice.events.back().attempt == 1);
}

BOOST_AUTO_TEST_CASE(a_new_private_key_does_not_wait_for_the_retry_under_the_former) {
  peer_pair net;
  net.filter = [](test_datagram&) { return false; };
  net.alice.send_to(net.bob, 3); // waits
  net.advance(1s);
  net.filter = nullptr;
  const secret_key fresh =
      secret_key::make([](bytes out) { std::fill(out.begin(), out.end(), std::uint8_t{5}); });
  net.bob.forgets(net.alice);
  net.alice.set_private_key(fresh);
  net.bob.knows(net.alice);
  net.settle();
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{3}));
}

BOOST_AUTO_TEST_CASE(a_lost_response_is_made_up_for_by_the_retry) {
  peer_pair net;
  int lost = 0;
  net.filter = [&](test_datagram& datagram) {
    return datagram.type() != response_type || ++lost > 2;
  };
  net.alice.send_to(net.bob, 4);
  net.advance(12s);
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{4}));
  BOOST_TEST(net.handshakes_sent(net.alice) == 3U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_is_asked_for_needs_no_occasion) {
  peer_pair net;
  net.connect();
  net.advance(6s);
  net.tap.clear();
  tunnel_change change;
  change.rehandshake = {net.bob.key, net.alice.key}; // the second is nobody's
  net.alice.apply(change);
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
  BOOST_TEST(net.alice.status_of(net.bob).latest_handshake.has_value());
  net.alice.send_to(net.bob, 7);
  net.settle();
  BOOST_TEST(net.bob.markers().back() == 7);
  net.alice.apply(change); // too soon after another
  net.settle();
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
