// A listening Unix socket at a path. It appears there ready: it listens under another name first
// and is then renamed, so whoever sees it can connect to it. A stale one is replaced, a live one is
// respected.
#pragma once

#include "messages/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace troupe::actors {

/// Where a socket appears, and which file it is there: all that it takes to remove it.
class socket_place {
public:
  /// What is at `now` now is the socket, and it belongs at `path`.
  socket_place(const std::string& now, std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// False: no file was there, as may be with a socket that was handed over.
  [[nodiscard]] bool has_file() const { return inode_ != 0; }
  /// Whether the path still leads to it.
  [[nodiscard]] bool in_place() const;
  /// Unless something else stands there by now.
  void remove() const;

private:
  std::string path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

class control_socket {
public:
  struct access {
    unsigned mode = 0600;
    /// The group that owns the socket; absent: the process's.
    std::optional<unsigned> group;
  };

  /// Makes the folder too (0755). Throws std::system_error or, if another process answers on the
  /// path, std::runtime_error.
  static control_socket listen(const std::string& path, const access& who);
  /// Takes over a socket that listens already (WG_UAPI_FD) and belongs at `path`.
  static control_socket adopt(unique_fd listening, const std::string& path);

  control_socket(control_socket&&) noexcept = default;
  control_socket& operator=(control_socket&&) noexcept = default;
  /// Removes it from its place.
  ~control_socket();

  [[nodiscard]] int fd() const { return fd_.fd(); }
  [[nodiscard]] const socket_place& place() const { return place_; }
  [[nodiscard]] const access& who() const { return who_; }

private:
  control_socket(unique_fd listening, socket_place place, access who);

  unique_fd fd_;
  access who_;
  socket_place place_;
};

} // namespace troupe::actors
