// The graph as the program runs it.
#include "tests/actors/two_routers.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

struct program_fixture : two_routers {
  program_fixture() { start(); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(program, program_fixture)

BOOST_AUTO_TEST_CASE(packets_pass_both_ways_and_every_thread_ends) {
  send(left, 1, 2, 1);
  BOOST_TEST(received(right, 1).size() == 1); // there is a session now
  send(left, 1, 2, 1000);
  send(right, 2, 1, 1000);
  BOOST_TEST(sizes_rise(received(right, 1000)));
  BOOST_TEST(sizes_rise(received(left, 1000)));
  stop();
  for (const fake_host* each : {&left, &right}) {
    BOOST_TEST(each->end->status() == 0);
    BOOST_TEST(each->end->all_stopped());
  }
}

BOOST_AUTO_TEST_CASE(it_ends_in_the_middle_of_traffic) {
  send(left, 1, 2, 1);
  BOOST_TEST(received(right, 1).size() == 1);
  std::thread pushes([&] {
    for (int i = 0; i < 50; ++i)
      send(left, 1, 2, 100);
  });
  stop();
  pushes.join();
  BOOST_TEST(left.end->all_stopped());
  BOOST_TEST(right.end->all_stopped());
}

BOOST_AUTO_TEST_CASE(a_deleted_interface_wakes_its_sleeping_reader) {
  send(left, 1, 2, 1);
  BOOST_TEST(received(right, 1).size() == 1);
  left.tun_in->remove();
  wait_for(*left.end);
  BOOST_TEST(left.end->status() == 1);
  BOOST_TEST(left.end->why() == "interface troupe1 was deleted");
}

BOOST_AUTO_TEST_SUITE_END()
