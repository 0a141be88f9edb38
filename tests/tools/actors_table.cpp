#include "tools/actors_table.hpp"

#include "tests/tools/lines.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using namespace troupe;
using namespace troupe::tools;
using json = nlohmann::ordered_json;

json sample() {
  return json::parse(R"({"seconds": 1.0, "actors": [
    {"actor": "tunnel", "answers": true, "state": "running", "thread": "tunnel", "tid": 71,
     "thread_state": "R", "cpu": 1, "pinned": true, "mailbox": 2, "messages_per_s": 1200,
     "batches_per_s": 800, "packets_per_s": 80000, "cpu_ns": 1234567890, "cpu_share": 0.512},
    {"actor": "uapi", "answers": false, "state": "not answering", "thread": "uapi", "tid": 72,
     "thread_state": "D", "cpu": 0, "pinned": false, "mailbox": null, "messages_per_s": null,
     "batches_per_s": null, "packets_per_s": null, "cpu_ns": 0, "cpu_share": 0.0},
    {"actor": "resolver", "answers": true, "state": "idle", "thread": "pool", "tid": null,
     "thread_state": null, "cpu": null, "pinned": false, "mailbox": 0, "messages_per_s": 0,
     "batches_per_s": null, "packets_per_s": null, "cpu_ns": null, "cpu_share": null}]})");
}

} // namespace

BOOST_AUTO_TEST_SUITE(actors_table)

BOOST_AUTO_TEST_CASE(an_actor_is_one_row) {
  const std::vector<std::string> lines = lines_of(tools::actors_table(sample()));
  BOOST_REQUIRE(lines.size() == 6U);
  for (const char* const part :
       {"tunnel", "71 tunnel", "1 pinned", "running", "1200", "80000", "1.235 s", "51.2 %"})
    BOOST_TEST(holds(lines[1], part), part);
  BOOST_TEST(holds(lines[3], "resolver  pool"));
  BOOST_TEST(lines[5] == "rates and use are of the last 1.0 s");
}

BOOST_AUTO_TEST_CASE(of_one_that_does_not_answer_its_thread_is_told) {
  const std::string row = lines_of(tools::actors_table(sample())).at(2);
  BOOST_TEST(holds(row, "72 uapi"));
  BOOST_TEST(holds(row, "not answering, its thread waits in the kernel"));
}

BOOST_AUTO_TEST_SUITE_END()
