#include "actors/transaction.hpp"

#include "tests/actors/transaction_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using namespace troupe::actors;

BOOST_FIXTURE_TEST_SUITE(transaction, transaction_fixture)

BOOST_AUTO_TEST_CASE(the_first_commit_tells_everything_and_changes_no_socket) {
  running.announce(target);
  BOOST_TEST(target.changes.size() == 1);
  BOOST_TEST(target.changes.at(0).set_private_key);
  BOOST_TEST(target.changes.at(0).changed.size() == 2);
  BOOST_TEST(target.used.empty());
}

BOOST_AUTO_TEST_CASE(a_commit_tells_the_tunnel_only_what_changed) {
  conf::config desired = running.config();
  desired.peers[0].settings.persistent_keepalive_s = 25;
  BOOST_TEST(!change(desired));
  BOOST_TEST(target.changes.at(0).changed.size() == 1);
  BOOST_TEST(target.changes.at(0).changed.at(0).settings.name == "laptop");
  BOOST_TEST(!target.changes.at(0).forget_sources);
  BOOST_TEST(target.used.empty());
  BOOST_TEST(running.config().peers[0].settings.persistent_keepalive_s == 25);
}

BOOST_AUTO_TEST_CASE(a_new_port_is_a_new_pair_of_sockets_and_forgets_sources) {
  conf::config desired = running.config();
  desired.interface.listen_port = a_free_port();
  BOOST_TEST(!change(desired));
  BOOST_TEST(target.used.size() == 1);
  BOOST_TEST(target.used.at(0)->port() == desired.interface.listen_port);
  BOOST_TEST(running.bound_port() == desired.interface.listen_port);
  BOOST_TEST(target.changes.at(0).forget_sources);
}

BOOST_AUTO_TEST_CASE(the_old_sockets_close_with_their_last_user) {
  const std::weak_ptr<const udp::socket_pair> old = sockets;
  conf::config desired = running.config();
  desired.interface.listen_port = a_free_port();
  sockets.reset();
  BOOST_TEST(!change(desired));
  BOOST_TEST(old.expired());
}

BOOST_AUTO_TEST_CASE(the_port_that_chance_gave_can_be_asked_for) {
  conf::config desired = running.config();
  desired.interface.listen_port = running.bound_port();
  desired.interface.fwmark = 7;
  BOOST_TEST(!change(desired));
  BOOST_TEST(mark() == 7U); // of the very sockets
}

BOOST_AUTO_TEST_CASE(a_port_in_use_fails_and_changes_nothing) {
  const std::shared_ptr<const udp::socket_pair> taken = udp::socket_pair::open(0, {});
  const std::uint16_t port = running.bound_port();
  conf::config desired = running.config();
  desired.interface.listen_port = taken->port();
  desired.interface.fwmark = 7;
  desired.peers.pop_back();
  const std::optional<commit_failure> failure = change(desired);
  BOOST_TEST(failure.has_value());
  BOOST_TEST((failure->what == commit_failure::kind::socket));
  BOOST_TEST(failure->text.find(std::to_string(taken->port())) != std::string::npos);
  BOOST_TEST(target.untouched());
  BOOST_TEST(running.bound_port() == port);
  BOOST_TEST(running.config().peers.size() == 2);
  BOOST_TEST(mark() == 0U);
  BOOST_TEST(routes->present.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_new_mark_is_set_on_the_sockets_in_use_and_forgets_sources) {
  conf::config desired = running.config();
  desired.interface.fwmark = 7;
  BOOST_TEST(!change(desired));
  BOOST_TEST(mark() == 7U);
  BOOST_TEST(target.used.at(0)->port() == sockets->port());
  BOOST_TEST(target.changes.at(0).forget_sources);
}

BOOST_AUTO_TEST_CASE(new_sockets_have_the_mark_from_the_start) {
  conf::config desired = running.config();
  desired.interface.listen_port = a_free_port();
  desired.interface.fwmark = 7;
  BOOST_TEST(!change(desired));
  BOOST_TEST(target.used.at(0)->of(ip_family::v4)->mark() == 7U);
  BOOST_TEST(mark() == 7U); // the old ones are in use until the commit is heard
}

BOOST_AUTO_TEST_CASE(routes_follow_the_peers) {
  conf::config desired = running.config();
  desired.peers[1].settings.allowed_ips = {prefix("10.8.0.0/16")};
  BOOST_TEST(!change(desired));
  BOOST_TEST((routes->present == std::set{prefix("10.1.2.0/24"), prefix("10.8.0.0/16")}));
}

BOOST_AUTO_TEST_CASE(a_route_added_while_the_interface_is_down_comes_with_up) {
  routes->present.clear();
  routes->down = true;
  conf::config desired = running.config();
  desired.peers[1].settings.allowed_ips = {prefix("10.8.0.0/16")};
  BOOST_TEST(!change(desired));
  BOOST_TEST(target.changes.size() == 1);
  BOOST_TEST(routes->present.empty());
  routes->down = false;
  running.restore_link();
  BOOST_TEST((routes->present == std::set{prefix("10.1.2.0/24"), prefix("10.8.0.0/16")}));
}

BOOST_AUTO_TEST_CASE(a_rollback_is_complete_where_a_route_waits_for_up) {
  routes->stuck = {prefix("10.1.3.0/24")};
  routes->down = true;
  conf::config desired = running.config();
  desired.peers[0].settings.allowed_ips = {prefix("10.8.0.0/16")};
  desired.peers[1].settings.allowed_ips = {prefix("10.9.0.0/16")};
  const std::optional<commit_failure> failure = change(desired);
  BOOST_TEST(failure.has_value());
  BOOST_TEST(failure->text == "cannot remove 10.1.3.0/24");
}

BOOST_AUTO_TEST_CASE(a_route_refused_in_the_middle_leaves_everything_as_it_was) {
  const std::set<ip_prefix> before = routes->present;
  routes->refused = {prefix("10.8.0.0/16")};
  conf::config desired = running.config();
  desired.interface.listen_port = a_free_port();
  desired.peers[1].settings.allowed_ips = {prefix("10.7.0.0/16"), prefix("10.8.0.0/16"),
                                           prefix("10.9.0.0/16")};
  const std::optional<commit_failure> failure = change(desired);
  BOOST_TEST(failure.has_value());
  BOOST_TEST((failure->what == commit_failure::kind::link));
  BOOST_TEST(failure->text == "cannot add 10.8.0.0/16");
  BOOST_TEST((routes->present == before));
  BOOST_TEST(target.untouched());
  BOOST_TEST((running.config().peers[1].settings.allowed_ips.at(0) == prefix("10.1.3.0/24")));
  const std::uint16_t given_back = desired.interface.listen_port;
  BOOST_TEST(udp::socket_pair::open(given_back, {})->port() == given_back);
}

BOOST_AUTO_TEST_CASE(a_refused_route_leaves_the_mark_of_the_sockets_in_use) {
  static_cast<void>(sockets->with({.mark = 5}));
  routes->refused = {prefix("10.8.0.0/16")};
  conf::config desired = running.config();
  desired.interface.fwmark = 7;
  desired.peers[1].settings.allowed_ips = {prefix("10.8.0.0/16")};
  BOOST_TEST(change(desired).has_value());
  BOOST_TEST(mark() == 5U);
  BOOST_TEST(running.config().interface.fwmark == 0U);
}

BOOST_AUTO_TEST_CASE(a_route_that_was_there_before_is_not_undone) {
  routes->present.insert(prefix("10.7.0.0/16")); // the administrator's
  routes->refused = {prefix("10.8.0.0/16")};
  conf::config desired = running.config();
  desired.peers[1].settings.allowed_ips = {prefix("10.7.0.0/16"), prefix("10.8.0.0/16")};
  BOOST_TEST(change(desired).has_value());
  BOOST_TEST(routes->present.count(prefix("10.7.0.0/16")) == 1);
}

BOOST_AUTO_TEST_CASE(an_incomplete_rollback_says_what_remains) {
  routes->refused = {prefix("10.8.0.0/16")};
  routes->stuck = {prefix("10.7.0.0/16")};
  conf::config desired = running.config();
  desired.peers[1].settings.allowed_ips = {prefix("10.7.0.0/16"), prefix("10.8.0.0/16")};
  const std::optional<commit_failure> failure = change(desired);
  BOOST_TEST(failure.has_value());
  BOOST_TEST(failure->text ==
             "cannot add 10.8.0.0/16; rollback incomplete: cannot remove 10.7.0.0/16");
  BOOST_TEST(routes->present.count(prefix("10.1.3.0/24")) == 1);
}

BOOST_AUTO_TEST_CASE(without_routes_of_its_own_the_kernel_is_left_alone) {
  running_configuration bare(sample_config(), sockets, nullptr, log.open("admin"));
  conf::config desired = bare.config();
  desired.peers[1].settings.allowed_ips = {prefix("10.8.0.0/16")};
  BOOST_TEST(!bare.change_to(desired, {}, target));
  BOOST_TEST(routes->present.size() == 2);
  BOOST_TEST(target.changes.size() == 1);
}

BOOST_AUTO_TEST_CASE(what_only_a_restart_brings_is_refused_with_its_name) {
  conf::config desired = running.config();
  desired.log.target = "/elsewhere";
  desired.tunnel.aead = conf::aead_kind::libsodium;
  desired.peers.pop_back();
  const std::optional<commit_failure> failure = change(desired);
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->what == commit_failure::kind::needs_restart));
  BOOST_TEST(failure->text == "tunnel.aead, log.target cannot change while the daemon runs: "
                              "restart it with the new file");
  BOOST_TEST(target.untouched());
  BOOST_TEST(running.config().peers.size() == 2);
}

BOOST_AUTO_TEST_CASE(addresses_mtu_queue_length_and_log_levels_change_live) {
  conf::config desired = running.config();
  desired.interface.addresses = {prefix("10.9.0.1/24"), prefix("10.9.0.2/24")};
  desired.interface.mtu = 1300;
  desired.tun.queue_length = 77;
  desired.log.actors["tunnel"] = conf::log_level::trace;
  BOOST_TEST(!change(desired));
  BOOST_TEST((routes->addresses == std::set{prefix("10.9.0.1/24"), prefix("10.9.0.2/24")}));
  BOOST_TEST(routes->mtu == 1300U);
  BOOST_TEST(routes->queue_length == 77U);
  BOOST_TEST(target.levels.size() == 1);

  // The other one of the network stays, though the kernel takes it along.
  desired.interface.addresses = {prefix("10.9.0.2/24")};
  desired.tun.queue_length = 0;
  BOOST_TEST(!change(desired));
  BOOST_TEST((routes->addresses == std::set{prefix("10.9.0.2/24")}));
  BOOST_TEST(routes->queue_length == limits::tun_queue_length_standard);
  BOOST_TEST(target.levels.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_failure_at_any_step_leaves_exactly_what_was) {
  conf::config first = running.config();
  first.interface.addresses = {prefix("10.9.0.1/24"), prefix("10.9.0.2/24"), prefix("fd09::1/64")};
  BOOST_TEST(!change(first));
  conf::config second = first;
  second.interface.addresses = {prefix("10.9.0.2/24"), prefix("10.8.0.1/24")};
  second.interface.mtu = 1300;
  second.interface.fwmark = 9;
  second.tun.queue_length = 77;
  second.peers[0].settings.allowed_ips = {prefix("10.5.0.0/16"), prefix("10.6.0.0/16")};
  second.peers.pop_back();
  target = {};
  const fake_link before = *routes;
  int step = 0;
  for (;; ++step) {
    routes->calls_until_failure = step;
    const std::optional<commit_failure> failure = change(second);
    if (!failure)
      break;
    BOOST_TEST_CONTEXT("the call number " << step << " failed: " << failure->text) {
      BOOST_TEST(failure->text.find("rollback incomplete") == std::string::npos);
      BOOST_TEST((routes->addresses == before.addresses));
      BOOST_TEST((routes->present == before.present));
      BOOST_TEST(routes->mtu == before.mtu);
      BOOST_TEST(routes->queue_length == before.queue_length);
      BOOST_TEST(mark() == 0U);
      BOOST_TEST(target.untouched());
      BOOST_TEST(running.config().peers.size() == 2);
    }
  }
  BOOST_TEST(step > 9);
  BOOST_TEST(target.changes.size() == 1);
  BOOST_TEST(mark() == 9U);
}

BOOST_AUTO_TEST_CASE(endpoints_are_told_after_the_commit) {
  conf::config desired = running.config();
  desired.peers[1].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  BOOST_TEST(!change(desired));
  BOOST_TEST(target.endpoints.size() == 1);
  BOOST_TEST((target.endpoints.at(0).key == sample_key(3)));
  BOOST_TEST(target.endpoints.at(0).all.at(0).host == "vpn.example.net");
}

BOOST_AUTO_TEST_CASE(a_peer_is_called_as_it_is_configured) {
  BOOST_TEST(running.name_of(sample_key(3)) == "phone");
  BOOST_TEST(running.name_of(sample_key(7)) == "");
}

BOOST_AUTO_TEST_CASE(socket_options_come_from_the_configuration) {
  conf::config config = sample_config();
  BOOST_TEST(socket_options_of(config, 9).receive_buffer_octets ==
             limits::udp_receive_buffer_octets);
  config.udp.receive_buffer = 100'000;
  config.udp.send_buffer = 200'000;
  BOOST_TEST(socket_options_of(config, 9).receive_buffer_octets == 100'000U);
  BOOST_TEST(socket_options_of(config, 9).send_buffer_octets == 200'000U);
  BOOST_TEST(socket_options_of(config, 9).mark == 9U);
}

BOOST_AUTO_TEST_CASE(with_another_only_address_the_routes_stay) {
  conf::config first = running.config();
  first.interface.addresses = {prefix("10.66.0.1/24")};
  BOOST_TEST(!change(first));
  const std::set<ip_prefix> before = routes->present;
  conf::config second = first;
  second.interface.addresses = {prefix("10.67.0.1/24")};
  BOOST_TEST(!change(second));
  BOOST_TEST((routes->addresses == std::set{prefix("10.67.0.1/24")}));
  BOOST_TEST((routes->present == before));
}

BOOST_AUTO_TEST_CASE(routes_that_are_there_are_not_asked_for_one_by_one) {
  conf::config first = running.config();
  first.interface.addresses = {prefix("10.66.0.1/24"), prefix("fd66::1/64")};
  BOOST_TEST(!change(first));
  BOOST_REQUIRE(!routes->present.empty());
  conf::config second = first;
  second.interface.addresses = {prefix("10.66.0.1/24")};
  BOOST_TEST(!change(second));
  running.restore_link();
  conf::config third = second;
  third.interface.addresses = {prefix("10.67.0.1/24")};
  routes->calls_until_failure = 2; // of the address, so that all is taken back
  BOOST_TEST(change(third).has_value());
  BOOST_TEST(routes->routes_added_in_vain == 0U);
}

BOOST_AUTO_TEST_CASE(who_is_brought_back_stays_where_it_was) {
  conf::config desired = running.config();
  BOOST_REQUIRE(!desired.peers.empty());
  desired.peers[0].endpoints = {{"a.example", 1, {}}};
  BOOST_TEST(!change(desired));
  BOOST_REQUIRE(!target.endpoints.empty());
  BOOST_TEST(target.endpoints.back().moved);
  change_options back;
  back.bring_back = true;
  target.endpoints.clear();
  BOOST_TEST(!running.change_to(sample_config(), back, target));
  for (const conf::peer_endpoints& each : target.endpoints)
    BOOST_TEST(!each.moved);
}

BOOST_AUTO_TEST_CASE(tunnel_is_told_of_who_is_brought_back_to_a_name) {
  conf::config first = running.config();
  first.peers[0].endpoints = {{"a.example", 1, {}}};
  BOOST_TEST(!change(first));
  conf::config trial = first;
  trial.peers[0].endpoints = {{"b.example", 1, {}}};
  BOOST_TEST(!change(trial));
  change_options back;
  back.bring_back = true;
  BOOST_TEST(!running.change_to(first, back, target));
  const tunnel_change& told = target.changes.back();
  BOOST_TEST(told.bring_back);
  BOOST_REQUIRE(told.changed.size() == 1U);
  BOOST_TEST((told.changed[0].settings.key == first.peers[0].settings.key));
  BOOST_TEST(!told.changed[0].remote.has_value());
  BOOST_TEST(!told.changed[0].allowed_ips_changed);
}

BOOST_AUTO_TEST_CASE(the_sockets_of_before_come_back_with_their_port) {
  const std::uint16_t chosen = running.bound_port();
  conf::config desired = running.config();
  desired.interface.listen_port = a_free_port();
  BOOST_TEST(!change(desired));
  change_options back;
  back.sockets = sockets;
  BOOST_TEST(!running.change_to(sample_config(), back, target));
  BOOST_TEST(running.bound_port() == chosen);
  BOOST_TEST((target.used.back() == sockets));
}

BOOST_AUTO_TEST_CASE(readers_are_told_of_credit) {
  conf::config desired = running.config();
  desired.credit.window = 100'000;
  desired.credit.target_delay = std::chrono::milliseconds(2);
  BOOST_TEST(!change(desired));
  BOOST_REQUIRE(target.credit.size() == 1);
  BOOST_TEST((target.credit.at(0) ==
              credit_settings{.window = 100'000, .target_delay = std::chrono::milliseconds(1)}));
  BOOST_TEST(target.used.empty());
}

BOOST_AUTO_TEST_SUITE_END()
