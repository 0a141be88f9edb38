#include "actors/token_bucket.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

struct bucket_fixture {
  token_bucket bucket{10, 3};
  time_point now{1h};

  int take_all() {
    int taken = 0;
    while (bucket.take(now))
      ++taken;
    return taken;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(token_bucket, bucket_fixture)

BOOST_AUTO_TEST_CASE(it_starts_full) {
  BOOST_TEST(take_all() == 3);
}

BOOST_AUTO_TEST_CASE(it_fills_at_its_rate) {
  take_all();
  now += 99ms;
  BOOST_TEST(take_all() == 0);
  now += 1ms;
  BOOST_TEST(take_all() == 1);
  now += 250ms;
  BOOST_TEST(take_all() == 2);
  now += 50ms; // what was over is kept
  BOOST_TEST(take_all() == 1);
}

BOOST_AUTO_TEST_CASE(it_never_holds_more_than_the_burst) {
  take_all();
  now += 24h * 365;
  BOOST_TEST(take_all() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
