// The other end of a control socket.
#pragma once

#include "messages/unique_fd.hpp"

#include <string>
#include <string_view>

namespace troupe::actors {

bool can_connect(const std::string& path);
/// A socket of somebody else at `path`.
unique_fd listening_at(const std::string& path);

/// Never waits: what the daemon has sent by now is there, or it is not.
class unix_client {
public:
  /// Throws std::runtime_error.
  explicit unix_client(const std::string& path);

  void write(std::string_view text);
  /// What has come since the last call.
  std::string read();
  /// Whether the other end is known to have closed, after all it sent was read.
  [[nodiscard]] bool closed();
  void finish_writing();
  void leave() { fd_ = unique_fd(); }

private:
  unique_fd fd_;
  bool closed_ = false;
};

} // namespace troupe::actors
