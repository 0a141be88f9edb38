#include "actors/polling.hpp"

#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr std::chrono::milliseconds at_once{0};

bool is_readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

/// A mailbox that is only counted, and its sleeper, who never returns from a sleep that nobody
/// ends: a lost wake-up hangs the test.
class sleeper {
public:
  /// Until `expected` messages have come.
  void take(std::uint64_t expected, bool without_credit) {
    while (taken_ < expected) {
      bell.about_to_sleep(without_credit);
      if (mailbox.load() == taken_)
        wait_.wait(bell, {}, forever);
      bell.awake();
      taken_ = mailbox.load();
    }
  }

  doorbell bell;
  std::atomic<std::uint64_t> mailbox{0};

private:
  std::uint64_t taken_ = 0;
  poll_waiter wait_;
};

constexpr std::uint64_t rounds = 50'000;

} // namespace

BOOST_AUTO_TEST_SUITE(polling)

BOOST_AUTO_TEST_CASE(a_bell_wakes_who_sleeps_and_nobody_else) {
  doorbell bell;
  bell.ring();
  BOOST_TEST(!is_readable(bell.fd()));
  bell.about_to_sleep(false);
  bell.ring();
  BOOST_TEST(is_readable(bell.fd()));
  bell.awake();
  BOOST_TEST(!is_readable(bell.fd()));
}

BOOST_AUTO_TEST_CASE(a_credit_wakes_only_who_has_none) {
  doorbell bell;
  bell.about_to_sleep(false);
  bell.ring_for_credit();
  BOOST_TEST(!is_readable(bell.fd()));
  bell.awake();
  bell.about_to_sleep(true);
  bell.ring_for_credit();
  BOOST_TEST(is_readable(bell.fd()));
  bell.awake();
  BOOST_TEST(!is_readable(bell.fd()));
}

BOOST_AUTO_TEST_CASE(who_has_no_credit_is_woken_by_anything) {
  doorbell bell;
  bell.about_to_sleep(true);
  bell.ring();
  BOOST_TEST(is_readable(bell.fd()));
}

BOOST_AUTO_TEST_CASE(no_ring_is_lost) {
  sleeper sleeps;
  const auto ring_often = [&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      ++sleeps.mailbox;
      sleeps.bell.ring();
    }
  };
  std::thread first(ring_often);
  std::thread second(ring_often);
  sleeps.take(2 * rounds, false);
  first.join();
  second.join();
  BOOST_TEST(sleeps.mailbox == 2 * rounds);
}

BOOST_AUTO_TEST_CASE(no_credit_is_lost_on_who_has_none) {
  sleeper sleeps;
  std::thread gives([&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      ++sleeps.mailbox;
      sleeps.bell.ring_for_credit();
    }
  });
  sleeps.take(rounds, true);
  gives.join();
  BOOST_TEST(sleeps.mailbox == rounds);
}

BOOST_AUTO_TEST_CASE(each_ring_answered_before_the_next_ends_one_sleep) {
  sleeper sleeps;
  std::atomic<std::uint64_t> answered{0};
  std::thread rings([&] {
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      ++sleeps.mailbox;
      sleeps.bell.ring();
      while (answered.load() < i)
        std::this_thread::yield();
    }
  });
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    sleeps.take(i, i % 2 == 0);
    answered = i;
  }
  rings.join();
  BOOST_TEST(sleeps.mailbox == rounds);
}

BOOST_AUTO_TEST_CASE(a_ring_that_comes_late_leaves_no_noise) {
  // Who rings changes the state first and writes the event later, mostly when the sleeper, who
  // does not poll here, is awake again. That may cost one sleep, not every one from then on.
  doorbell bell;
  std::atomic<std::uint64_t> round{0};
  std::atomic<std::uint64_t> rung{0};
  std::thread rings([&] {
    for (std::uint64_t i = 1; i <= rounds / 10; ++i) {
      while (round.load() < i)
        std::this_thread::yield();
      bell.ring();
      rung = i;
    }
  });
  std::uint64_t noisy = 0;
  for (std::uint64_t i = 1; i <= rounds / 10; ++i) {
    round = i;
    for (int tries = 1; rung.load() < i; ++tries) {
      bell.about_to_sleep(false);
      bell.awake();
      if (tries % 1000 == 0)
        std::this_thread::yield(); // whoever rings may share the CPU
    }
    bell.about_to_sleep(false);
    bell.awake();
    noisy += static_cast<std::uint64_t>(is_readable(bell.fd()));
  }
  rings.join();
  BOOST_TEST(noisy == 0);
}

BOOST_AUTO_TEST_CASE(the_wait_tells_what_is_ready) {
  const unique_fd readable(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  const unique_fd silent(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::pipe(ends.data()) == 0);
  const unique_fd writing(ends[1]);
  ::close(ends[0]); // nobody reads
  std::vector<watched_fd> watched = {watch_reading(readable.fd()), watch_reading(silent.fd()),
                                     watch_writing(silent.fd()), watch_reading(-1),
                                     watch_writing(writing.fd())};
  doorbell bell;
  BOOST_TEST(poll_waiter().wait(bell, watched, at_once));
  BOOST_TEST(watched[0].readable);
  BOOST_TEST(!watched[0].writable);
  BOOST_TEST(!watched[1].ready());
  BOOST_TEST(watched[2].writable);
  BOOST_TEST(!watched[3].ready());
  BOOST_TEST(watched[4].failed);
}

BOOST_AUTO_TEST_CASE(a_descriptor_watched_for_nothing_tells_only_of_its_end) {
  const unique_fd readable(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  std::vector<watched_fd> watched = {{readable.fd(), false, false}};
  doorbell bell;
  static_cast<void>(poll_waiter().wait(bell, watched, at_once));
  BOOST_TEST(!watched[0].ready());
}

BOOST_AUTO_TEST_SUITE_END()
