// Actors on CAF's test scheduler: nothing runs but when the test says so, on the test's own thread,
// and the clock stands still. A POLLING actor looks at its descriptors, but never sleeps and does
// not look again by itself: the test sends it atom::poll.
#pragma once

#include "messages/interfaces.hpp"
#include "messages/limits.hpp"

#include "actors/log.hpp"
#include "actors/polling.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// Remembers what it was to wait for.
class passing_waiter final : public waiter {
public:
  bool wait(doorbell& bell, std::span<watched_fd> descriptors,
            std::chrono::milliseconds wanted) override {
    poll_.wait(bell, descriptors, std::chrono::milliseconds(0));
    watched.assign(descriptors.begin(), descriptors.end());
    timeout = wanted;
    return false;
  }

  std::vector<watched_fd> watched;
  std::chrono::milliseconds timeout = forever;

private:
  poll_waiter poll_;
};

/// A log that the test can read: `LEVEL ACTOR: TEXT` in each line.
class captured_log {
public:
  explicit captured_log(spdlog::level::level_enum level = spdlog::level::trace)
      : sink_(std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)), level_(level) {}

  [[nodiscard]] logger open(const std::string& actor) {
    logger opened = std::make_shared<spdlog::logger>(actor, sink_);
    opened->set_level(level_);
    opened->set_pattern("%l %n: %v");
    return opened;
  }
  [[nodiscard]] std::string text() const { return text_.str(); }
  [[nodiscard]] bool has(std::string_view part) const {
    return text().find(part) != std::string::npos;
  }
  [[nodiscard]] std::size_t count(std::string_view part) const {
    const std::string all = text();
    std::size_t found = 0;
    for (std::size_t at = all.find(part); at != std::string::npos; at = all.find(part, at + 1))
      ++found;
    return found;
  }

private:
  std::ostringstream text_;
  spdlog::sink_ptr sink_;
  spdlog::level::level_enum level_;
};

class actor_fixture {
public:
  /// Not at the clock's zero, which stands for "never was" here and there.
  actor_fixture() { scheduler.advance_time(std::chrono::hours(1)); }
  ~actor_fixture() {
    for (const caf::actor& each : spawned_)
      caf::anon_send_exit(each, caf::exit_reason::kill);
    spawned_.clear();
    scheduler.run();
  }
  actor_fixture(const actor_fixture&) = delete;
  actor_fixture& operator=(const actor_fixture&) = delete;

  template <class Actor>
  [[nodiscard]] static bool is_alive(const Actor& actor) {
    return !caf::actor_cast<caf::abstract_actor*>(actor)->getf(
        caf::abstract_actor::is_terminated_flag);
  }

  /// An actor that ends with the test, at the latest.
  template <class Function, class... Arguments>
  auto spawn(Function function, Arguments... arguments) {
    auto made = system.spawn(function, std::move(arguments)...);
    spawned_.push_back(caf::actor_cast<caf::actor>(made));
    scheduler.run();
    return made;
  }
  /// Sends, and runs what comes of it.
  template <class Actor, class... Message>
  void tell(const Actor& to, Message&&... message) {
    caf::anon_send(to, std::forward<Message>(message)...);
    scheduler.run();
  }
  void advance(duration time) {
    scheduler.advance_time(time);
    scheduler.run();
  }
  template <class Actor>
  [[nodiscard]] static bool has_ended(const Actor& actor) {
    return caf::actor_cast<caf::abstract_actor*>(actor)->getf(
        caf::abstract_actor::is_terminated_flag);
  }

private:
  struct test_config : caf::actor_system_config {
    test_config() {
      set("scheduler.policy", caf::atom("testing"));
      add_message_types<caf::id_block::troupe>();
    }
  };
  test_config config_;

public:
  caf::actor_system system{config_};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());

private:
  std::vector<caf::actor> spawned_;
};

} // namespace troupe::actors
