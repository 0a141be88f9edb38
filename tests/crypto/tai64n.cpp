#include "crypto/tai64n.hpp"

#include "tests/crypto/octets.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

constexpr duration step{1 << 24};

/// The label a source that has given none yet gives.
std::string label_at(duration since_1970) {
  return to_hex(timestamp_source{}.next(wall_time(since_1970)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(tai64n)

BOOST_AUTO_TEST_CASE(labels_are_seconds_and_coarse_nanoseconds_big_endian) {
  BOOST_TEST(label_at(0s) == "400000000000000a00000000");
  BOOST_TEST(label_at(step) == "400000000000000a01000000");
  // The example of the TAI64 specification: 1992-06-02 08:07:09 TAI.
  BOOST_TEST(label_at(707472429s - 10s + 500ms) == "400000002a2b2c2d1d000000");
  BOOST_TEST(label_at(1s - 1ns) == "400000000000000a3b000000");
  BOOST_TEST(label_at(1s) == "400000000000000b00000000");
}

BOOST_AUTO_TEST_CASE(labels_before_1970_are_in_order_too) {
  BOOST_TEST(label_at(-1ns) == "40000000000000093b000000");
  BOOST_TEST(label_at(-1s) == "400000000000000900000000");
}

BOOST_AUTO_TEST_CASE(labels_of_one_step_do_not_tell_the_time_within_it) {
  BOOST_TEST(label_at(1h) == label_at(1h + step - 1ns));
  BOOST_TEST(label_at(1h) != label_at(1h + step));
}

BOOST_AUTO_TEST_CASE(a_clock_that_stands_still_gives_later_labels_still) {
  timestamp_source source;
  timestamp last = source.next(wall_time(1h));
  for (int i = 0; i < 200; ++i) {
    const timestamp label = source.next(wall_time(1h));
    BOOST_REQUIRE(last < label);
    BOOST_REQUIRE(load_be32(label.data() + 8) < 1'000'000'000);
    last = label;
  }
  BOOST_TEST(load_be32(last.data() + 4) == 3600U + 10 + 200 / 60);
}

BOOST_AUTO_TEST_CASE(a_clock_set_back_gives_later_labels_still) {
  timestamp_source source;
  const timestamp before = source.next(wall_time(48h));
  const timestamp after = source.next(wall_time(24h));
  BOOST_TEST(to_hex(before) == "400000000002a30a00000000");
  BOOST_TEST(to_hex(after) == "400000000002a30a01000000");
}

BOOST_AUTO_TEST_CASE(a_clock_that_caught_up_is_followed_again) {
  timestamp_source source;
  source.next(wall_time(48h));
  source.next(wall_time(24h));
  BOOST_TEST(to_hex(source.next(wall_time(49h))) == label_at(49h));
}

BOOST_AUTO_TEST_SUITE_END()
