// Peers that do not answer where they are said to be, and are tried elsewhere.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

constexpr auto told = peer_event::kind::unanswered;

/// Alice looks for bob where nobody is.
struct lost_pair : peer_pair {
  lost_pair() { move_to(nowhere, false); }

  void move_to(const endpoint& where, bool only_if_silent = true) {
    tunnel_change change;
    change.moves = {{bob.key, where, only_if_silent}};
    alice.apply(change);
  }
  [[nodiscard]] std::optional<endpoint> place() const { return alice.status_of(bob).remote; }

  const endpoint nowhere = parse_endpoint("203.0.113.77:7").value();
};

} // namespace

BOOST_AUTO_TEST_SUITE(elsewhere)

BOOST_AUTO_TEST_CASE(silence_is_told_with_every_third_initiation) {
  lost_pair net;
  net.alice.send_to(net.bob);
  net.advance(14s);
  BOOST_TEST(net.handshakes_sent(net.alice) == 3U);
  BOOST_TEST(net.alice.count(told) == 0U);
  net.advance(2s);
  BOOST_TEST(net.alice.count(told) == 1U);
  for (const peer_event& each : net.alice.events)
    if (each.what == told) {
      BOOST_TEST((each.key == net.bob.key));
      BOOST_TEST((each.remote == net.nowhere));
    }
  net.advance(16s);
  BOOST_TEST(net.alice.count(told) == 2U);
}

BOOST_AUTO_TEST_CASE(a_silent_peer_is_asked_at_once_where_it_is_moved_to) {
  lost_pair net;
  net.alice.send_to(net.bob, 7);
  net.advance(15s + 999ms);
  BOOST_TEST(net.alice.count(told) == 1U);
  net.move_to(net.bob.address);
  net.settle(); // no time passes
  BOOST_TEST((net.bob.markers() == std::vector<std::uint8_t>{7}));
  BOOST_TEST(net.alice.count(peer_event::kind::handshake_completed) == 1U);
}

BOOST_AUTO_TEST_CASE(each_place_has_three_initiations) {
  lost_pair net;
  net.alice.send_to(net.bob);
  net.advance(15s + 999ms);
  BOOST_TEST(net.alice.count(told) == 1U);
  const endpoint other = parse_endpoint("203.0.113.78:7").value();
  net.move_to(other);
  net.tap.clear();
  while (net.alice.count(told) == 1U)
    net.advance(1s);
  std::size_t there = 0;
  for (const test_datagram& each : net.tap)
    there += each.target == other ? 1U : 0U;
  BOOST_TEST(there == 4U); // the fourth with the news
}

BOOST_AUTO_TEST_CASE(who_answers_where_it_is_stays) {
  lost_pair net;
  net.move_to(net.bob.address, false);
  net.connect();
  net.move_to(net.nowhere);
  BOOST_TEST((net.place() == net.bob.address));
  net.move_to(net.nowhere, false); // somebody wants it
  BOOST_TEST((net.place() == net.nowhere));
}

BOOST_AUTO_TEST_CASE(whose_packets_come_is_not_silent_whatever_becomes_of_handshakes) {
  peer_pair net;
  net.connect();
  net.filter = [](test_datagram& datagram) { return datagram.type() == data_type; };
  for (int i = 0; i < 175; ++i) { // as long as the session lives
    net.alice.send_to(net.bob);
    net.bob.send_to(net.alice);
    net.advance(1s);
  }
  BOOST_TEST(net.handshakes_sent(net.alice) > 3U);
  BOOST_TEST(net.alice.count(told) == 0U);
}

BOOST_AUTO_TEST_CASE(who_has_called_from_somewhere_stays_there) {
  peer_options unplaced;
  unplaced.with_endpoint = false;
  peer_pair net;
  net.alice.forgets(net.bob);
  net.alice.knows(net.bob, unplaced);
  net.bob.send_to(net.alice);
  net.settle();
  tunnel_change found;
  found.moves = {{net.bob.key, parse_endpoint("203.0.113.77:7").value(), true}};
  net.alice.apply(found); // its name has been looked up meanwhile
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.bob.address));
}

BOOST_AUTO_TEST_CASE(a_move_is_taken_back_with_the_change_that_made_it) {
  lost_pair net;
  net.move_to(net.bob.address, false);
  tunnel_change change;
  change.park_removed = true;
  net.alice.apply(change);
  net.move_to(net.nowhere, false);
  tunnel_change back;
  back.bring_back = true;
  back.changed = {{net.alice.settings_of(net.bob), std::nullopt, false}};
  net.alice.apply(back);
  BOOST_TEST((net.place() == net.bob.address));
}

BOOST_AUTO_TEST_CASE(who_has_not_moved_stays_when_a_change_is_taken_back) {
  lost_pair net;
  net.move_to(net.bob.address, false); // roamed, as it were
  tunnel_change change;
  change.park_removed = true;
  net.alice.apply(change);
  tunnel_change back;
  back.bring_back = true;
  back.changed = {{net.alice.settings_of(net.bob), net.nowhere, false}};
  net.alice.apply(back);
  BOOST_TEST((net.place() == net.bob.address));
}

BOOST_AUTO_TEST_CASE(a_move_of_nobody_is_nothing) {
  lost_pair net;
  tunnel_change change;
  change.moves = {{net.alice.key, net.nowhere, false}};
  net.alice.apply(change);
  BOOST_TEST(net.alice.status().peers.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
