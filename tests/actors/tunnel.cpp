#include "actors/tunnel.hpp"

#include "tests/actors/router_pair.hpp"
#include "tests/actors/sample_config.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr std::uint8_t icmp = 1;
constexpr std::size_t initiation_octets = 148;

struct tunnel_fixture : router_pair {
  std::shared_ptr<admin_record> answers = std::make_shared<admin_record>();
  polled<status_reader_actor> reader{spawn(reader_stand_in, answers), std::make_shared<doorbell>()};

  void connect() {
    send(left, right);
    exchange();
    BOOST_REQUIRE(right.tun->take_written().size() == 1);
  }
  const tunnel_status& status_of(const router& of) {
    answers->tunnel_answers.clear();
    tell(of.tunnel, status_query{9, reader});
    return *answers->tunnel_answers.at(0).status;
  }
};

struct two_queues : router_pair {
  two_queues() : router_pair(spdlog::level::trace, 2) {}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tunnel, tunnel_fixture)

BOOST_AUTO_TEST_CASE(a_packet_starts_a_handshake_and_follows_it) {
  const packet sent = ipv4_packet(left.address, right.address, 300);
  send(left, {sent});
  BOOST_TEST(right.tun->take_written().empty());
  exchange();
  BOOST_TEST((right.tun->take_written() == std::vector<packet>{sent}));
}

BOOST_AUTO_TEST_CASE(control_goes_before_the_batches_that_wait) {
  constexpr std::uint64_t batches = 40;
  const auto stranger = ipv4_packet(left.address, "172.16.0.1", 100);
  for (std::uint64_t i = 0; i < batches; ++i)
    post(left, {stranger}); // without running anything
  const conf::peer_config to_stranger = sample_peer(9, "stranger");
  tunnel_change change;
  change.changed.push_back({to_stranger.settings, std::nullopt, true});
  change.changed.back().settings.allowed_ips = {parse_ip_prefix("172.16.0.0/16").value()};
  caf::anon_send<caf::message_priority::high>(
      left.tunnel, configure{std::make_shared<const tunnel_change>(std::move(change))});
  scheduler.run();
  const tunnel_status& status = status_of(left);
  // From then on they have a peer, if one without an endpoint.
  BOOST_TEST(status.drops[drop_reason::no_peer] <= 3U);
  BOOST_TEST(status.drops[drop_reason::no_peer] + status.drops[drop_reason::no_endpoint] ==
             batches);
}

BOOST_AUTO_TEST_CASE(neither_direction_goes_before_the_other) {
  connect();
  send(left, {ipv4_packet(left.address, right.address, 200)});
  const std::vector<udp::fake_datagram> arriving = left.udp->take_sent();
  right.serial = 0;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 10; ++j)
      post(right, {ipv4_packet(right.address, left.address, 200)});
    post(arriving, right, left); // the second and third are replayed: that takes a turn as well
  }
  scheduler.run();
  const std::string text = right.log.text();
  std::vector<std::size_t> places;
  for (int serial = 1; serial <= 33; ++serial) {
    const std::string origin = serial % 11 == 0 ? "udp-receiver" : "tun-reader";
    places.push_back(text.find("batch " + origin + "#" + std::to_string(serial) + ":"));
    BOOST_TEST(places.back() != std::string::npos, origin << "#" << serial);
  }
  BOOST_TEST(std::is_sorted(places.begin(), places.end()));
}

BOOST_AUTO_TEST_CASE(packets_pass_both_ways_in_order) {
  connect();
  std::vector<packet> there;
  std::vector<packet> back;
  for (std::size_t i = 0; i < 40; ++i) {
    there.push_back(ipv4_packet(left.address, right.address, 100 + 7 * i));
    back.push_back(ipv4_packet(right.address, left.address, 1000 - 11 * i));
  }
  send(left, there);
  send(right, back);
  exchange();
  BOOST_TEST((right.tun->take_written() == there));
  BOOST_TEST((left.tun->take_written() == back));
}

BOOST_AUTO_TEST_CASE(a_batch_goes_home_when_its_last_reader_is_done) {
  connect();
  left.home->slabs = 0;
  right.home->slabs = 0;
  left.udp->block_after(0);
  send(left, right);
  BOOST_TEST(left.home->slabs == 0); // the sender holds it
  send(right, {ipv4_packet(right.address, left.address)});
  BOOST_TEST(right.home->slabs == 1);
}

BOOST_AUTO_TEST_CASE(an_unanswered_handshake_is_begun_again_when_its_time_comes) {
  send(left, right);
  BOOST_TEST(left.udp->take_sent().size() == 1);
  advance(limits::rekey_timeout - std::chrono::milliseconds(1));
  BOOST_TEST(left.udp->take_sent().empty());
  advance(limits::rekey_timeout_jitter_max + std::chrono::milliseconds(1));
  const std::vector<udp::fake_datagram> again = left.udp->take_sent();
  BOOST_TEST(again.size() == 1);
  BOOST_TEST(again.at(0).octets.size() == initiation_octets);
}

BOOST_AUTO_TEST_CASE(an_idle_tunnel_asks_for_no_tick) {
  for (const router* each : {&left, &right}) {
    BOOST_TEST(each->udp->take_sent().empty());
    BOOST_TEST(!has_ended(each->tunnel));
  }
  BOOST_TEST(!scheduler.has_pending_timeout());
}

BOOST_AUTO_TEST_CASE(its_time_is_over_some_day_and_so_are_its_ticks) {
  connect();
  for (int second = 0; second < 1000; ++second) {
    advance(std::chrono::seconds(1));
    exchange();
  }
  BOOST_TEST(!scheduler.has_pending_timeout());
  BOOST_TEST(left.log.has("info tunnel: peer right: session expired, its keys are wiped"));
}

BOOST_AUTO_TEST_CASE(a_packet_to_nobody_is_answered_with_icmp) {
  send(left, {ipv4_packet(left.address, "10.7.7.7")});
  const std::vector<packet> answers_written = left.tun->take_written();
  BOOST_TEST(answers_written.size() == 1);
  BOOST_TEST(answers_written.at(0).at(9) == icmp);
  BOOST_TEST(left.udp->take_sent().empty());
  BOOST_TEST(status_of(left).drops[drop_reason::no_peer] == 1);
}

BOOST_AUTO_TEST_CASE(a_packet_to_a_peer_without_endpoint_is_answered_with_icmp) {
  send(right, left);
  const std::vector<packet> answers_written = right.tun->take_written();
  BOOST_TEST(answers_written.size() == 1);
  BOOST_TEST(answers_written.at(0).at(9) == icmp);
}

BOOST_AUTO_TEST_CASE(other_drops_are_not_answered) {
  send(left, {packet(40)}); // no IP packet
  tell(left.tunnel, link_status{false, 1420});
  send(left, right);
  BOOST_TEST(left.tun->take_written().empty());
}

BOOST_AUTO_TEST_CASE(icmp_is_rate_limited) {
  const std::vector<packet> many(limits::icmp_burst + 10, ipv4_packet(left.address, "10.7.7.7"));
  send(left, many);
  BOOST_TEST(left.tun->take_written().size() == limits::icmp_burst);
  advance(std::chrono::seconds(1));
  send(left, many);
  BOOST_TEST(left.tun->take_written().size() == limits::icmp_burst);
}

BOOST_AUTO_TEST_CASE(packets_that_may_not_be_answered_cost_no_allowance) {
  std::vector<packet> many(limits::icmp_burst + 10, ipv4_packet(left.address, "224.7.7.7"));
  many.push_back(ipv4_packet(left.address, "10.7.7.7"));
  send(left, many);
  BOOST_TEST(left.tun->take_written().size() == 1);
  BOOST_TEST(status_of(left).drops[drop_reason::no_peer] == many.size());
}

BOOST_AUTO_TEST_CASE(the_reserve_comes_home) {
  for (std::size_t i = 0; i < 3 * limits::slabs_of_tunnel_reserve; ++i) {
    advance(std::chrono::seconds(1));
    send(left, {ipv4_packet(left.address, "10.7.7.7")});
    BOOST_TEST(left.tun->take_written().size() == 1);
  }
}

BOOST_AUTO_TEST_CASE(stale_sources_are_forgotten) {
  connect();
  const source_address reached{parse_ip_address("192.0.2.50").value(), 4};
  send(left, right);
  std::vector<udp::fake_datagram> sent = left.udp->take_sent();
  BOOST_REQUIRE(sent.size() == 1);
  BOOST_TEST(!sent.at(0).local.known());
  // It reached right at an own address, from which right answers, until that is gone.
  sent.at(0).local = reached;
  deliver(sent, right, left);
  send(right, left);
  BOOST_TEST((right.udp->take_sent().at(0).local == reached));
  right.udp->lose_source(reached);
  send(right, left); // the sender tells TUNNEL
  right.udp->take_sent();
  send(right, left);
  BOOST_TEST(!right.udp->take_sent().at(0).local.known());
}

BOOST_AUTO_TEST_CASE(status_is_a_copy_of_every_peer) {
  connect();
  const tunnel_status& status = status_of(left);
  BOOST_TEST(answers->tunnel_answers.at(0).token == 9);
  BOOST_TEST(status.peers.size() == 1);
  BOOST_TEST((status.peers.at(0).key == right.own_key));
  BOOST_TEST(status.peers.at(0).latest_handshake.has_value());
  BOOST_TEST(status.peers.at(0).tx_bytes > initiation_octets);
  BOOST_TEST(status.handshake_jobs_out == 0);
}

BOOST_AUTO_TEST_CASE(stop_ends_it) {
  connect();
  tell(left.tunnel, atom::stop_v);
  BOOST_TEST(has_ended(left.tunnel));
}

BOOST_AUTO_TEST_CASE(status_names_the_engine) {
  BOOST_TEST(status_of(left).aead == "libsodium: as configured");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(tunnel_queues, two_queues)

BOOST_AUTO_TEST_CASE(answers_are_written_to_the_queue_that_was_read) {
  for (const std::uint8_t queue : {std::uint8_t{1}, std::uint8_t{0}}) {
    const packet asked = ipv4_packet(left.address, right.address);
    packet answer = ipv4_packet(right.address, left.address);
    std::swap_ranges(answer.begin() + 20, answer.begin() + 22, answer.begin() + 22); // ports
    send(left, {asked}, queue);
    exchange();
    send(right, {answer});
    exchange();
    BOOST_TEST(left.second_queue->take_written().size() == queue);
    BOOST_TEST(left.tun->take_written().size() == 1U - queue);
  }
}

BOOST_AUTO_TEST_CASE(batch_for_several_queues_is_written_by_each_of_their_writers) {
  std::vector<packet> many;
  for (std::uint8_t port = 0; port < 60; ++port) {
    many.push_back(ipv4_packet(right.address, left.address));
    many.back()[20] = port;
  }
  send(left, right);
  exchange();
  send(right, many);
  exchange();
  const std::size_t first = left.tun->take_written().size();
  const std::size_t second = left.second_queue->take_written().size();
  BOOST_TEST(first > 10U);
  BOOST_TEST(second > 10U);
  BOOST_TEST(first + second == 60U);
}

BOOST_AUTO_TEST_SUITE_END()
