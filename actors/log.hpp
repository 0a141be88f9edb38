// The loggers: one per actor, named as the actor. Lines are written by a thread of their own; a
// full queue loses the oldest line and counts it, so that no actor ever waits for a log. Keys have
// no formatter.
#pragma once

#include <spdlog/async.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::actors {

using logger = std::shared_ptr<spdlog::logger>;

/// The level of an actor, by its name.
using level_chooser = std::function<spdlog::level::level_enum(const std::string& actor)>;

enum class log_format : std::uint8_t { text, json };

/// All that the actors write. Made after the fork, since it has a thread; outlives the actors.
class log_book {
public:
  struct settings {
    log_format format = log_format::text;
    /// "stderr", or the path of a file that is appended to.
    std::string target = "stderr";
    level_chooser level;
  };

  /// Throws std::runtime_error if the target cannot be opened.
  explicit log_book(settings chosen);

  [[nodiscard]] logger open(const std::string& actor) const;
  /// Of all loggers, those open already among them. Any thread.
  void set_levels(level_chooser chosen) const;
  /// For the end: says how many lines were lost because the queue was full, if any were.
  void report_lost_lines() const;

private:
  /// What changes; the rest is as it was made.
  struct open_loggers {
    std::mutex mutex;
    level_chooser level;
    std::vector<std::weak_ptr<spdlog::logger>> all;
  };

  settings settings_;
  std::unique_ptr<open_loggers> opened_;
  spdlog::sink_ptr sink_;
  std::shared_ptr<spdlog::details::thread_pool> writer_;
};

} // namespace troupe::actors
