// Peers that a change removed for the time being, and what they are when it is taken back.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

peer_options kept_alive(bool with_endpoint) {
  peer_options options;
  options.persistent_keepalive_s = 10;
  options.with_endpoint = with_endpoint;
  return options;
}

peer_options unplaced() {
  peer_options options;
  options.with_endpoint = false;
  return options;
}

struct parked_pair : peer_pair {
  explicit parked_pair(const peer_options& options = {}) : peer_pair(options) {
    connect();
    alice.send_to(bob, 1);
    settle();
    before = alice.status_of(bob);
    park();
    tap.clear();
  }

  void park() {
    tunnel_change change;
    change.removed.push_back(bob.key);
    change.park_removed = true;
    alice.apply(change);
  }
  void forget_parked() {
    tunnel_change change;
    change.forget_parked = true;
    alice.apply(change);
  }

  peer_status before;
};

} // namespace

BOOST_AUTO_TEST_SUITE(parking)

BOOST_AUTO_TEST_CASE(a_parked_peer_is_not_there) {
  parked_pair net;
  BOOST_TEST(net.alice.status().peers.empty());
  net.alice.send_to(net.bob, 2);
  net.settle();
  BOOST_TEST(net.alice.last_send_drops.size() == 1);
  BOOST_TEST(net.tap.empty());
  net.bob.send_to(net.alice, 3);
  net.settle();
  BOOST_TEST(net.alice.drops(drop_reason::unknown_index) == 1U);
  BOOST_TEST(net.alice.markers().empty());
}

BOOST_AUTO_TEST_CASE(it_comes_back_with_session_endpoint_and_counters) {
  parked_pair net;
  net.advance(5s);
  net.alice.knows(net.bob, unplaced());
  BOOST_TEST(net.alice.status_of(net.bob).tx_bytes == net.before.tx_bytes);
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.before.remote));
  BOOST_TEST((net.alice.status_of(net.bob).latest_handshake == net.before.latest_handshake));
  net.alice.send_to(net.bob, 4);
  net.bob.send_to(net.alice, 5);
  net.settle();
  BOOST_TEST(net.bob.markers().back() == 4);
  BOOST_TEST(net.alice.markers().back() == 5);
  BOOST_TEST(net.handshakes_sent(net.alice) + net.handshakes_sent(net.bob) == 0U);
}

BOOST_AUTO_TEST_CASE(where_it_was_heard_from_last_counts_more_than_what_was_configured) {
  parked_pair net;
  const endpoint roamed = net.bob.address;
  tunnel_change back;
  back.changed.push_back({net.alice.settings_of(net.bob), endpoint{net.alice.address}, true});
  net.alice.apply(back);
  BOOST_TEST((net.alice.status_of(net.bob).remote == roamed));
}

BOOST_AUTO_TEST_CASE(one_that_is_forgotten_begins_anew) {
  parked_pair net;
  net.forget_parked();
  net.advance(1s); // bob takes no initiation right after another
  net.alice.knows(net.bob);
  BOOST_TEST(net.alice.status_of(net.bob).tx_bytes == 0U);
  net.alice.send_to(net.bob, 6);
  net.advance(10s);
  BOOST_TEST(net.bob.markers().back() == 6);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
}

BOOST_AUTO_TEST_CASE(sessions_that_grew_old_meanwhile_are_replaced) {
  parked_pair net;
  net.advance(600s);
  net.alice.knows(net.bob, unplaced());
  net.alice.send_to(net.bob, 7);
  net.advance(10s);
  BOOST_TEST(net.bob.markers().back() == 7);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
}

BOOST_AUTO_TEST_CASE(keys_are_forgotten_in_their_time_while_it_is_parked) {
  parked_pair net;
  net.advance(200s);
  BOOST_TEST((net.alice.core.next_deadline() != never));
  net.advance(limits::zero_key_material_time);
  BOOST_TEST((net.alice.core.next_deadline() == never));
  net.alice.knows(net.bob, unplaced());
  net.advance(1s);
  BOOST_TEST(net.alice.count(peer_event::kind::session_expired) == 0U); // none was left to end
}

BOOST_AUTO_TEST_CASE(one_that_was_moved_comes_back_to_where_it_was) {
  peer_pair net;
  net.connect();
  const endpoint before = net.bob.address;
  tunnel_change away;
  away.park_removed = true;
  away.changed.push_back({net.alice.settings_of(net.bob), endpoint{net.alice.address}, false});
  net.alice.apply(away);
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.alice.address));
  tunnel_change back;
  back.bring_back = true;
  back.forget_parked = true;
  back.changed.push_back({net.alice.settings_of(net.bob), std::nullopt, false});
  net.alice.apply(back);
  BOOST_TEST((net.alice.status_of(net.bob).remote == before));

  away.park_removed = false; // for good
  net.alice.apply(away);
  net.alice.apply(back);
  BOOST_TEST((net.alice.status_of(net.bob).remote == net.alice.address));
}

BOOST_AUTO_TEST_CASE(keepalives_go_on) {
  parked_pair net(kept_alive(true));
  net.advance(35s);
  const std::size_t while_parked = net.keepalives_sent(net.alice);
  net.alice.knows(net.bob, kept_alive(false));
  net.advance(35s);
  BOOST_TEST(while_parked == 0U);
  BOOST_TEST(net.keepalives_sent(net.alice) >= 3U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_was_under_way_does_not_stand_in_the_way) {
  peer_pair net;
  net.alice.hold_jobs = true;
  net.alice.send_to(net.bob, 1);
  tunnel_change change;
  change.removed.push_back(net.bob.key);
  change.park_removed = true;
  net.alice.apply(change);
  net.alice.knows(net.bob);
  net.alice.hold_jobs = false;
  net.alice.perform_jobs();
  net.settle();
  net.advance(6s);
  net.alice.send_to(net.bob, 8);
  net.advance(12s);
  BOOST_REQUIRE(!net.bob.received.empty());
  BOOST_TEST(net.bob.markers().back() == 8);
}

BOOST_AUTO_TEST_CASE(an_interface_that_goes_down_ends_parked_sessions_too) {
  parked_pair net;
  net.alice.link(false);
  net.alice.link(true);
  net.advance(1s);
  net.alice.knows(net.bob, unplaced());
  net.alice.send_to(net.bob, 9);
  net.advance(10s);
  BOOST_TEST(net.bob.markers().back() == 9);
  BOOST_TEST(net.handshakes_sent(net.alice) == 1U);
}

BOOST_AUTO_TEST_CASE(slots_are_used_again_after_all) {
  parked_pair net;
  for (int i = 0; i < 5; ++i) {
    net.alice.knows(net.bob);
    net.park();
  }
  net.forget_parked();
  net.alice.knows(net.bob);
  net.alice.send_to(net.bob, 3);
  net.advance(10s);
  BOOST_TEST(net.bob.markers().back() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
