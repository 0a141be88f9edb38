#include "messages/histogram.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(histogram_of_durations)

BOOST_AUTO_TEST_CASE(without_any_there_is_nothing_to_say) {
  const histogram none;
  BOOST_TEST(none.total() == 0U);
  BOOST_TEST(none.percentile(50).count() == 0);
  BOOST_TEST(none.largest().count() == 0);
}

BOOST_AUTO_TEST_CASE(percentiles_are_right_within_a_fifth) {
  histogram all;
  for (int us = 1; us <= 10000; ++us)
    all.count(std::chrono::microseconds(us));
  for (const double percent : {1.0, 50.0, 90.0, 99.0}) {
    const double expected = percent * 100'000;
    const double found = static_cast<double>(all.percentile(percent).count());
    BOOST_TEST(found >= expected);
    BOOST_TEST(found <= expected * 1.25);
  }
  BOOST_TEST(all.percentile(100).count() == all.largest().count());
  BOOST_TEST(all.largest().count() == duration(10ms).count());
}

BOOST_AUTO_TEST_CASE(one_value_is_every_percentile) {
  histogram one;
  one.count(3ms);
  for (const double percent : {0.0, 50.0, 99.0, 100.0})
    BOOST_TEST(one.percentile(percent).count() == duration(3ms).count());
}

BOOST_AUTO_TEST_CASE(the_shortest_and_the_longest_have_a_class) {
  histogram all;
  for (const duration each : {duration(-1), duration(0), duration(1), duration(1023)})
    all.count(each);
  BOOST_TEST(all.percentile(99).count() == 1023);
  all.count(24h);
  BOOST_TEST(all.total() == 5U);
  BOOST_TEST(all.largest().count() == duration(24h).count());
}

BOOST_AUTO_TEST_CASE(difference_has_only_what_came_since) {
  histogram all;
  for (int i = 0; i < 100; ++i)
    all.count(1ms);
  const histogram before = all;
  for (int i = 0; i < 10; ++i)
    all.count(20ms);
  const histogram since = all.since(before);
  BOOST_TEST(since.total() == 10U);
  BOOST_TEST(since.percentile(50).count() == duration(20ms).count());
}

BOOST_AUTO_TEST_SUITE_END()
