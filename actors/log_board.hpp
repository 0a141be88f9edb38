// What becomes of each line of the log beside being written: the last ones are kept, and whoever
// follows the log gets what it has chosen. A stream may ask for lines below the level of an actor;
// its logger then makes them, and they go to no other place. Bounded: a stream that is not read
// loses its oldest lines and counts them. Everything here may be called on any thread, and nothing
// waits but for a lock that is held for a few assignments.
#pragma once

#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

using log_level = spdlog::level::level_enum;

/// The level of an actor, by its name.
using level_chooser = std::function<log_level(const std::string& actor)>;

/// Names the peer that a line is about: `log.info(about(name), "peer {}: ...", name)`. A name may
/// hold anything that prints, so who looks for a peer's lines cannot go by their text.
inline spdlog::source_loc about(std::string_view peer) {
  return {peer.data(), static_cast<int>(peer.size()), ""};
}

struct log_line {
  spdlog::log_clock::time_point time;
  log_level level{};
  std::string actor;
  /// Empty: about none.
  std::string peer;
  std::string message;

  /// What it occupies, near enough.
  [[nodiscard]] std::size_t octets() const;
};

using log_lines = std::vector<std::shared_ptr<const log_line>>;

/// "2026-11-23T06:08:19.123456Z"
std::string utc_time(spdlog::log_clock::time_point time);

/// Which lines somebody wants; what is absent does not matter.
struct log_choice {
  /// A name with or without its number.
  std::optional<std::string> actor;
  std::optional<std::string> peer;
  /// Of that level and above.
  std::optional<log_level> level;
  /// Also those of that level which nobody else gets: the loggers then make them.
  bool lowers = false;

  [[nodiscard]] bool takes_actor(std::string_view name) const;
  /// `logged`: it is written to the log's target, too.
  [[nodiscard]] bool takes(const log_line& line, bool logged) const;
};

class log_board;

/// One reader's. Its end, on whatever way, brings the levels back.
class log_stream {
public:
  struct taken {
    /// Older than `lines`.
    std::size_t lost = 0;
    log_lines lines;
    /// There were more than was asked for.
    bool more = false;
  };

  log_stream(std::shared_ptr<log_board> board, log_choice chosen, std::function<void()> wake);
  ~log_stream();
  log_stream(const log_stream&) = delete;
  log_stream& operator=(const log_stream&) = delete;

  /// The oldest that wait: at least one if there is any, and no more than `octets_max` else.
  /// After there was nothing the next line calls `wake`, on its own thread; once.
  [[nodiscard]] taken take(std::size_t octets_max);

private:
  friend class log_board;

  void put(const std::shared_ptr<const log_line>& line);

  const std::shared_ptr<log_board> board_;
  const log_choice chosen_;
  const std::function<void()> wake_;
  // The rest belongs to who holds the board's lock.
  std::deque<std::shared_ptr<const log_line>> waiting_;
  std::size_t octets_ = 0;
  std::size_t lost_ = 0;
  bool asleep_ = true;
};

/// The logger of an actor: to the target what is of its level, to the board that and what streams
/// want besides.
class actor_logger final : public spdlog::logger {
public:
  /// `target`: with no level of its own.
  actor_logger(const std::string& actor, std::shared_ptr<spdlog::logger> target,
               std::shared_ptr<log_board> board);

  /// `lowest`: that of any line that somebody wants.
  void set_levels(log_level own, log_level lowest);
  [[nodiscard]] log_level own_level() const { return own_level_.load(std::memory_order_relaxed); }

protected:
  void sink_it_(const spdlog::details::log_msg& line) override;
  void flush_() override {}

private:
  std::shared_ptr<spdlog::logger> target_;
  std::shared_ptr<log_board> board_;
  std::atomic<log_level> own_level_{log_level::off};
};

class log_board : public std::enable_shared_from_this<log_board> {
public:
  explicit log_board(level_chooser configured) : configured_(std::move(configured)) {}

  /// Gives it its levels, from now on.
  void add(const std::shared_ptr<actor_logger>& opened);
  /// The configured ones; those of streams hold beside them.
  void set_levels(level_chooser configured);
  void post(const spdlog::details::log_msg& said, bool logged);

  /// Whether an actor's name, with or without its number, is that of a logger.
  [[nodiscard]] bool knows_actor(const std::string& name) const;
  /// Whether any line that is kept is about it.
  [[nodiscard]] bool knows_peer(const std::string& name) const;
  /// Whether some logger would have to make lines that it does not make now.
  [[nodiscard]] bool would_lower(const log_choice& chosen) const;
  /// Those that are kept, oldest first.
  [[nodiscard]] log_lines recent(const log_choice& chosen) const;
  /// Begins with those that are kept. Null when there are as many streams as there may be.
  [[nodiscard]] std::shared_ptr<log_stream> follow(log_choice chosen, std::function<void()> wake,
                                                   std::size_t most);

private:
  friend class log_stream;

  void end(const log_stream& stream);
  void keep(const std::shared_ptr<const log_line>& line);
  /// Under the lock.
  void set_levels_of(actor_logger& opened) const;
  void set_all_levels();
  [[nodiscard]] std::vector<std::shared_ptr<actor_logger>> loggers() const;

  mutable std::mutex mutex_;
  level_chooser configured_;
  std::vector<std::weak_ptr<actor_logger>> loggers_;
  std::deque<std::shared_ptr<const log_line>> recent_;
  std::size_t recent_octets_ = 0;
  std::vector<log_stream*> streams_;
};

} // namespace troupe::actors
