#include "messages/shortcut.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(shortcuts)

BOOST_AUTO_TEST_CASE(without_work_there_is_none) {
  shortcut way;
  BOOST_TEST(!way.try_do({}));
}

BOOST_AUTO_TEST_CASE(it_is_there_until_the_actor_is_told_and_again_when_that_is_done) {
  shortcut way;
  int done = 0;
  bool willing = true;
  way.open([&](const slab_ref&) { return willing && ++done > 0; });
  BOOST_TEST(way.try_do({}));
  willing = false;
  BOOST_TEST(!way.try_do({}));
  willing = true;
  BOOST_TEST(!way.try_do({}));
  BOOST_TEST(done == 1);
  way.done();
  BOOST_TEST(!way.try_do({})); // the second is not done, and now there is a third
  way.done();
  way.done();
  BOOST_TEST(way.try_do({}));
  BOOST_TEST(done == 2);
  way.close();
  BOOST_TEST(!way.try_do({}));
}

BOOST_AUTO_TEST_CASE(while_the_actor_is_at_work_there_is_none) {
  shortcut way;
  way.open([](const slab_ref&) { return true; });
  {
    const shortcut::turn mine(way);
    BOOST_TEST(!way.try_do({}));
  }
  way.done();
  BOOST_TEST(way.try_do({}));
}

BOOST_AUTO_TEST_CASE(work_is_done_once_and_in_order_by_one_at_a_time) {
  constexpr int batches = 20'000;
  shortcut way;
  std::vector<int> done; // touched by whoever has the turn
  std::mutex guard;
  std::deque<int> told;
  int handed_over = 0; // read by the work, on the thread that hands over
  way.open([&](const slab_ref&) {
    if (handed_over % 3 == 0)
      return false;
    done.push_back(handed_over);
    return true;
  });
  std::thread actor([&] {
    for (int taken = -1; taken != batches;) {
      {
        const std::lock_guard<std::mutex> hold(guard);
        if (told.empty())
          continue;
        taken = told.front();
        told.pop_front();
      }
      const shortcut::turn mine(way);
      if (taken != batches)
        done.push_back(taken);
      way.done();
    }
  });
  for (; handed_over <= batches; ++handed_over)
    if (handed_over == batches || !way.try_do({})) {
      const std::lock_guard<std::mutex> hold(guard);
      told.push_back(handed_over);
    }
  actor.join();
  std::vector<int> expected;
  for (int i = 0; i < batches; ++i)
    expected.push_back(i);
  BOOST_TEST(done == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
