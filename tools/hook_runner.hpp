// Runs the commands around the interface's life: on the main thread, one after the other, each by
// /bin/sh as its own process group, with nothing of the daemon's but its environment and stderr.
#pragma once

#include "messages/moment.hpp"

#include "conf/config.hpp"
#include "conf/hook_setting.hpp"

#include <string>
#include <vector>

namespace troupe::tools {

class hook_runner {
public:
  /// `signals`: a signalfd that hears of children, too; open as long as the runner.
  hook_runner(int signals, std::string interface_name)
      : signals_(signals), interface_name_(std::move(interface_name)) {}

  enum class after_failure : bool { stop, go_on };
  /// What failed, one text each. All of a kind together have limits::hook_time. SIGTERM and SIGINT
  /// end the command that runs, and nothing else; SIGHUP is kept for later.
  [[nodiscard]] std::vector<std::string> run(conf::hook which, const conf::hooks& of,
                                             after_failure then);

private:
  /// How it ended; empty: well.
  [[nodiscard]] std::string run_one(const std::string& command, time_point deadline);
  [[nodiscard]] std::string wait_for(int process, time_point deadline);

  int signals_;
  std::string interface_name_;
};

} // namespace troupe::tools
