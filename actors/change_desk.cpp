#include "actors/change_desk.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "conf/toml_text.hpp"

#include <algorithm>
#include <exception>

namespace troupe::actors {

namespace {

constexpr std::string_view undo_failed = "rollback incomplete";

rpc_failure as_rpc(const commit_failure& failure) {
  if (failure.text.find(undo_failed) != std::string::npos)
    return {rpc_code::rollback_incomplete, failure.text};
  const bool by_socket = failure.what == commit_failure::kind::socket;
  return {by_socket ? rpc_code::socket_refused : rpc_code::refused, failure.text};
}

/// Whatever becomes of its key files.
std::string self_contained(conf::config whole) {
  whole.interface.private_key_file.clear();
  for (conf::peer_config& peer : whole.peers)
    peer.preshared_key_file.clear();
  return conf::to_toml(whole, conf::keys::shown);
}

std::string seconds_text(duration time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

} // namespace

change_desk::change_desk(std::shared_ptr<running_configuration> running,
                         std::optional<pending_file> pending, logger log)
    : running_(std::move(running)), file_(std::move(pending)), log_(std::move(log)) {}

std::variant<std::vector<conf::change_line>, rpc_failure>
change_desk::change(request wanted, moment now, commit_target& target) {
  if (std::optional<rpc_failure> failure = busy(now.steady))
    return std::move(*failure);
  const std::vector<conf::change_line> lines =
      conf::describe_change(running_->config(), wanted.desired);
  waiting_change waiting;
  if (wanted.confirm) {
    waiting = {running_->config(), now.steady + *wanted.confirm, wanted.who};
    if (file_)
      try {
        std::string text = self_contained(waiting.before);
        file_->write(text);
        wipe(text);
      } catch (const std::exception& error) {
        return rpc_failure{rpc_code::refused,
                           std::string(error.what()) +
                               ": without it a killed daemon could not take the change back"};
      }
  }
  const change_options how{std::move(wanted.hints), wanted.confirm.has_value()};
  if (const std::optional<commit_failure> failure =
          running_->change_to(std::move(wanted.desired), how, target)) {
    if (wanted.confirm)
      forget_pending_file();
    return as_rpc(*failure);
  }
  std::string what = conf::summarize(lines);
  log_->info("configuration changed: {}", what);
  if (wanted.confirm) {
    what += " (to be confirmed within " + seconds_text(*wanted.confirm) + ")";
    waiting_ = std::move(waiting);
  }
  remember(wanted.who, std::move(what), now);
  return lines;
}

std::optional<rpc_failure> change_desk::busy(time_point now) const {
  if (!waiting_)
    return std::nullopt;
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
  waiting_.reset();
  tunnel_change keep;
  keep.forget_parked = true;
  target.configure(std::move(keep));
  forget_pending_file();
  log_->info("the change is confirmed");
  remember(who, "confirmed", now);
  return std::nullopt;
}

std::optional<rpc_failure> change_desk::rollback(const std::string& who, moment now,
                                                 commit_target& target) {
  if (!waiting_)
    return rpc_failure{rpc_code::refused, "no change waits to be confirmed, so none is taken back"};
  conf::config before = std::move(waiting_->before);
  waiting_.reset();
  const std::optional<commit_failure> failure = running_->change_to(std::move(before), {}, target);
  tunnel_change forget;
  forget.forget_parked = true;
  target.configure(std::move(forget));
  if (failure) {
    log_->error("the change cannot be taken back: {}", failure->text);
    remember(who, "could not be taken back: " + failure->text, now);
    return rpc_failure{rpc_code::rollback_incomplete, failure->text};
  }
  forget_pending_file();
  log_->info("the change is taken back");
  remember(who, "taken back", now);
  return std::nullopt;
}

void change_desk::on_deadline(moment now, commit_target& target) {
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
