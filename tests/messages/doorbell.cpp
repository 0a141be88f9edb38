#include "messages/doorbell.hpp"

#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <unistd.h>

#include <cstdint>

using namespace troupe;

namespace {

/// Whether a sleep in poll(2) would end at once.
bool rings(const doorbell& bell) {
  pollfd watched{bell.fd(), POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

} // namespace

BOOST_AUTO_TEST_SUITE(doorbell_)

BOOST_AUTO_TEST_CASE(bell_of_one_who_is_awake_is_silent) {
  doorbell bell;
  bell.ring();
  bell.ring_for_credit();
  BOOST_TEST(!rings(bell));
}

BOOST_AUTO_TEST_CASE(sleeper_hears_the_first_ring_until_awake) {
  doorbell bell;
  bell.about_to_sleep(false);
  BOOST_TEST(!rings(bell));
  bell.ring();
  BOOST_TEST(rings(bell));
  bell.ring();
  std::uint64_t written = 0;
  BOOST_REQUIRE(::read(bell.fd(), &written, sizeof written) == sizeof written);
  BOOST_TEST(written == 1U, "one who has been woken is not written to again");
}

BOOST_AUTO_TEST_CASE(awake_takes_the_ring_away_and_the_next_sleep_begins_anew) {
  doorbell bell;
  for (int sleep = 0; sleep < 3; ++sleep) {
    bell.about_to_sleep(false);
    BOOST_TEST(!rings(bell));
    bell.ring();
    BOOST_TEST(rings(bell));
    bell.awake();
    BOOST_TEST(!rings(bell));
  }
}

BOOST_AUTO_TEST_CASE(one_who_wakes_by_another_descriptor_is_awake) {
  doorbell bell;
  bell.about_to_sleep(false);
  bell.awake();
  bell.ring();
  BOOST_TEST(!rings(bell));
}

BOOST_AUTO_TEST_CASE(credit_wakes_only_a_sleeper_who_has_none) {
  doorbell bell;
  bell.about_to_sleep(false);
  bell.ring_for_credit();
  BOOST_TEST(!rings(bell));
  bell.awake();
  bell.about_to_sleep(true);
  bell.ring_for_credit();
  BOOST_TEST(rings(bell));
}

BOOST_AUTO_TEST_CASE(other_mail_wakes_a_sleeper_without_credit) {
  doorbell bell;
  bell.about_to_sleep(true);
  bell.ring();
  BOOST_TEST(rings(bell));
  bell.awake();
  BOOST_TEST(!rings(bell));
}

BOOST_AUTO_TEST_CASE(mail_after_a_credit_that_did_not_wake_still_wakes) {
  doorbell bell;
  bell.about_to_sleep(false);
  bell.ring_for_credit();
  bell.ring();
  BOOST_TEST(rings(bell));
}

BOOST_AUTO_TEST_CASE(event_written_after_the_sleeper_awoke_ends_one_sleep_not_all) {
  doorbell bell;
  bell.about_to_sleep(false);
  bell.ring();
  // The ringer was stopped before its write: as if the event were not there yet.
  std::uint64_t written = 0;
  BOOST_REQUIRE(::read(bell.fd(), &written, sizeof written) == sizeof written);
  bell.awake();
  BOOST_REQUIRE(::write(bell.fd(), &written, sizeof written) == sizeof written);

  bell.about_to_sleep(false);
  BOOST_TEST(rings(bell));
  bell.awake();
  bell.about_to_sleep(false);
  BOOST_TEST(!rings(bell));
}

BOOST_AUTO_TEST_CASE(two_late_events_are_both_taken_away) {
  doorbell bell;
  const std::uint64_t once = 1;
  std::uint64_t written = 0;
  for (int late = 0; late < 2; ++late) {
    bell.about_to_sleep(false);
    bell.ring();
    BOOST_REQUIRE(::read(bell.fd(), &written, sizeof written) == sizeof written);
    bell.awake();
  }
  for (int late = 0; late < 2; ++late) {
    BOOST_REQUIRE(::write(bell.fd(), &once, sizeof once) == sizeof once);
    bell.about_to_sleep(false);
    bell.awake();
    BOOST_TEST(!rings(bell));
  }
}

BOOST_AUTO_TEST_SUITE_END()
