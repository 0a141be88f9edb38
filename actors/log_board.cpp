#include "actors/log_board.hpp"

#include "messages/limits.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <ctime>

namespace troupe::actors {

namespace {

std::string_view without_number(std::string_view actor) {
  return actor.substr(0, actor.find('/'));
}

bool is_called(std::string_view actor, std::string_view name) {
  return actor == name || without_number(actor) == name;
}

std::string_view peer_of(const spdlog::details::log_msg& said) {
  if (said.source.line <= 0)
    return {};
  return {said.source.filename, static_cast<std::size_t>(said.source.line)};
}

} // namespace

std::string utc_time(spdlog::log_clock::time_point time) {
  const auto microseconds =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:06}Z", text, microseconds % 1'000'000);
}

std::size_t log_line::octets() const {
  return limits::log_line_overhead_octets + actor.size() + peer.size() + message.size();
}

bool log_choice::takes_actor(std::string_view name) const {
  return !actor || is_called(name, *actor);
}

bool log_choice::takes(const log_line& line, bool logged) const {
  return (logged || lowers) && (!level || line.level >= *level) && takes_actor(line.actor) &&
         (!peer || line.peer == *peer);
}

// --- A logger ------------------------------------------------------------------------------------

actor_logger::actor_logger(const std::string& actor, std::shared_ptr<spdlog::logger> target,
                           std::shared_ptr<log_board> board)
    : spdlog::logger(actor), target_(std::move(target)), board_(std::move(board)) {
  target_->set_level(log_level::trace);
}

void actor_logger::set_levels(log_level own, log_level lowest) {
  own_level_.store(own, std::memory_order_relaxed);
  set_level(std::min(own, lowest));
}

void actor_logger::sink_it_(const spdlog::details::log_msg& line) {
  const bool logged = line.level >= own_level();
  if (logged)
    target_->log(line.time, spdlog::source_loc{}, line.level, line.payload);
  board_->post(line, logged);
}

// --- A stream ------------------------------------------------------------------------------------

log_stream::log_stream(std::shared_ptr<log_board> board, log_choice chosen,
                       std::function<void()> wake)
    : board_(std::move(board)), chosen_(std::move(chosen)), wake_(std::move(wake)) {}

log_stream::~log_stream() {
  board_->end(*this);
}

log_stream::taken log_stream::take(std::size_t octets_max) {
  const std::lock_guard<std::mutex> locked(board_->mutex_);
  taken out;
  out.lost = std::exchange(lost_, 0);
  for (std::size_t octets = 0; !waiting_.empty(); waiting_.pop_front()) {
    octets += waiting_.front()->octets();
    out.more = octets > octets_max && !out.lines.empty();
    if (out.more)
      break;
    octets_ -= waiting_.front()->octets();
    out.lines.push_back(std::move(waiting_.front()));
  }
  asleep_ = out.lines.empty() && out.lost == 0;
  return out;
}

void log_stream::put(const std::shared_ptr<const log_line>& line) {
  waiting_.push_back(line);
  octets_ += line->octets();
  for (; octets_ > limits::log_stream_octets_max; ++lost_) {
    octets_ -= waiting_.front()->octets();
    waiting_.pop_front();
  }
}

// --- The board -----------------------------------------------------------------------------------

void log_board::add(const std::shared_ptr<actor_logger>& opened) {
  const std::lock_guard<std::mutex> locked(mutex_);
  set_levels_of(*opened);
  std::erase_if(loggers_, [](const std::weak_ptr<actor_logger>& each) { return each.expired(); });
  loggers_.push_back(opened);
}

void log_board::set_levels(level_chooser configured) {
  const std::lock_guard<std::mutex> locked(mutex_);
  configured_ = std::move(configured);
  set_all_levels();
}

void log_board::set_levels_of(actor_logger& opened) const {
  log_level lowest = log_level::off;
  for (const log_stream* const each : streams_)
    if (each->chosen_.lowers && each->chosen_.takes_actor(opened.name()))
      lowest = std::min(lowest, each->chosen_.level.value_or(log_level::off));
  opened.set_levels(configured_(opened.name()), lowest);
}

void log_board::set_all_levels() {
  for (const std::shared_ptr<actor_logger>& each : loggers())
    set_levels_of(*each);
}

std::vector<std::shared_ptr<actor_logger>> log_board::loggers() const {
  std::vector<std::shared_ptr<actor_logger>> alive;
  for (const std::weak_ptr<actor_logger>& each : loggers_)
    if (std::shared_ptr<actor_logger> one = each.lock())
      alive.push_back(std::move(one));
  return alive;
}

void log_board::post(const spdlog::details::log_msg& said, bool logged) {
  const auto line = std::make_shared<const log_line>(
      log_line{said.time, said.level, std::string(said.logger_name.data(), said.logger_name.size()),
               std::string(peer_of(said)), std::string(said.payload.data(), said.payload.size())});
  std::vector<std::function<void()>> wakes; // called without the lock
  {
    const std::lock_guard<std::mutex> locked(mutex_);
    if (logged)
      keep(line);
    for (log_stream* const each : streams_) {
      if (!each->chosen_.takes(*line, logged))
        continue;
      each->put(line);
      if (std::exchange(each->asleep_, false))
        wakes.push_back(each->wake_);
    }
  }
  for (const std::function<void()>& wake : wakes)
    wake();
}

void log_board::keep(const std::shared_ptr<const log_line>& line) {
  recent_.push_back(line);
  recent_octets_ += line->octets();
  while (recent_octets_ > limits::log_recent_octets_max) {
    recent_octets_ -= recent_.front()->octets();
    recent_.pop_front();
  }
}

bool log_board::knows_actor(const std::string& name) const {
  const std::lock_guard<std::mutex> locked(mutex_);
  const std::vector<std::shared_ptr<actor_logger>> all = loggers();
  return std::any_of(all.begin(), all.end(), [&](const std::shared_ptr<actor_logger>& each) {
    return is_called(each->name(), name);
  });
}

bool log_board::knows_peer(const std::string& name) const {
  const std::lock_guard<std::mutex> locked(mutex_);
  return std::any_of(
      recent_.begin(), recent_.end(),
      [&](const std::shared_ptr<const log_line>& each) { return each->peer == name; });
}

bool log_board::would_lower(const log_choice& chosen) const {
  const std::lock_guard<std::mutex> locked(mutex_);
  const std::vector<std::shared_ptr<actor_logger>> all = loggers();
  return chosen.level &&
         std::any_of(all.begin(), all.end(), [&](const std::shared_ptr<actor_logger>& each) {
           return chosen.takes_actor(each->name()) && each->own_level() > *chosen.level;
         });
}

log_lines log_board::recent(const log_choice& chosen) const {
  const std::lock_guard<std::mutex> locked(mutex_);
  log_lines found;
  for (const std::shared_ptr<const log_line>& each : recent_)
    if (chosen.takes(*each, true))
      found.push_back(each);
  return found;
}

std::shared_ptr<log_stream> log_board::follow(log_choice chosen, std::function<void()> wake,
                                              std::size_t most) {
  const std::lock_guard<std::mutex> locked(mutex_);
  if (streams_.size() >= most)
    return nullptr;
  std::shared_ptr<log_stream> made =
      std::make_shared<log_stream>(shared_from_this(), std::move(chosen), std::move(wake));
  for (const std::shared_ptr<const log_line>& each : recent_)
    if (made->chosen_.takes(*each, true))
      made->put(each);
  streams_.push_back(made.get());
  set_all_levels();
  return made;
}

void log_board::end(const log_stream& stream) {
  const std::lock_guard<std::mutex> locked(mutex_);
  std::erase(streams_, &stream);
  set_all_levels();
}

} // namespace troupe::actors
