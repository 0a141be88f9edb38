// The daemon from the end of its set-up on: makes everything that can fail, starts the actors,
// waits for the end. main (trouped.cpp) decides what is asked for.
#pragma once

#include "conf/config.hpp"
#include "tools/background.hpp"

#include <optional>

namespace troupe::tools {

struct daemon_settings {
  conf::config config;
  /// Without a file, as wireguard-go: no address, route or link state is ever touched.
  bool from_file = false;
  /// Descriptors that somebody else opened (WG_TUN_FD, WG_UAPI_FD).
  std::optional<int> tun_fd;
  std::optional<int> uapi_fd;
};

/// The exit status.
int run_daemon(daemon_settings settings, parent_line parent);

} // namespace troupe::tools
