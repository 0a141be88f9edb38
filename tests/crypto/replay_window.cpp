#include "crypto/replay_window.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <random>
#include <set>
#include <vector>

using namespace troupe;

namespace {

constexpr std::uint64_t limit = limits::reject_after_messages;
/// How far behind the newest a packet may be.
constexpr std::uint64_t late = limits::replay_window_bits - 64;
/// The first counter that makes counter zero too old.
constexpr std::uint64_t far = late + 1;

struct row {
  int number;
  std::uint64_t counter;
  bool accepted;
};

/// Feeds one fresh window with the rows, in order.
void run(const std::vector<row>& rows) {
  const std::unique_ptr<crypto::replay_window> window = std::make_unique<crypto::replay_window>();
  for (const row& r : rows) {
    BOOST_TEST_CONTEXT("row " << r.number << ", counter " << r.counter) {
      BOOST_TEST(window->would_accept(r.counter) == r.accepted);
      BOOST_TEST(window->accept(r.counter) == r.accepted);
      BOOST_TEST(!window->would_accept(r.counter));
    }
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(replay_window)

BOOST_AUTO_TEST_CASE(counters_are_accepted_once_and_not_too_late) {
  run({
      {1, 0, true},
      {2, 1, true},
      {3, 1, false},
      {4, 9, true},
      {5, 8, true},
      {6, 7, true},
      {7, 7, false},
      {8, far, true},
      {9, far - 1, true},
      {10, far - 1, false},
      {11, far - 2, true},
      {12, 2, true},
      {13, 2, false},
      {14, far + 16, true},
      {15, 3, false},
      {16, 16, false},
      {17, 17, true},
      {18, far + 16, false},
      {19, far * 4, true},
      {20, far * 4 - late, true},
      {21, far * 4 - far, false},
      {22, far + 17, false},
      {23, 0, false},
  });
}

BOOST_AUTO_TEST_CASE(first_packet_may_be_any_and_earlier_ones_may_follow) {
  run({{1, 1000, true}, {2, 0, true}, {3, 999, true}, {4, 0, false}, {5, 1000, false}});
  run({{1, far, true}, {2, 0, false}, {3, 1, true}});
}

BOOST_AUTO_TEST_CASE(counters_end_at_reject_after_messages) {
  run({
      {1, limit, false},
      {2, limit + 1, false},
      {3, ~std::uint64_t{0}, false},
      {4, 0, true},
      {5, limit - 1, true},
      {6, limit, false},
      {7, limit - 1, false},
      {8, limit - 2, true},
      {9, limit - 1 - late, true},
      {10, limit - 1 - far, false},
      {11, 0, false},
  });
}

BOOST_AUTO_TEST_CASE(refused_far_counter_does_not_move_the_window) {
  run({{1, 5, true}, {2, ~std::uint64_t{0}, false}, {3, 4, true}, {4, 5, false}});
}

BOOST_AUTO_TEST_CASE(a_whole_window_in_reverse_is_accepted_once) {
  const std::unique_ptr<crypto::replay_window> window = std::make_unique<crypto::replay_window>();
  for (std::uint64_t counter = far; counter >= 1; --counter)
    BOOST_REQUIRE(window->accept(counter));
  BOOST_TEST(!window->accept(0));
  for (std::uint64_t counter = 0; counter <= far; ++counter)
    BOOST_REQUIRE(!window->accept(counter));
}

BOOST_AUTO_TEST_CASE(jumps_of_every_length_forget_what_left_the_window) {
  for (std::uint64_t jump = 1; jump <= 3 * limits::replay_window_bits; jump += 61) {
    crypto::replay_window window;
    BOOST_REQUIRE(window.accept(100));
    BOOST_REQUIRE(window.accept(100 + jump));
    BOOST_REQUIRE(!window.accept(100));
    BOOST_REQUIRE(window.accept(100 + jump - 1) == (jump > 1));
    BOOST_REQUIRE(window.accept(100 + jump + 1));
  }
}

BOOST_AUTO_TEST_CASE(random_counters_are_judged_as_by_a_set_of_all_seen) {
  std::mt19937_64 random(6479);
  const std::unique_ptr<crypto::replay_window> window = std::make_unique<crypto::replay_window>();
  std::set<std::uint64_t> seen;
  std::uint64_t newest = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t ahead = random() % 1000 == 0 ? 20'000 : 40;
    const std::uint64_t base = newest + random() % ahead;
    const std::uint64_t counter = base - std::min(base, random() % 10'000);
    const bool expected = counter + late >= newest && !seen.contains(counter);
    BOOST_REQUIRE(window->accept(counter) == expected);
    if (expected) {
      seen.insert(counter);
      newest = std::max(newest, counter);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
