// The daemon from the end of its set-up on: makes everything that can fail, starts the actors,
// waits for the end. main (trouped.cpp) decides what is asked for.
#pragma once

#include "actors/pending_file.hpp"
#include "conf/config.hpp"
#include "tools/background.hpp"
#include "tools/config_file.hpp"

#include <optional>
#include <string>

namespace troupe::tools {

struct daemon_settings {
  conf::config config;
  /// Without a file, as wireguard-go: no address, route or link state is ever touched.
  bool from_file = false;
  /// Absolute; empty without a file.
  std::string path;
  permissions file_permissions = permissions::judged;
  /// The configuration is the one from before a change that was never confirmed, not the file's.
  bool taken_back = false;
  /// Why it is the file's although such a change was waiting; empty: none was, or nothing is wrong.
  std::string why_not_taken_back;
  /// In the background: the log goes there.
  bool keeps_stderr = true;
  /// Descriptors that somebody else opened (WG_TUN_FD, WG_UAPI_FD).
  std::optional<int> tun_fd;
  std::optional<int> uapi_fd;
};

/// Where a change of the interface waits to be confirmed, also for the next daemon.
actors::pending_file pending_file_of(const std::string& interface_name);

/// The exit status.
int run_daemon(daemon_settings settings, parent_line parent);

} // namespace troupe::tools
