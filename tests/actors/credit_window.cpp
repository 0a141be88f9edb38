// The controller before a simulated way: a reader that always has more, and a sink of some rate
// behind a delay. Nothing is real but the window.
#include "actors/credit_window.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <random>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t batch_octets = 64 * 1024;
constexpr std::size_t most = 16 * 128 * 1024;
constexpr duration target = 2ms;

/// Serves batches in order. Time goes on from one batch's end to the next.
class way {
public:
  explicit way(const credit_settings& settings) : window(settings, most) {}

  /// Octets a second, from now on.
  double rate = 600e6;
  /// What a batch takes beside its octets, however idle the way.
  std::function<duration()> delay = [] { return 50us; };
  /// Whether the reader has anything.
  bool loaded = true;

  void run(duration time) {
    const time_point end = now + time;
    home = 0;
    longest_stand = duration::zero();
    while (now < end) {
      fill();
      if (out_.empty()) {
        now += 100us;
        continue;
      }
      const batch first = out_.front();
      out_.pop_front();
      now = std::max(now, first.ready) +
            duration(static_cast<std::int64_t>(static_cast<double>(first.octets) / rate * 1e9));
      window.came_home(first.octets, now - first.filled, now);
      home += first.octets;
      longest_stand = std::max(longest_stand, now - first.filled);
    }
  }

  /// As much of the rate as was used, over the last `run`.
  [[nodiscard]] double used(duration time) const {
    return static_cast<double>(home) / (rate * std::chrono::duration<double>(time).count());
  }

  credit_window window;
  time_point now{std::chrono::hours(1)};
  std::size_t home = 0;
  duration longest_stand{};

private:
  struct batch {
    std::size_t octets;
    time_point filled;
    time_point ready;
  };

  void fill() {
    while (loaded && window.has_room()) {
      window.took(batch_octets, now);
      out_.push_back({batch_octets, now, now + delay()});
    }
    if (loaded)
      window.stopped();
  }

  std::deque<batch> out_;
};

const credit_settings automatic{std::nullopt, target};

} // namespace

BOOST_AUTO_TEST_SUITE(credit_window_)

BOOST_AUTO_TEST_CASE(fixed_window_stays) {
  way fixed({std::size_t{300'000}, target});
  BOOST_TEST(fixed.window.octets() == 300'000U);
  fixed.rate = 1e6;
  fixed.run(5s);
  BOOST_TEST(fixed.window.octets() == 300'000U);
}

BOOST_AUTO_TEST_CASE(fixed_window_is_between_a_super_packet_and_all_slabs) {
  BOOST_TEST(credit_window({std::size_t{1}, target}, most).octets() == limits::credit_window_min);
  BOOST_TEST(credit_window({most * 2, target}, most).octets() == most);
}

BOOST_AUTO_TEST_CASE(room_is_what_is_not_out) {
  credit_window window({std::size_t{100'000}, target}, most);
  BOOST_TEST(window.has_room());
  window.took(99'999, {});
  BOOST_TEST(window.has_room());
  window.took(64'000, {}); // a batch may exceed it
  BOOST_TEST(!window.has_room());
  BOOST_TEST(window.out() == 163'999U);
  window.came_home(64'000, 1ms, {});
  BOOST_TEST(window.has_room());
}

BOOST_AUTO_TEST_CASE(fast_way_keeps_all_it_may_have) {
  way fast(automatic);
  fast.rate = 5e9; // all slabs in 0.4 ms
  fast.run(1s);
  BOOST_TEST(fast.window.octets() == most);
  fast.run(1s);
  BOOST_TEST(fast.used(1s) > 0.98);
}

BOOST_AUTO_TEST_CASE(queue_of_a_slower_way_stands_no_longer_than_the_target) {
  for (const double rate : {50e6, 200e6, 600e6}) {
    way slower(automatic);
    slower.rate = rate;
    slower.run(200ms);
    slower.run(2s);
    BOOST_TEST(slower.used(2s) > 0.98, "at " << rate);
    // One batch more than the target, or, where that is more, the least there may be.
    const double least = 2.0 * batch_octets / rate;
    const double bound = std::max(least, 1.5 * 2e-3 + batch_octets / rate);
    BOOST_TEST(std::chrono::duration<double>(slower.longest_stand).count() <= bound, "at " << rate);
  }
}

BOOST_AUTO_TEST_CASE(slow_way_keeps_one_super_packet_out) {
  way slow(automatic);
  slow.rate = 1e6;
  slow.run(5s);
  BOOST_TEST(slow.window.octets() == limits::credit_window_min);
  slow.run(5s);
  BOOST_TEST(slow.used(5s) > 0.98);
}

BOOST_AUTO_TEST_CASE(step_of_the_rate_is_followed_both_ways) {
  way changing(automatic);
  changing.rate = 1e9;
  changing.run(1s);
  changing.rate = 50e6;
  changing.run(100ms);
  changing.run(1s);
  BOOST_TEST(changing.longest_stand < 6ms);
  BOOST_TEST(changing.used(1s) > 0.98);
  changing.rate = 1e9;
  changing.run(60ms);
  changing.run(1s);
  BOOST_TEST(changing.used(1s) > 0.95);
}

BOOST_AUTO_TEST_CASE(recovery_from_a_stall_takes_less_than_100_ms) {
  way stalled(automatic);
  stalled.run(1s);
  stalled.rate = 1e4; // a batch in six seconds
  stalled.run(10s);
  stalled.rate = 600e6;
  stalled.run(60ms);
  stalled.run(40ms);
  BOOST_TEST(stalled.used(40ms) > 0.95);
}

BOOST_AUTO_TEST_CASE(after_idling_it_is_as_wide_as_before) {
  way resting(automatic);
  resting.rate = 400e6;
  resting.run(1s);
  const std::size_t before = resting.window.octets();
  resting.loaded = false;
  resting.run(30s);
  resting.loaded = true;
  resting.run(20ms);
  BOOST_TEST(resting.window.octets() >= before * 3 / 4);
  resting.run(1s);
  BOOST_TEST(resting.used(1s) > 0.98);
}

BOOST_AUTO_TEST_CASE(jitter_is_no_standing_queue) {
  way jittery(automatic);
  std::mt19937 random(7); // NOLINT: the same in each run
  jittery.delay = [&] { return std::chrono::microseconds(random() % 1500); };
  jittery.rate = 600e6;
  jittery.run(500ms);
  jittery.run(2s);
  BOOST_TEST(jittery.used(2s) > 0.9);
}

BOOST_AUTO_TEST_CASE(it_begins_with_little_and_has_all_soon) {
  way fast(automatic);
  BOOST_TEST(fast.window.octets() == limits::credit_window_first);
  fast.rate = 5e9;
  fast.run(60ms);
  BOOST_TEST(fast.window.octets() == most);
}

BOOST_AUTO_TEST_CASE(one_slow_batch_is_no_queue) {
  credit_window window(automatic, most);
  const std::size_t before = window.octets();
  for (int i = 0; i < 10; ++i) { // each alone, with time between
    const time_point begin = time_point(1h) + i * 50ms;
    window.took(84, begin);
    window.came_home(84, 9ms, begin + 9ms);
  }
  BOOST_TEST(window.octets() == before);
}

BOOST_AUTO_TEST_CASE(socket_that_swallows_the_first_does_not_widen_it) {
  credit_window window(automatic, most);
  const std::size_t before = window.octets();
  const time_point begin{1h};
  for (int i = 0; i < 4; ++i) {
    window.took(batch_octets, begin);
    window.stopped();
    window.came_home(batch_octets, i == 0 ? duration(10us) : duration(i * 65ms), begin + i * 65ms);
  }
  BOOST_TEST(window.octets() <= before);
}

BOOST_AUTO_TEST_CASE(what_was_dropped_does_not_hide_a_queue) {
  way slow(automatic);
  slow.rate = 50e6;
  slow.run(200ms);
  for (int i = 0; i < 400; ++i) { // a packet without a peer, every 5 ms
    slow.window.took(84, slow.now);
    slow.window.gave_back(84);
    slow.run(5ms);
    BOOST_TEST(slow.longest_stand < 6ms);
  }
  BOOST_TEST(slow.window.octets() < 4 * limits::credit_window_min);
}

BOOST_AUTO_TEST_CASE(long_way_gets_a_wide_window_as_far_as_the_target_lets_it) {
  way distant(automatic);
  distant.delay = [] { return 1500us; };
  distant.rate = 600e6;
  distant.run(500ms);
  distant.run(1s);
  BOOST_TEST(distant.used(1s) > 0.9);
}

BOOST_AUTO_TEST_SUITE_END()
