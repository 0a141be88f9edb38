// The method `logs`: from its parameters to lines of the log, once or as a stream of notifications.
// Decides who may have which, and when a stream is looked at again; whom it goes to is the
// caller's.
#pragma once

#include "messages/moment.hpp"

#include "actors/log_board.hpp"
#include "actors/rpc.hpp"
#include "conf/config.hpp"

#include <functional>
#include <memory>
#include <string>
#include <variant>

namespace troupe::actors {

/// A stream on its way to one client.
class log_session {
public:
  explicit log_session(std::shared_ptr<log_stream> from) : from_(std::move(from)) {}

  /// Whether to ask for lines now.
  [[nodiscard]] bool is_due(time_point now) const { return due_ == never || due_ <= now; }
  /// When to ask again; `never`: when the stream has called.
  [[nodiscard]] time_point due() const { return due_; }
  /// What there is by now, up to a part, as lines of the admin protocol; perhaps nothing.
  [[nodiscard]] std::string next_lines(time_point now);

private:
  std::shared_ptr<log_stream> from_;
  time_point due_ = never;
};

class log_service {
public:
  struct opened {
    nlohmann::ordered_json result;
    /// Null: it was not to follow.
    std::shared_ptr<log_session> session;
  };

  /// `wake` is called on any thread when lines wait for a stream that had none.
  log_service(log_board& board, std::function<void()> wake)
      : board_(board), wake_(std::move(wake)) {}

  /// `may_lower`: whether the asker may have loggers make lines that they do not make now.
  [[nodiscard]] std::variant<opened, rpc_failure>
  open(const nlohmann::ordered_json& params, bool may_lower, const conf::config& running) const;

private:
  log_board& board_;
  std::function<void()> wake_;
};

/// The last word of a stream: why there will be no more.
std::string log_stream_end(std::string_view why);

} // namespace troupe::actors
