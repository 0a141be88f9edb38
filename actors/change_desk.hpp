// Where changes of the running configuration are asked for, whatever the door: keeps one that waits
// to be confirmed apart from all others, takes it back when its time is up, disables peers that
// expire, and remembers who changed what.
#pragma once

#include "messages/moment.hpp"

#include "actors/log.hpp"
#include "actors/pending_file.hpp"
#include "actors/rpc.hpp"
#include "actors/transaction.hpp"
#include "conf/change_text.hpp"

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe::actors {

struct history_entry {
  wall_time when;
  /// `root (uid 0) with apply`.
  std::string who;
  /// As conf::summarize says it, and whether it waits.
  std::string what;
};

class change_desk {
public:
  /// `pending`: absent where nothing can be kept on disk (tests, `trouped IFNAME`).
  change_desk(std::shared_ptr<running_configuration> running, std::optional<pending_file> pending,
              logger log);

  struct request {
    conf::config desired;
    conf::diff_hints hints;
    /// Back to what is now after that time, unless it is confirmed.
    std::optional<duration> confirm;
    std::string who;
  };
  /// What has changed, or why nothing has.
  [[nodiscard]] std::variant<std::vector<conf::change_line>, rpc_failure>
  change(request wanted, moment now, commit_target& target);

  /// Why there is nothing to confirm.
  [[nodiscard]] std::optional<rpc_failure> confirm(const std::string& who, moment now,
                                                   commit_target& target);
  /// Why it cannot be taken back; it is then tried again, unless somebody confirms the change.
  [[nodiscard]] std::optional<rpc_failure> rollback(const std::string& who, moment now,
                                                    commit_target& target);
  /// When a change that waits is to be taken back, or to look whether a peer has expired; otherwise
  /// `never`.
  [[nodiscard]] time_point deadline(moment now) const;
  void on_deadline(moment now, commit_target& target);

  /// Set while a change waits: why no other can be made.
  [[nodiscard]] std::optional<rpc_failure> busy(time_point now) const;
  /// The newest last.
  [[nodiscard]] const std::deque<history_entry>& history() const { return history_; }

private:
  struct waiting_change {
    conf::config before;
    std::shared_ptr<const udp::socket_pair> sockets; // of `before`
    time_point until;
    std::string who;
    /// It could not be taken back so far.
    bool stuck = false;
  };

  /// Peers whose time is over leave, whatever waits: it neither delays that nor brings them back.
  void expire(moment now, commit_target& target);
  /// Every change is made here.
  [[nodiscard]] std::optional<commit_failure>
  commit(conf::config desired, const change_options& how, moment now, commit_target& target);
  void log_expired(const std::vector<std::string>& names);

  /// On disk, what a killed daemon comes back with. Why it cannot be there.
  [[nodiscard]] std::optional<rpc_failure> keep_on_disk(const conf::config& before);

  void remember(const std::string& who, std::string what, moment now);
  void forget_pending_file();

  std::shared_ptr<running_configuration> running_;
  std::optional<pending_file> file_;
  logger log_;
  std::optional<waiting_change> waiting_;
  /// Of what runs.
  std::optional<std::chrono::sys_seconds> next_expiry_;
  std::deque<history_entry> history_;
};

} // namespace troupe::actors
