// A file descriptor with one owner, closed with it.
#pragma once

#include <utility>

namespace troupe {

class unique_fd {
public:
  unique_fd() = default;
  /// Takes ownership; a negative number owns nothing.
  explicit unique_fd(int owned) : fd_(owned) {}
  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
  unique_fd& operator=(unique_fd other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~unique_fd();

  [[nodiscard]] int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// The caller closes it from now on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

private:
  int fd_ = -1;
};

} // namespace troupe
