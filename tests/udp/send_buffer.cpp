// The size of a send buffer before a simulated way out: what was queued leaves at some rate, and
// the writer comes back when half of the buffer is free, as poll(2) has it.
#include "udp/send_buffer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::udp;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most = 2 * 1024 * 1024;
constexpr std::size_t longest = 1452;
constexpr std::size_t least = limits::udp_send_queue_min + 2 * longest;
constexpr duration target = 2ms;

struct way_out {
  send_buffer buffer{most, target};
  std::size_t size = limits::udp_send_queue_first;
  time_point now{1h};
  double octets_per_second = 1e9;
  /// The writer comes so much later than it could.
  duration late = 20us;

  /// Fills the buffer and drains it to half, so many times.
  void play(int times) {
    for (int i = 0; i < times; ++i) {
      const std::size_t full = size;
      buffer.full(full, now);
      const double half = static_cast<double>(full) / 2;
      now += duration(static_cast<std::int64_t>(half / octets_per_second * 1e9)) + late;
      const double gone = half + octets_per_second * std::chrono::duration<double>(late).count();
      const std::size_t left = full - std::min(full, static_cast<std::size_t>(gone));
      size = buffer.writable(left, size, longest, now).value_or(size);
    }
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(send_buffer_)

BOOST_AUTO_TEST_CASE(buffer_holds_what_leaves_in_the_targets_time) {
  way_out way;
  for (const double rate : {100e6, 300e6, 800e6}) {
    way.octets_per_second = rate;
    way.play(20);
    const double wanted = rate * 2e-3;
    BOOST_TEST(static_cast<double>(way.size) <= 1.35 * wanted, "at " << rate);
    BOOST_TEST(static_cast<double>(way.size) >= 0.7 * wanted, "at " << rate);
  }
}

BOOST_AUTO_TEST_CASE(slow_way_keeps_room_for_a_train) {
  way_out way;
  way.octets_per_second = 1000;
  way.play(3);
  BOOST_TEST(way.size == least);
}

BOOST_AUTO_TEST_CASE(longest_datagram_fits_in_fragments) {
  send_buffer buffer(most, target);
  buffer.full(most, time_point{1s});
  BOOST_TEST(buffer.writable(most / 2, most, 65507, time_point{100s}).value() ==
             limits::udp_send_queue_min + 2 * std::size_t{65507});
}

BOOST_AUTO_TEST_CASE(fast_way_has_the_whole_buffer_again_at_once) {
  way_out way;
  way.octets_per_second = 1000;
  way.play(2);
  way.octets_per_second = 5e9;
  const time_point begin = way.now;
  way.play(12);
  BOOST_TEST(way.size == most);
  BOOST_TEST(((way.now - begin) < 10ms));
}

BOOST_AUTO_TEST_CASE(late_writer_does_not_make_it_small) {
  way_out way;
  way.octets_per_second = 1e9;
  way.late = 3ms; // each time it ran empty
  way.play(10);
  BOOST_TEST(way.size == most);
}

BOOST_AUTO_TEST_CASE(what_does_not_change_it_much_is_no_change) {
  send_buffer buffer(most, target);
  const std::size_t gone = most / 2;
  buffer.full(most, time_point{1s});
  // A rate that wants 90 % of it.
  const duration time(static_cast<std::int64_t>(2e6 * static_cast<double>(gone) / (0.9 * most)));
  BOOST_TEST(!buffer.writable(most - gone, most, longest, time_point{1s} + time));
}

BOOST_AUTO_TEST_CASE(without_a_wait_nothing_is_learnt) {
  send_buffer buffer(most, target);
  BOOST_TEST(!buffer.writable(0, most, longest, time_point{1s}));
  buffer.full(most, time_point{1s});
  BOOST_TEST(!buffer.writable(most / 2, most, longest, time_point{1s}));
}

BOOST_AUTO_TEST_CASE(little_that_left_at_once_is_no_rate) {
  send_buffer buffer(most, target);
  buffer.full(most, time_point{1s});
  BOOST_TEST(!buffer.writable(most - most / 5, most / 2, longest, time_point{1s} + 10us));
}

BOOST_AUTO_TEST_CASE(socket_that_was_empty_before_anybody_looked_is_too_small) {
  send_buffer buffer(most, target);
  buffer.full(0, time_point{1s});
  BOOST_TEST(buffer.writable(0, 100'000, longest, time_point{2s}).value() == 200'000U);
}

BOOST_AUTO_TEST_CASE(it_grows_to_twice_its_size_at_most) {
  send_buffer buffer(most, target);
  buffer.full(100'000, time_point{1s});
  BOOST_TEST(buffer.writable(50'000, 100'000, longest, time_point{1s} + 1us).value() == 200'000U);
}

BOOST_AUTO_TEST_CASE(who_finds_a_shared_buffer_empty_makes_it_larger) {
  send_buffer one(most, target);
  send_buffer other(most, target);
  one.full(200'000, time_point{1s});
  const std::size_t size = one.writable(100'000, 200'000, longest, time_point{3s}).value();
  BOOST_TEST(size == least);
  other.full(size, time_point{4s});
  BOOST_TEST(other.writable(0, size, longest, time_point{4s} + 1ms).value() == 2 * size);
}

BOOST_AUTO_TEST_SUITE_END()
