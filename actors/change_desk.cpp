#include "actors/change_desk.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "actors/file_check.hpp"
#include "conf/toml_text.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace troupe::actors {

namespace {

rpc_failure as_rpc(const commit_failure& failure) {
  if (failure.undo_failed)
    return {rpc_code::rollback_incomplete, failure.text};
  const bool by_socket = failure.what == commit_failure::kind::socket;
  return {by_socket ? rpc_code::socket_refused : rpc_code::refused, failure.text};
}

std::string seconds_text(duration time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

/// `laptop, phone and 3 more`: a line is no list of thousands.
std::string list_text(const std::vector<std::string>& names) {
  constexpr std::size_t named_max = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), named_max); ++i)
    text.append(i == 0 ? "" : ", ").append(names[i]);
  return names.size() <= named_max
             ? text
             : text + " and " + std::to_string(names.size() - named_max) + " more";
}

} // namespace

change_desk::change_desk(std::shared_ptr<running_configuration> running,
                         std::optional<pending_file> pending, logger log)
    : running_(std::move(running)), file_(std::move(pending)), log_(std::move(log)),
      next_expiry_(conf::next_expiry(running_->config())) {
  log_expired(conf::newly_expired({}, running_->config()));
}

std::variant<std::vector<conf::change_line>, rpc_failure>
change_desk::change(request wanted, moment now, commit_target& target) {
  expire(now, target);
  if (std::optional<rpc_failure> failure = busy(now.steady))
    return std::move(*failure);
  const std::vector<conf::change_line> lines =
      conf::describe_change(running_->config(), wanted.desired);
  const bool waits = wanted.confirm && !lines.empty();
  waiting_change waiting;
  if (waits) {
    waiting = {running_->config(), running_->sockets(), now.steady + *wanted.confirm, wanted.who};
    if (std::optional<rpc_failure> failure = keep_on_disk(waiting.before))
      return std::move(*failure);
  }
  change_options how;
  how.hints = std::move(wanted.hints);
  how.park_removed = waits;
  if (const std::optional<commit_failure> failure =
          commit(std::move(wanted.desired), how, now, target)) {
    forget_pending_file();
    return as_rpc(*failure);
  }
  if (lines.empty())
    return lines;
  std::string what = conf::summarize(lines);
  log_->info("configuration changed: {}", what);
  if (waits) {
    what += " (to be confirmed within " + seconds_text(*wanted.confirm) + ")";
    waiting_ = std::move(waiting);
  }
  remember(wanted.who, std::move(what), now);
  return lines;
}

std::optional<rpc_failure> change_desk::keep_on_disk(const conf::config& before) {
  if (!file_)
    return std::nullopt;
  constexpr const char* needed = ": without it a killed daemon could not take the change back";
  if (const std::optional<std::string> fault = file_fault(before, conf::keys::shown_with_files))
    return rpc_failure{rpc_code::refused,
                       "what runs now cannot be kept in a file: " + *fault + needed};
  std::string text = conf::to_toml(before, conf::keys::shown_with_files);
  std::optional<rpc_failure> failure;
  try {
    file_->write(text);
  } catch (const std::exception& error) {
    failure = {rpc_code::refused, error.what() + std::string(needed)};
    forget_pending_file(); // it may be there, and only not be sure to stay
  }
  wipe(text);
  return failure;
}

std::optional<rpc_failure> change_desk::busy(time_point now) const {
  if (!waiting_)
    return std::nullopt;
  if (waiting_->stuck)
    return rpc_failure{rpc_code::pending,
                       "a change by " + waiting_->who +
                           " could not be taken back so far, which is tried again and again: "
                           "`troupectl rollback` says why, `troupectl confirm` keeps the change"};
  return rpc_failure{rpc_code::pending,
                     "a change by " + waiting_->who +
                         " waits to be confirmed: `troupectl confirm` keeps it, "
                         "`troupectl rollback` or " +
                         seconds_text(std::max(waiting_->until - now, duration{})) +
                         " more take it back"};
}

std::optional<rpc_failure> change_desk::confirm(const std::string& who, moment now,
                                                commit_target& target) {
  if (!waiting_)
    return rpc_failure{rpc_code::refused, "no change waits to be confirmed"};
  try {
    if (file_)
      file_->remove();
  } catch (const std::exception& error) {
    return rpc_failure{rpc_code::refused,
                       std::string(error.what()) +
                           ": the next start would take back what is confirmed; it still waits"};
  }
  waiting_.reset();
  tunnel_change keep;
  keep.forget_parked = true;
  target.configure(std::move(keep));
  log_->info("the change is confirmed");
  remember(who, "confirmed", now);
  return std::nullopt;
}

std::optional<rpc_failure> change_desk::rollback(const std::string& who, moment now,
                                                 commit_target& target) {
  if (!waiting_)
    return rpc_failure{rpc_code::refused, "no change waits to be confirmed, so none is taken back"};
  change_options how;
  how.bring_back = true;
  how.sockets = waiting_->sockets;
  if (const std::optional<commit_failure> failure = commit(waiting_->before, how, now, target)) {
    waiting_->until = now.steady + limits::rollback_retry;
    if (!std::exchange(waiting_->stuck, true)) {
      log_->error("the change cannot be taken back: {}; trying again every {} s", failure->text,
                  limits::rollback_retry.count());
      remember(who, "could not be taken back: " + failure->text, now);
    }
    return rpc_failure{rpc_code::rollback_incomplete, failure->text};
  }
  waiting_.reset();
  tunnel_change forget;
  forget.forget_parked = true;
  target.configure(std::move(forget));
  forget_pending_file();
  log_->info("the change is taken back");
  remember(who, "taken back", now);
  return std::nullopt;
}

void change_desk::expire(moment now, commit_target& target) {
  if (!next_expiry_ || *next_expiry_ > std::chrono::floor<std::chrono::seconds>(now.wall))
    return;
  const conf::config before = running_->config();
  change_options how;
  how.whatever_the_kernel_says = true;
  if (const std::optional<commit_failure> failure = commit(before, how, now, target)) {
    log_->error("a peer has expired and cannot be disabled: {}; trying again in {} s",
                failure->text, limits::expiry_look.count());
    next_expiry_ = std::chrono::floor<std::chrono::seconds>(now.wall) + limits::expiry_look;
    return;
  }
  const std::vector<std::string> gone = conf::newly_expired(before, running_->config());
  if (!gone.empty())
    remember("nobody: expired", "peer " + list_text(gone) + " disabled", now);
}

std::optional<commit_failure> change_desk::commit(conf::config desired, const change_options& how,
                                                  moment now, commit_target& target) {
  conf::mark_expired(desired, now.wall);
  const std::vector<std::string> expired = conf::newly_expired(running_->config(), desired);
  std::optional<commit_failure> failure = running_->change_to(std::move(desired), how, target);
  if (failure)
    return failure;
  next_expiry_ = conf::next_expiry(running_->config());
  log_expired(expired);
  return std::nullopt;
}

void change_desk::log_expired(const std::vector<std::string>& names) {
  if (!names.empty())
    log_->info("peer {} has expired and is disabled; a later date lets it in again: "
               "`troupectl peer set NAME --expires DATE`",
               list_text(names));
}

time_point change_desk::deadline(moment now) const {
  const time_point due = waiting_ ? waiting_->until : never;
  if (!next_expiry_)
    return due;
  // In whole seconds first: dates reach further than nanoseconds count.
  const auto left = *next_expiry_ - std::chrono::floor<std::chrono::seconds>(now.wall);
  if (left > limits::expiry_look)
    return std::min<time_point>(due, now.steady + limits::expiry_look);
  return std::min(due, now.steady + std::max<duration>(wall_time(*next_expiry_) - now.wall, {}));
}

void change_desk::on_deadline(moment now, commit_target& target) {
  expire(now, target);
  if (waiting_ && waiting_->until <= now.steady)
    static_cast<void>(rollback("nobody: it was not confirmed in time", now, target));
}

void change_desk::remember(const std::string& who, std::string what, moment now) {
  history_.push_back({now.wall, who, std::move(what)});
  if (history_.size() > limits::history_max)
    history_.pop_front();
}

void change_desk::forget_pending_file() {
  if (!file_)
    return;
  try {
    file_->remove();
  } catch (const std::exception& error) {
    log_->error("{}: the next start would take the configuration in it", error.what());
  }
}

} // namespace troupe::actors
