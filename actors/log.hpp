// The loggers: one per actor, named as the actor. Lines are written by a thread of their own; a
// full queue loses the oldest line and counts it, so that no actor ever waits for a log. Keys have
// no formatter.
#pragma once

#include "actors/log_board.hpp"

#include <spdlog/async.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <memory>
#include <string>

namespace troupe::actors {

using logger = std::shared_ptr<spdlog::logger>;

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
  /// Who gets which lines.
  [[nodiscard]] log_board& board() const { return *board_; }
  /// For the end: says how many lines were lost because the queue was full, if any were.
  void report_lost_lines() const;

private:
  std::shared_ptr<log_board> board_;
  spdlog::sink_ptr sink_;
  std::shared_ptr<spdlog::details::thread_pool> writer_;
};

} // namespace troupe::actors
