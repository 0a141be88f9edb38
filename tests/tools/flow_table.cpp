#include "tools/flow_table.hpp"

#include "tests/tools/lines.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

namespace {

using namespace troupe;
using namespace troupe::tools;
using json = nlohmann::ordered_json;

json sample() {
  return json::parse(R"({
    "bound_bytes": 27262976, "seconds": 1.0,
    "edges": [{"from": "tun-reader/0", "to": "udp-sender/0", "window_bytes": 2097152,
      "out_bytes": 766771, "slabs_out": 6, "slabs": 16, "starved_share": 0.125,
      "sojourn_us": {"p50": 328.0, "p99": 1918.0, "max": 2500000.0}, "oldest_us": 0.0}],
    "stages": [{"actor": "udp-sender/0", "packets_per_batch": 100.0, "packets_per_message": 25.0,
      "packets_per_s": 566319, "wake_ups_per_s": 3571, "cpu_share": 0.168, "no_cpu_share": 0.02,
      "blocked_share": 0.834, "held_bytes": 4096, "queued_bytes": 0}],
    "tunnel": {"wake_ups_per_s": 7170, "cpu_share": 0.506, "no_cpu_share": 0.1},
    "drops": [], "sockets": [{"name": "udp-receiver/v4", "kernel_drops": 0}],
    "bottleneck": "udp-sender/0 is waiting for the socket 83 % of the time"})");
}

} // namespace

BOOST_AUTO_TEST_SUITE(flow_table)

BOOST_AUTO_TEST_CASE(edges_and_actors_are_a_row_each_in_units_for_people) {
  const std::vector<std::string> lines = lines_of(tools::flow_table(sample()));
  BOOST_REQUIRE(lines.size() == 9U);
  BOOST_TEST(lines[1] ==
             "tun-reader/0 -> udp-sender/0  2.0 MiB  748.8 KiB   6/16   12.5 %  328 us  "
             "1.9 ms  2.5 s  0.0 us");
  BOOST_TEST(lines[4] ==
             "udp-sender/0     566319      100.0         25.0        3571  16.8 %   2.0 %  "
             " 83.4 %  4.0 KiB     0 B");
  BOOST_TEST(holds(lines[5], "tunnel"));
}

BOOST_AUTO_TEST_CASE(bottleneck_and_bound_stand_at_the_end) {
  const std::vector<std::string> lines = lines_of(tools::flow_table(sample()));
  BOOST_TEST(lines.at(6) == "");
  BOOST_TEST(lines.at(7) ==
             "packets occupy at most 26.0 MiB; all but MAX and COUNT is of the last 1.0 s");
  BOOST_TEST(lines.back() == "bottleneck: udp-sender/0 is waiting for the socket 83 % of the time");
}

BOOST_AUTO_TEST_CASE(drops_are_shown_when_there_are_any) {
  json flow = sample();
  BOOST_TEST(!holds(tools::flow_table(flow), "REASON"));
  flow["drops"] = {{{"stage", "receive"},
                    {"peer", "laptop"},
                    {"reason", "replayed"},
                    {"count", 5},
                    {"text", "seen before"}},
                   {{"stage", "receive"},
                    {"peer", nullptr},
                    {"reason", "unknown_index"},
                    {"count", 2},
                    {"text", "no session"}}};
  flow["sockets"].push_back({{"name", "tun"}, {"kernel_drops", 9}});
  const std::string text = tools::flow_table(flow);
  BOOST_TEST(holds(text, "receive  laptop  replayed           5  seen before"), text);
  BOOST_TEST(holds(text, "receive  -       unknown_index      2  no session"), text);
  BOOST_TEST(holds(text, "tun      -       kernel             9  not handed over: the device's "
                         "queue was full, or a filter"),
             text);
}

BOOST_AUTO_TEST_CASE(what_has_not_passed_anything_has_no_ratio) {
  json flow = sample();
  flow["stages"][0]["packets_per_batch"] = 0;
  flow["stages"][0]["packets_per_message"] = 0;
  BOOST_TEST(holds(tools::flow_table(flow), "udp-sender/0     566319          -            -"));
}

BOOST_AUTO_TEST_SUITE_END()
