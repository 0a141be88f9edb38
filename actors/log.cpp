#include "actors/log.hpp"

#include "messages/limits.hpp"

#include <nlohmann/json.hpp>
#include <pthread.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>

namespace troupe::actors {

namespace {

std::string_view as_view(spdlog::string_view_t text) {
  return {text.data(), text.size()};
}

/// `2026-11-23T06:08:19.123456Z info    tunnel: text`
class text_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    fmt::format_to(std::back_inserter(out), "{} {:<8} {}: {}\n", utc_time(line.time),
                   as_view(spdlog::level::to_string_view(line.level)), as_view(line.logger_name),
                   as_view(line.payload));
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<text_formatter>();
  }
};

/// One object a line, for whatever collects logs.
class json_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    const nlohmann::ordered_json object = {
        {"time", utc_time(line.time)},
        {"level", as_view(spdlog::level::to_string_view(line.level))},
        {"actor", as_view(line.logger_name)},
        {"message", as_view(line.payload)},
    };
    fmt::format_to(std::back_inserter(out), "{}\n",
                   object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<json_formatter>();
  }
};

spdlog::sink_ptr open_sink(const std::string& target) {
  if (target == "stderr")
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  // Opening a FIFO would wait for its reader, and spdlog would make missing folders.
  struct stat facts {};
  const bool there = ::stat(target.c_str(), &facts) == 0;
  if (there && !S_ISREG(facts.st_mode) && !S_ISCHR(facts.st_mode))
    throw std::runtime_error("cannot write the log to " + target + " (log.target): it is no file");
  if (!there && !std::filesystem::is_directory(std::filesystem::path(target).parent_path()))
    throw std::runtime_error("cannot write the log to " + target +
                             " (log.target): its folder does not exist");
  try {
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(target);
  } catch (const spdlog::spdlog_ex& error) {
    throw std::runtime_error("cannot write the log to " + target +
                             " (log.target): " + std::string(error.what()));
  }
}

} // namespace

log_book::log_book(settings chosen)
    : board_(std::make_shared<log_board>(std::move(chosen.level))), sink_(open_sink(chosen.target)),
      writer_(std::make_shared<spdlog::details::thread_pool>(
          limits::log_queue_lines, 1U, [] { ::pthread_setname_np(::pthread_self(), "log"); })) {
  if (chosen.format == log_format::json)
    sink_->set_formatter(std::make_unique<json_formatter>());
  else
    sink_->set_formatter(std::make_unique<text_formatter>());
}

logger log_book::open(const std::string& actor) const {
  const logger written = std::make_shared<spdlog::async_logger>(
      actor, sink_, writer_, spdlog::async_overflow_policy::overrun_oldest);
  // A line is of use when it can be read; a timer that flushes would wake an idle daemon.
  written->flush_on(spdlog::level::trace);
  const std::shared_ptr<actor_logger> opened =
      std::make_shared<actor_logger>(actor, written, board_);
  board_->add(opened);
  return opened;
}

void log_book::report_lost_lines() const {
  if (const std::size_t lost = writer_->overrun_counter())
    open("supervisor")->warn("{} lines of this log were lost: they came faster than written", lost);
}

} // namespace troupe::actors
