#include "actors/flow_json.hpp"

#include "messages/limits.hpp"

#include "tests/actors/sample_config.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

using json = nlohmann::ordered_json;

constexpr time_point start{1h};

/// A second of the router's life: `before` and `now`.
struct flow_fixture {
  conf::config config = sample_config();
  flow_sample before;
  flow_sample now;
  tunnel_status tunnel; // with its peers

  flow_fixture() {
    for (flow_sample* const each : {&before, &now})
      for (const char* const actor : {"tun-reader/0", "udp-sender/0", "udp-receiver/v4"}) {
        stage_status& stage = each->stages.emplace_back();
        stage.actor = actor;
        stage.thread.at = each == &now ? start + 1s : start;
        if (stage.actor != "udp-sender/0")
          stage.credit.emplace();
      }
    before.tunnel.at = start;
    now.tunnel.at = start + 1s;
  }

  static stage_status& of(flow_sample& sample, const std::string& actor) {
    return *std::find_if(sample.stages.begin(), sample.stages.end(),
                         [&](const stage_status& each) { return each.actor == actor; });
  }
  stage_status& reader() { return of(now, "tun-reader/0"); }
  stage_status& sender() { return of(now, "udp-sender/0"); }
  [[nodiscard]] json shown() const { return flow_json(config, tunnel, now, &before); }
  [[nodiscard]] std::string bottleneck() const { return bottleneck_of(now, &before); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(flow_json_, flow_fixture)

BOOST_AUTO_TEST_CASE(its_shape_is_the_one_that_scripts_rely_on) {
  const json all = shown();
  for (const char* const key : {"bound_bytes", "edges", "drops", "sockets", "bottleneck"})
    BOOST_TEST(all.contains(key), key);
  BOOST_REQUIRE(all["edges"].size() == 2U);
  const json& edge = all["edges"][0];
  for (const char* const key :
       {"from", "to", "window_bytes", "out_bytes", "slabs_out", "starved_ns", "sojourn_us"})
    BOOST_TEST(edge.contains(key), key);
  BOOST_TEST(edge["from"] == "tun-reader/0");
  BOOST_TEST(edge["to"] == "udp-sender/0");
  BOOST_TEST(all["edges"][1]["from"] == "udp-receiver/v4");
  BOOST_TEST(all["edges"][1]["to"] == "tun-writer/0");
  for (const char* const key : {"p50", "p99", "max"})
    BOOST_TEST(edge["sojourn_us"].contains(key), key);
  BOOST_TEST(all["sockets"][0] == json({{"name", "udp-receiver/v4"}, {"kernel_drops", 0}}));
}

BOOST_AUTO_TEST_CASE(bound_is_the_sum_of_the_limits) {
  BOOST_TEST(shown()["bound_bytes"] == limits::packet_memory_max(1));
  config.tun.queues = 4;
  BOOST_TEST(shown()["bound_bytes"] == limits::packet_memory_max(4));
  BOOST_TEST(limits::packet_memory_max(4) > limits::packet_memory_max(1));
}

BOOST_AUTO_TEST_CASE(edge_shows_what_is_out_and_for_how_long) {
  credit_status& credit = *reader().credit;
  credit.window_octets = 100'000;
  credit.out_octets = 3000;
  credit.slabs_out = 2;
  credit.starved = 250ms;
  credit.oldest_out = 3ms;
  credit.sojourn.count(1ms);
  const json edge = shown()["edges"][0];
  BOOST_TEST(edge["window_bytes"] == 100'000);
  BOOST_TEST(edge["out_bytes"] == 3000);
  BOOST_TEST(edge["slabs_out"] == 2);
  BOOST_TEST(edge["starved_ns"] == 250'000'000);
  BOOST_TEST(edge["starved_share"] == 0.25);
  BOOST_TEST(edge["oldest_us"] == 3000.0);
  BOOST_TEST(edge["sojourn_us"]["p50"] == 1000.0);
}

BOOST_AUTO_TEST_CASE(several_actors_at_the_end_are_named_by_their_kind) {
  now.stages.emplace_back().actor = "udp-sender/1";
  BOOST_TEST(shown()["edges"][0]["to"] == "udp-sender");
}

BOOST_AUTO_TEST_CASE(percentiles_are_of_the_time_between_or_of_what_is_still_out) {
  credit_status& earlier = *of(before, "tun-reader/0").credit;
  earlier.sojourn.count(1ms);
  reader().credit->sojourn = earlier.sojourn;
  BOOST_TEST(shown()["edges"][0]["sojourn_us"]["p50"] == 0.0);
  reader().credit->oldest_out = 7ms;
  BOOST_TEST(shown()["edges"][0]["sojourn_us"]["p50"] == 7000.0);
  reader().credit->sojourn.count(50ms);
  BOOST_TEST(shown()["edges"][0]["sojourn_us"]["p50"] == 50'000.0);
}

BOOST_AUTO_TEST_CASE(rates_are_of_the_time_between) {
  of(before, "tun-reader/0").packets = 1000;
  reader().packets = 5000;
  reader().thread.cpu = 400ms;
  reader().thread.wake_ups = 70;
  const json stage = shown()["stages"][0];
  BOOST_TEST(stage["packets_per_s"] == 4000.0);
  BOOST_TEST(stage["cpu_share"] == 0.4);
  BOOST_TEST(stage["wake_ups_per_s"] == 70.0);
  const json alone = flow_json(config, tunnel, now, nullptr);
  BOOST_TEST(alone["stages"][0]["packets_per_s"] == 0);
  BOOST_TEST(alone["stages"][0]["packets"] == 5000);
  BOOST_TEST(alone["seconds"] == 0);
}

BOOST_AUTO_TEST_CASE(who_has_come_in_place_of_another_has_no_rates_yet) {
  of(before, "tun-reader/0").packets = 5000;
  of(before, "tun-reader/0").thread.thread = 17;
  reader().packets = 100;
  reader().thread.thread = 18;
  BOOST_TEST(shown()["stages"][0]["packets_per_s"] == 0);
  BOOST_TEST(shown()["stages"][0]["packets"] == 100);
}

BOOST_AUTO_TEST_CASE(blocked_socket_is_the_bottleneck_if_it_takes_most_of_the_time) {
  sender().blocked = 830ms;
  now.tunnel.cpu = 500ms;
  BOOST_TEST(bottleneck() == "udp-sender/0 is waiting for the socket 83 % of the time");
  now.tunnel.cpu = 990ms;
  BOOST_TEST(bottleneck() == "tunnel is busy 99 % of the time, as much as one CPU can");
}

BOOST_AUTO_TEST_CASE(want_of_memory_is_not_the_socket) {
  sender().paused = 400ms;
  BOOST_TEST(bottleneck() == "udp-sender/0 is waiting for room in a device's queue, or for memory, "
                             "40 % of the time");
}

BOOST_AUTO_TEST_CASE(reader_without_credit_names_whom_it_waits_for) {
  of(now, "udp-receiver/v4").credit->starved = 900ms;
  BOOST_TEST(bottleneck() == "udp-receiver/v4 is waiting for tun-writer/0 90 % of the time");
}

BOOST_AUTO_TEST_CASE(busiest_actor_is_the_bottleneck_when_nobody_waits) {
  now.tunnel.cpu = 970ms;
  reader().thread.cpu = 850ms;
  BOOST_TEST(bottleneck() == "tunnel is busy 97 % of the time, as much as one CPU can");
}

BOOST_AUTO_TEST_CASE(want_of_a_cpu_is_named) {
  sender().thread.delayed = 570ms;
  now.tunnel.delayed = 200ms;
  BOOST_TEST(bottleneck() == "udp-sender/0 is waiting for a CPU 57 % of the time, since all that "
                             "it may use are busy");
}

BOOST_AUTO_TEST_CASE(router_with_room_left_has_no_bottleneck) {
  sender().blocked = 50ms;
  now.tunnel.cpu = 500ms;
  const std::string none = "none: no actor waits for the kernel or for a CPU";
  BOOST_TEST(bottleneck() == none);
  BOOST_TEST(bottleneck_of(now, nullptr) == "unknown as yet: ask again in a moment");
}

BOOST_AUTO_TEST_CASE(drops_are_by_peer_and_the_rest_is_nobodys) {
  peer_status& peer = tunnel.peers.emplace_back();
  peer.key = config.peers.front().settings.key;
  peer.drops.count(drop_reason::replayed, 3);
  peer.drops.count(drop_reason::unreachable, 2);
  tunnel.drops.count(drop_reason::replayed, 5);
  sender().drops.count(drop_reason::unreachable, 2);
  reader().drops.count(drop_reason::oversize_packet, 1);
  const json drops = shown()["drops"];
  const auto count_of = [&](const json& whose, const std::string& reason) {
    const json::const_iterator found =
        std::find_if(drops.begin(), drops.end(), [&](const json& each) {
          return each["peer"] == whose && each["reason"] == reason;
        });
    return found == drops.end() ? 0 : (*found)["count"].get<int>();
  };
  const std::string& name = config.peers.front().settings.name;
  BOOST_TEST(drops.size() == 4U);
  BOOST_TEST(count_of(name, "replayed") == 3);
  BOOST_TEST(count_of(name, "unreachable") == 2);
  BOOST_TEST(count_of(nullptr, "replayed") == 2);
  BOOST_TEST(count_of(nullptr, "oversize_packet") == 1);
}

BOOST_AUTO_TEST_CASE(full_queue_of_the_device_is_shown_where_it_is_known) {
  BOOST_TEST(shown()["sockets"].size() == 1U);
  now.queue_drops = 7;
  BOOST_TEST(shown()["sockets"][1] == json({{"name", "tun"}, {"kernel_drops", 7}}));
}

BOOST_AUTO_TEST_SUITE_END()
