#include "crypto/rate_limiter.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>

#include <string_view>
#include <vector>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr time_point start{1h};

ip_address at(std::string_view text) {
  return parse_ip_address(text).value();
}

ip_address numbered(std::uint32_t number) {
  byte_array<4> octets{};
  store_be32(octets.data(), number);
  return make_ipv4(octets.data());
}

} // namespace

BOOST_AUTO_TEST_SUITE(rate_limiter)

BOOST_AUTO_TEST_CASE(a_burst_passes_and_then_one_packet_each_fiftieth_millisecond) {
  struct row {
    int number;
    std::chrono::milliseconds when;
    bool allowed;
  };
  const std::vector<row> rows = {
      {1, 0ms, true},     {2, 0ms, true},     {3, 0ms, true},     {4, 0ms, true},
      {5, 0ms, true},     {6, 0ms, false},    {7, 49ms, false},   {8, 50ms, true},
      {9, 50ms, false},   {10, 99ms, false},  {11, 100ms, true},  {12, 200ms, true},
      {13, 200ms, true},  {14, 200ms, false}, {15, 449ms, true},  {16, 449ms, true},
      {17, 449ms, true},  {18, 449ms, true},  {19, 449ms, false}, {20, 900ms, true},
      {21, 900ms, true},  {22, 900ms, true},  {23, 900ms, true},  {24, 900ms, true},
      {25, 900ms, false},
  };
  crypto::rate_limiter limiter;
  for (const row& r : rows)
    BOOST_TEST(limiter.allow(at("10.0.0.1"), start + r.when) == r.allowed, "row " << r.number);
}

BOOST_AUTO_TEST_CASE(each_ipv4_address_has_its_own_bucket) {
  crypto::rate_limiter limiter;
  for (int i = 0; i < limits::rate_limit_burst; ++i)
    BOOST_TEST(limiter.allow(at("10.0.0.1"), start));
  BOOST_TEST(!limiter.allow(at("10.0.0.1"), start));
  BOOST_TEST(limiter.allow(at("10.0.0.2"), start));
}

BOOST_AUTO_TEST_CASE(all_addresses_of_an_ipv6_64_share_a_bucket) {
  crypto::rate_limiter limiter;
  for (int i = 0; i < limits::rate_limit_burst; ++i)
    BOOST_TEST(limiter.allow(at("2001:db8:0:1::" + std::to_string(i)), start));
  BOOST_TEST(!limiter.allow(at("2001:db8:0:1:ffff:ffff:ffff:ffff"), start));
  BOOST_TEST(limiter.allow(at("2001:db8:0:2::"), start));
}

BOOST_AUTO_TEST_CASE(ipv4_and_ipv6_of_the_same_octets_do_not_share) {
  crypto::rate_limiter limiter;
  for (int i = 0; i < limits::rate_limit_burst; ++i)
    BOOST_TEST(limiter.allow(at("32.1.13.184"), start));
  BOOST_TEST(!limiter.allow(at("32.1.13.184"), start));
  BOOST_TEST(limiter.allow(at("2001:db8::"), start));
}

BOOST_AUTO_TEST_CASE(refused_packets_do_not_hold_tokens_back) {
  crypto::rate_limiter limiter;
  int allowed = 0;
  for (duration at_time = 0ms; at_time < 10s; at_time += 1ms)
    allowed += limiter.allow(at("10.0.0.1"), start + at_time) ? 1 : 0;
  BOOST_TEST(allowed == limits::rate_limit_burst + 10 * limits::rate_limit_packets_per_second - 1);
}

BOOST_AUTO_TEST_CASE(a_full_table_refuses_new_sources_and_serves_known_ones) {
  crypto::rate_limiter limiter;
  for (std::uint32_t i = 0; i < limits::rate_limit_sources_max; ++i)
    BOOST_REQUIRE(limiter.allow(numbered(i), start));
  BOOST_TEST(!limiter.allow(at("200.0.0.1"), start + 999ms));
  BOOST_TEST(limiter.allow(numbered(7), start + 999ms));
  BOOST_TEST(limiter.size() == limits::rate_limit_sources_max);
}

BOOST_AUTO_TEST_CASE(idle_entries_make_room) {
  crypto::rate_limiter limiter;
  for (std::uint32_t i = 0; i < limits::rate_limit_sources_max; ++i)
    BOOST_REQUIRE(limiter.allow(numbered(i), start));
  for (std::uint32_t i = 0; i < limits::rate_limit_sources_max; ++i)
    BOOST_REQUIRE(limiter.allow(numbered(1'000'000 + i), start + 1s));
  BOOST_TEST(limiter.allow(numbered(1), start + 5s));
}

BOOST_AUTO_TEST_CASE(entries_in_use_are_kept_while_idle_ones_are_collected) {
  crypto::rate_limiter limiter;
  const ip_address busy = numbered(1);
  for (int i = 0; i < limits::rate_limit_burst; ++i)
    BOOST_TEST(limiter.allow(busy, start));
  for (std::uint32_t i = 2; i < 100; ++i)
    BOOST_TEST(limiter.allow(numbered(i), start));
  for (int i = 1; i <= 22; ++i)
    static_cast<void>(limiter.allow(busy, start + i * 49ms));
  BOOST_TEST(limiter.size() < 99);
  BOOST_TEST(limiter.size() > 1);
  for (int i = 23; i < 200; ++i)
    static_cast<void>(limiter.allow(busy, start + i * 49ms));
  BOOST_TEST(limiter.size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
