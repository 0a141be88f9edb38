#include "crypto/timers.hpp"

#include "tests/crypto/seeded_random.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

constexpr time_point start = time_point(1h);
constexpr duration jitter_max = limits::rekey_timeout_jitter_max;

/// No jitter, so that a test can name a deadline exactly.
class no_random : public random_source {
public:
  void fill(bytes out) override { std::fill(out.begin(), out.end(), std::uint8_t{0}); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(timers)

BOOST_AUTO_TEST_CASE(nothing_is_due_without_facts) {
  crypto::timers clock;
  BOOST_TEST((clock.next_deadline() == never));
  BOOST_TEST(!clock.take_due(start + 1h));
}

BOOST_AUTO_TEST_CASE(an_unanswered_initiation_is_retried_after_rekey_timeout_and_jitter) {
  seeded_random random;
  time_point earliest = never;
  time_point latest = start;
  for (int i = 0; i < 1000; ++i) {
    crypto::timers clock;
    clock.on_handshake_initiated(start, random);
    earliest = std::min(earliest, clock.next_deadline());
    latest = std::max(latest, clock.next_deadline());
  }
  BOOST_TEST((earliest >= start + 5s && earliest < start + 5s + 20ms));
  BOOST_TEST((latest <= start + 5s + jitter_max && latest > start + 5s + jitter_max - 20ms));
}

BOOST_AUTO_TEST_CASE(retries_end_after_rekey_attempt_time) {
  no_random random;
  crypto::timers clock;
  time_point now = start;
  clock.on_handshake_initiated(now, random);
  int retries = 0;
  for (;;) {
    now = clock.next_deadline();
    const std::optional<timer_action> action = clock.take_due(now);
    if (action != timer_action::retry_handshake) {
      BOOST_TEST((action == timer_action::give_up_handshake));
      break;
    }
    ++retries;
    BOOST_TEST((now <= start + 90s));
    clock.on_handshake_initiated(now, random);
  }
  BOOST_TEST(retries == 18);
  BOOST_TEST((now > start + 90s && now <= start + 95s));
  BOOST_TEST((clock.next_deadline() == now + 540s)); // what keys there are go in the end
}

BOOST_AUTO_TEST_CASE(a_completed_handshake_is_not_retried) {
  no_random random;
  crypto::timers clock;
  clock.on_handshake_initiated(start, random);
  BOOST_TEST((clock.take_due(start + 5s) == timer_action::retry_handshake));
  clock.on_handshake_initiated(start + 5s, random);
  BOOST_TEST(clock.attempts() == 1);
  clock.on_handshake_complete();
  BOOST_TEST((clock.next_deadline() == never));
  BOOST_TEST(clock.attempts() == 0);
}

BOOST_AUTO_TEST_CASE(a_deferred_initiation_is_asked_for_soon_and_not_counted) {
  seeded_random random;
  crypto::timers clock;
  for (int i = 0; i < 100; ++i) {
    clock.on_initiation_deferred(start, random);
    BOOST_TEST((clock.next_deadline() <= start + jitter_max));
    BOOST_TEST((clock.take_due(start + jitter_max) == timer_action::begin_deferred_handshake));
  }
  BOOST_TEST(clock.attempts() == 0);
  clock.on_handshake_initiated(start, random);
  BOOST_TEST((clock.take_due(start + 6s) == timer_action::retry_handshake));
}

BOOST_AUTO_TEST_CASE(the_last_attempt_is_made_though_it_was_deferred) {
  no_random random;
  crypto::timers clock;
  clock.on_handshake_initiated(start, random);
  while (clock.attempts() < limits::handshake_attempts_max) {
    BOOST_TEST((clock.take_due(clock.next_deadline()) == timer_action::retry_handshake));
    clock.on_handshake_initiated(start, random);
  }
  clock.on_initiation_deferred(start, random);
  BOOST_TEST((clock.take_due(start) == timer_action::begin_deferred_handshake));
  clock.on_handshake_initiated(start, random);
  BOOST_TEST((clock.take_due(start + 5s) == timer_action::give_up_handshake));
}

BOOST_AUTO_TEST_CASE(no_answer_is_told_once_in_19_initiations_and_forgotten_with_an_answer) {
  crypto::timers clock;
  for (int i = 1; i <= 3 * 19; ++i) {
    BOOST_TEST(clock.on_initiation_begun() == i);
    clock.on_fresh_attempt(); // a packet; it is still the same silence
    BOOST_TEST(clock.take_no_answer() == (i % 19 == 0));
    BOOST_TEST(!clock.take_no_answer());
  }
  clock.on_handshake_complete();
  BOOST_TEST(clock.on_initiation_begun() == 1);
  BOOST_TEST(!clock.take_no_answer());
}

BOOST_AUTO_TEST_CASE(silence_is_told_once_in_three_initiations_and_ends_with_whatever_comes) {
  crypto::timers clock;
  BOOST_TEST(!clock.is_silent());
  for (int i = 1; i <= 9; ++i) {
    clock.on_initiation_begun();
    BOOST_TEST(clock.is_silent());
    BOOST_TEST(clock.take_silence() == (i % 3 == 0));
    BOOST_TEST(!clock.take_silence());
  }
  clock.on_initiation_begun();
  clock.on_moved(); // so that the next place has three of its own
  for (int i = 1; i <= 3; ++i) {
    clock.on_initiation_begun();
    BOOST_TEST(clock.take_silence() == (i == 3));
  }
  clock.on_any_authenticated_packet_received();
  BOOST_TEST(!clock.is_silent());
  clock.on_initiation_begun();
  BOOST_TEST(!clock.take_silence());
}

BOOST_AUTO_TEST_CASE(data_received_and_not_answered_asks_for_a_keepalive_after_10_s) {
  crypto::timers clock;
  clock.on_data_received(start);
  clock.on_data_received(start + 5s); // does not put it off
  BOOST_TEST(!clock.take_due(start + 10s - 1ns));
  BOOST_TEST((clock.take_due(start + 10s) == timer_action::send_keepalive));
}

BOOST_AUTO_TEST_CASE(data_received_and_answered_asks_for_no_keepalive) {
  crypto::timers clock;
  clock.on_data_received(start);
  clock.on_any_authenticated_packet_sent();
  BOOST_TEST((clock.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(unanswered_data_starts_a_handshake_after_15_s_and_jitter) {
  no_random random;
  crypto::timers clock;
  clock.on_data_sent(start, random);
  clock.on_data_sent(start + 14s, random); // does not put it off
  BOOST_TEST(!clock.take_due(start + 15s - 1ns));
  BOOST_TEST((clock.take_due(start + 15s) == timer_action::start_handshake));
  BOOST_TEST((clock.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(anything_authenticated_is_an_answer) {
  no_random random;
  crypto::timers clock;
  clock.on_data_sent(start, random);
  clock.on_any_authenticated_packet_received();
  BOOST_TEST((clock.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(keys_are_forgotten_540_s_after_the_last_session) {
  crypto::timers clock;
  clock.on_session_derived(start);
  clock.on_session_derived(start + 100s);
  BOOST_TEST(!clock.take_due(start + 640s - 1ns));
  BOOST_TEST((clock.take_due(start + 640s) == timer_action::forget_keys));
  BOOST_TEST((clock.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(a_persistent_keepalive_is_due_so_long_after_the_last_packet_either_way) {
  crypto::timers clock;
  clock.on_any_authenticated_packet_traversal(start, 25s);
  clock.on_any_authenticated_packet_traversal(start + 7s, 25s);
  BOOST_TEST((clock.next_deadline() == start + 32s));
  BOOST_TEST((clock.take_due(start + 32s) == timer_action::send_persistent_keepalive));
  clock.on_persistent_keepalive_due(start + 32s, 25s); // whether it could leave or not
  BOOST_TEST((clock.next_deadline() == start + 57s));
  clock.on_any_authenticated_packet_traversal(start + 8s, 0s);
  BOOST_TEST((clock.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(the_last_minute_handshake_is_taken_once_a_session) {
  crypto::timers clock;
  BOOST_TEST(clock.take_last_minute_handshake());
  BOOST_TEST(!clock.take_last_minute_handshake());
  clock.on_handshake_complete();
  BOOST_TEST(clock.take_last_minute_handshake());
}

BOOST_AUTO_TEST_CASE(stopped_timers_are_not_due) {
  no_random random;
  crypto::timers clock;
  clock.on_handshake_initiated(start, random);
  clock.on_data_sent(start, random);
  clock.on_data_received(start);
  clock.on_session_derived(start);
  clock.on_any_authenticated_packet_traversal(start, 25s);
  clock.stop();
  BOOST_TEST((clock.next_deadline() == never));
  BOOST_TEST(!clock.take_due(start + 1h));
}

BOOST_AUTO_TEST_SUITE_END()
