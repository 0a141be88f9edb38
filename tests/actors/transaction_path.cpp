// Of a transaction: the data path and the sockets.
#include "tests/actors/transaction_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

BOOST_FIXTURE_TEST_SUITE(transaction_path, transaction_fixture)

BOOST_AUTO_TEST_CASE(the_data_path_is_prepared_and_taken_into_use_at_the_commit) {
  conf::config desired = running.config();
  desired.tun = {3, false, 0};
  desired.udp.senders = 2;
  BOOST_TEST(!change(desired));
  BOOST_TEST((target.shapes.at(0) == recording_target::shape{3, false, 2}));
}

BOOST_AUTO_TEST_CASE(a_data_path_that_cannot_be_made_fails_and_changes_nothing) {
  conf::config desired = running.config();
  desired.tun.queues = 3;
  desired.peers.pop_back();
  target.path_fails = true;
  const std::set<ip_prefix> before = routes->present;
  const std::optional<commit_failure> failure = change(desired);
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->what == commit_failure::kind::data_path));
  BOOST_TEST(failure->text == "no thread is left");
  BOOST_TEST(target.untouched());
  BOOST_TEST(running.config().peers.size() == 2);
  BOOST_TEST((routes->present == before));
}

BOOST_AUTO_TEST_CASE(a_refused_route_leaves_the_data_path_as_it_was) {
  routes->refused = {prefix("10.8.0.0/16")};
  conf::config desired = running.config();
  desired.udp.senders = 2;
  desired.peers[1].settings.allowed_ips = {prefix("10.8.0.0/16")};
  BOOST_TEST(change(desired).has_value());
  BOOST_TEST(target.paths_prepared == 0);
}

BOOST_AUTO_TEST_CASE(where_the_kernel_is_not_asked_one_refusal_keeps_nothing_else_from_being_done) {
  routes->stuck = {prefix("10.1.2.0/24")};
  conf::config desired = running.config();
  desired.peers.clear();
  change_options how;
  how.whatever_the_kernel_says = true;
  BOOST_TEST(!running.change_to(desired, how, target));
  BOOST_TEST((routes->present == routes->stuck));
  BOOST_TEST(log.has("cannot remove 10.1.2.0/24; it stays as it is"));
}

BOOST_AUTO_TEST_CASE(other_socket_options_are_set_on_the_sockets_in_use) {
  conf::config desired = running.config();
  desired.udp.gso = false;
  desired.udp.gro = false;
  desired.udp.receive_buffer = 90'000;
  BOOST_TEST(!change(desired));
  BOOST_TEST(sockets->of(ip_family::v4)->receive_buffer_octets() == 90'000U);
  const std::shared_ptr<const udp::bound_socket> now = target.used.at(0)->of(ip_family::v4);
  BOOST_TEST(now->port() == sockets->port());
  BOOST_TEST(!now->gso());
  BOOST_TEST(!now->gro());
  BOOST_TEST(!target.changes.at(0).forget_sources);
}

BOOST_AUTO_TEST_SUITE_END()
