// What changes while a handshake is worked on makes its result void.
#include "crypto/handshake_job.hpp"

#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

secret_key filled_key(std::uint8_t octet) {
  byte_array<key_octets> octets;
  octets.fill(octet);
  return secret_key::copy_of(octets);
}

/// A handshake from alice to bob that stands still with one job out.
struct halted_pair : peer_pair {
  /// Up to the job that holds `Work`, at `at`.
  template <class Work>
  void halt(test_peer& at) {
    at.hold_jobs = true;
    alice.send_to(bob, 1);
    settle();
    while (!at.jobs.empty() && !std::holds_alternative<Work>(at.jobs.front()->work)) {
      at.perform_job();
      settle();
    }
    BOOST_REQUIRE_EQUAL(at.jobs.size(), 1U);
    tap.clear();
  }
  /// The job comes back and is found to be void; no answer, no session, nothing out.
  void goes_on_stale(test_peer& at, drop_reason reason = drop_reason::stale_handshake) {
    at.perform_jobs();
    at.hold_jobs = false;
    BOOST_TEST(at.drops(reason) == 1U);
    BOOST_TEST(at.status().handshake_jobs_out == 0U);
    BOOST_TEST(sent(at, response_type) == 0U);
    BOOST_TEST(sent(at, data_type) == 0U);
    BOOST_TEST(at.count(peer_event::kind::handshake_completed) == 0U);
  }
  /// Nothing that went wrong before keeps them from meeting now.
  void recovers() {
    settle();
    advance(6s);
    alice.send_to(bob, 2);
    advance(12s);
    BOOST_REQUIRE(!bob.received.empty());
    BOOST_TEST(bob.received.back().back() == 2);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(handshake_job)

BOOST_AUTO_TEST_CASE(an_initiation_to_a_peer_removed_meanwhile_is_not_sent) {
  halted_pair net;
  net.halt<initiate_work>(net.alice);
  net.alice.forgets(net.bob);
  net.goes_on_stale(net.alice, drop_reason::own_handshake_stale);
  BOOST_TEST(net.tap.empty());
  net.alice.knows(net.bob);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(an_initiation_to_a_peer_removed_and_added_again_is_not_sent) {
  halted_pair net;
  net.halt<initiate_work>(net.alice);
  net.alice.forgets(net.bob);
  net.alice.knows(net.bob);
  net.goes_on_stale(net.alice, drop_reason::own_handshake_stale);
  BOOST_TEST(net.tap.empty());
  net.recovers();
}

BOOST_AUTO_TEST_CASE(an_initiation_under_a_private_key_changed_meanwhile_is_not_sent) {
  halted_pair net;
  net.halt<initiate_work>(net.alice);
  net.alice.set_private_key(filled_key(3));
  net.bob.knows(net.alice);
  net.goes_on_stale(net.alice, drop_reason::own_handshake_stale);
  BOOST_TEST(net.handshakes_sent(net.alice) == 0U);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(an_initiation_of_a_link_that_went_down_meanwhile_is_not_sent) {
  halted_pair net;
  net.halt<initiate_work>(net.alice);
  net.alice.link(false);
  net.goes_on_stale(net.alice, drop_reason::own_handshake_stale);
  BOOST_TEST(net.tap.empty());
  net.alice.link(true);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(an_initiation_of_a_peer_removed_meanwhile_is_not_answered) {
  {
    halted_pair net;
    net.halt<open_work>(net.bob);
    net.bob.forgets(net.alice);
    net.goes_on_stale(net.bob, drop_reason::unknown_peer);
  }
  {
    halted_pair net;
    net.halt<static_work>(net.bob);
    net.bob.forgets(net.alice);
    net.goes_on_stale(net.bob);
  }
  halted_pair net;
  net.halt<respond_work>(net.bob);
  net.bob.forgets(net.alice);
  net.goes_on_stale(net.bob);
  net.bob.knows(net.alice);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(an_initiation_to_a_private_key_changed_meanwhile_is_not_answered) {
  {
    halted_pair net;
    net.halt<open_work>(net.bob);
    net.bob.set_private_key(filled_key(3));
    net.goes_on_stale(net.bob);
  }
  {
    halted_pair net;
    net.halt<static_work>(net.bob);
    net.bob.set_private_key(filled_key(3));
    net.goes_on_stale(net.bob);
  }
  halted_pair net;
  net.halt<respond_work>(net.bob);
  net.bob.set_private_key(filled_key(3));
  net.goes_on_stale(net.bob);
  net.alice.knows(net.bob);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(a_response_under_a_preshared_key_changed_meanwhile_is_not_sent) {
  halted_pair net;
  net.halt<respond_work>(net.bob);
  net.bob.knows(net.alice, {filled_key(5), 0, true, {}});
  net.goes_on_stale(net.bob);
  net.alice.knows(net.bob, {filled_key(5), 0, true, {}});
  net.recovers();
}

BOOST_AUTO_TEST_CASE(a_response_from_a_peer_removed_meanwhile_makes_no_session) {
  halted_pair net;
  net.alice.perform_jobs();
  net.halt<finish_work>(net.alice);
  net.alice.forgets(net.bob);
  net.goes_on_stale(net.alice);
  net.alice.knows(net.bob);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(a_response_under_a_key_changed_meanwhile_makes_no_session) {
  {
    halted_pair net;
    net.halt<finish_work>(net.alice);
    net.alice.set_private_key(filled_key(3));
    net.goes_on_stale(net.alice);
  }
  halted_pair net;
  net.halt<finish_work>(net.alice);
  net.alice.knows(net.bob, {filled_key(5), 0, true, {}});
  net.goes_on_stale(net.alice);
  net.bob.knows(net.alice, {filled_key(5), 0, true, {}});
  net.recovers();
}

BOOST_AUTO_TEST_CASE(a_response_that_comes_back_after_link_down_and_up_makes_no_session) {
  halted_pair net;
  net.halt<finish_work>(net.alice);
  net.alice.link(false);
  net.alice.link(true);
  net.goes_on_stale(net.alice);
  net.recovers();
}

BOOST_AUTO_TEST_CASE(a_peer_whose_key_has_a_zero_dh_costs_nothing_but_the_attempts) {
  test_network net;
  test_peer& alice = net.add();
  alice.link(true);
  tunnel_change change;
  peer_settings weak;
  weak.name = "weak";
  weak.allowed_ips = {prefix_of("10.9.0.0/16")};
  change.changed.push_back({weak, endpoint{address_of("203.0.113.1"), 1, 0}});
  alice.apply(change);
  alice.send({ipv4_packet(alice.inner_v4, address_of("10.9.0.1"), 40)});
  net.advance(200s);
  BOOST_TEST(net.tap.empty());
  BOOST_TEST(alice.drops(drop_reason::own_handshake_invalid) == 19U);
  BOOST_TEST(alice.drops(drop_reason::handshake_failed) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
