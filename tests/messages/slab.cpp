#include "messages/slab.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

using namespace troupe;

namespace {

constexpr std::size_t octets = 64 * 1024;
constexpr std::size_t descriptors = 16;
constexpr time_point some_time{std::chrono::seconds(5)};

/// Keeps what comes home.
class keeper : public slab_home {
public:
  void take_back(bare_slab returned) noexcept override {
    const std::lock_guard<std::mutex> guard(lock_);
    returned_.push_back(std::move(returned));
    came_home_.notify_one();
  }
  std::size_t count() {
    const std::lock_guard<std::mutex> guard(lock_);
    return returned_.size();
  }
  /// Waits for one.
  bare_slab take() {
    std::unique_lock<std::mutex> guard(lock_);
    came_home_.wait(guard, [this] { return !returned_.empty(); });
    bare_slab taken = std::move(returned_.back());
    returned_.pop_back();
    return taken;
  }

  /// Home and the slabs in it own each other, so the end must be said.
  void close() {
    const std::lock_guard<std::mutex> guard(lock_);
    returned_.clear();
  }

private:
  std::mutex lock_;
  std::condition_variable came_home_;
  std::vector<bare_slab> returned_;
};

/// Declared before the slabs that are to come home.
struct with_home {
  ~with_home() { home->close(); }

  const std::shared_ptr<keeper> home = std::make_shared<keeper>();
};

/// Nobody is at home: what comes is freed, as when the actor behind it has gone.
class deserted : public slab_home {
public:
  explicit deserted(std::function<void()> gone = [] {}) : gone_(std::move(gone)) {}
  ~deserted() override { gone_(); }
  void take_back(bare_slab returned) noexcept override {
    returned.reset();
    ++taken_; // after the slab, and perhaps its share in us, has gone
  }

private:
  std::function<void()> gone_;
  int taken_ = 0;
};

bare_slab make(const std::shared_ptr<slab_home>& home) {
  return slab::make("test", octets, descriptors, home);
}

slab_ref launch(const std::shared_ptr<slab_home>& home) {
  return slab::launch(make(home), 7, some_time);
}

/// The signal that ends a child which does `what`, if one does.
std::optional<int> signal_of(const std::function<void()>& what) {
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::close(STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    what();
    ::_exit(0);
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? std::optional(WTERMSIG(status)) : std::nullopt;
}

} // namespace

BOOST_AUTO_TEST_SUITE(slab_)

BOOST_AUTO_TEST_CASE(memory_is_of_the_size_asked_for_and_writable) {
  const bare_slab bare = make(std::make_shared<deserted>());
  BOOST_TEST(bare->memory().size() == octets);
  std::fill(bare->memory().begin(), bare->memory().end(), std::uint8_t{0x5a});
  BOOST_TEST(bare->range(100, 20).data() == bare->memory().data() + 100);
  BOOST_TEST(bare->range(100, 20).size() == 20U);
  BOOST_TEST(bare->origin() == "test");
}

BOOST_AUTO_TEST_CASE(launched_slab_carries_its_serial_and_time) {
  bare_slab bare = make(std::make_shared<deserted>());
  const slab_ref flying = slab::launch(std::move(bare), 42, some_time);
  BOOST_TEST(flying->serial() == 42U);
  BOOST_CHECK(flying->filled_at() == some_time);
  BOOST_TEST(!bare, "the bare handle is empty after the launch");
}

BOOST_FIXTURE_TEST_CASE(last_reference_sends_the_slab_home, with_home) {
  slab_ref first = launch(home);
  const slab* const launched = &*first;
  slab_ref second = first;
  slab_ref third = std::move(first);
  BOOST_TEST(!first);
  first.reset(); // of nothing
  second.reset();
  BOOST_TEST(home->count() == 0U);
  third = slab_ref();
  BOOST_TEST(home->count() == 1U);
  BOOST_TEST(&*home->take() == launched);
}

BOOST_FIXTURE_TEST_CASE(assignment_lets_go_of_what_was_held, with_home) {
  slab_ref one = launch(home);
  const slab_ref two = launch(home);
  one = two;
  BOOST_TEST(home->count() == 1U);
  slab_ref& alias = one;
  one = alias;
  BOOST_TEST(bool(one));
  BOOST_TEST(home->count() == 1U);
}

BOOST_FIXTURE_TEST_CASE(slab_comes_home_without_descriptors_but_with_their_room, with_home) {
  bare_slab bare = make(home);
  for (int flight = 0; flight < 3; ++flight) {
    const arrival* const room = bare->arrivals.data();
    bare->arrivals.resize(descriptors);
    slab_ref flying = slab::launch(std::move(bare), 1, some_time);
    BOOST_TEST(flying->arrivals.size() == descriptors);
    flying->transmits.resize(descriptors);
    flying->deliveries.resize(descriptors);
    flying->drops.resize(descriptors);
    flying.reset();
    bare = home->take();
    BOOST_TEST(bare->arrivals.empty());
    BOOST_TEST(bare->transmits.empty());
    BOOST_TEST(bare->deliveries.empty());
    BOOST_TEST(bare->drops.empty());
    BOOST_TEST(bare->arrivals.capacity() >= descriptors);
    BOOST_TEST(bare->transmits.capacity() >= descriptors);
    BOOST_TEST(bare->deliveries.capacity() >= descriptors);
    BOOST_TEST(bare->drops.capacity() >= descriptors);
    BOOST_TEST(bare->arrivals.data() == room, "nothing was allocated for the flight");
  }
}

BOOST_FIXTURE_TEST_CASE(bare_slab_is_freed_and_does_not_go_home, with_home) {
  bare_slab bare = make(home);
  bare_slab copy = bare;
  bare.reset();
  BOOST_TEST(home.use_count() == 2, "the copy keeps the slab, and the slab its home");
  copy.reset();
  BOOST_TEST(home->count() == 0U);
  BOOST_TEST(home.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(slab_is_freed_when_nobody_is_at_home) {
  bool home_gone = false;
  slab_ref flying = launch(std::make_shared<deserted>([&] { home_gone = true; }));
  BOOST_TEST(!home_gone);
  flying.reset();
  BOOST_TEST(home_gone, "slab and home are freed, not sent in circles");
}

BOOST_AUTO_TEST_CASE(home_may_let_the_slab_fly_again_at_once) {
  class relauncher : public slab_home {
  public:
    void take_back(bare_slab returned) noexcept override {
      ++came;
      if (fly)
        again = slab::launch(std::move(returned), 2, some_time);
    }
    int came = 0;
    bool fly = true;
    slab_ref again;
  };
  const std::shared_ptr<relauncher> home = std::make_shared<relauncher>();
  launch(home).reset();
  BOOST_TEST(home->came == 1);
  BOOST_REQUIRE(bool(home->again));
  BOOST_TEST(home->again->serial() == 2U);
  home->again->arrivals.emplace_back();
  std::exchange(home->again, slab_ref()).reset();
  BOOST_TEST(home->came == 2);
  // Slab and home own each other; the end must be said.
  home->fly = false;
  std::exchange(home->again, slab_ref()).reset();
}

BOOST_AUTO_TEST_CASE(launch_of_no_slab_or_of_a_shared_one_ends_the_process) {
  const std::optional<int> none;
  BOOST_CHECK(signal_of([] { slab::launch(bare_slab(), 1, some_time); }) == SIGABRT);
  BOOST_CHECK(signal_of([] {
                bare_slab bare = make(std::make_shared<deserted>());
                const bare_slab copy = bare;
                slab::launch(std::move(bare), 1, some_time);
              }) == SIGABRT);
  BOOST_CHECK(signal_of([] { launch(std::make_shared<deserted>()); }) == none);
}

BOOST_AUTO_TEST_CASE(datagrams_are_the_segments_of_all_transmits) {
  const bare_slab bare = make(std::make_shared<deserted>());
  BOOST_TEST(bare->datagrams() == 0U);
  transmit train;
  train.segment_octets = 100;
  for (const std::uint32_t length : {1U, 99U, 100U, 101U, 6400U}) {
    train.length = length;
    bare->transmits.push_back(train);
  }
  BOOST_TEST(bare->datagrams() == 1U + 1U + 1U + 2U + 64U);
}

BOOST_FIXTURE_TEST_CASE(slab_circulates_between_threads, with_home) {
  constexpr std::uint64_t flights = 20000;
  // One goes out at a time; two last actors share it, and whoever is later sends it home.
  std::mutex lock;
  std::condition_variable changed;
  std::vector<slab_ref> waiting;
  bool done = false;
  std::uint64_t wrong = 0;
  const auto last_actor = [&] {
    std::unique_lock<std::mutex> guard(lock);
    for (;;) {
      changed.wait(guard, [&] { return done || !waiting.empty(); });
      if (waiting.empty())
        return;
      slab_ref mine = std::move(waiting.back());
      waiting.pop_back();
      guard.unlock();
      const bool as_sent = mine->arrivals.size() == 1 &&
                           mine->memory()[mine->arrivals[0].offset] == (mine->serial() & 0xff);
      mine.reset();
      guard.lock();
      wrong += as_sent ? 0 : 1;
    }
  };
  std::thread first(last_actor);
  std::thread second(last_actor);
  home->take_back(make(home));
  for (std::uint64_t serial = 1; serial <= flights; ++serial) {
    bare_slab bare = home->take();
    const std::uint32_t offset = static_cast<std::uint32_t>(serial % octets);
    bare->arrivals.push_back({.offset = offset, .length = 1, .remote = {}, .local = {}});
    bare->memory()[offset] = static_cast<std::uint8_t>(serial);
    slab_ref flying = slab::launch(std::move(bare), serial, some_time);
    const std::lock_guard<std::mutex> guard(lock);
    waiting.push_back(flying);
    waiting.push_back(std::move(flying));
    changed.notify_all();
  }
  home->take_back(home->take()); // the last flight is over
  {
    const std::lock_guard<std::mutex> guard(lock);
    done = true;
    changed.notify_all();
  }
  first.join();
  second.join();
  BOOST_TEST(wrong == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
