#include "tools/background.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace troupe::tools {

namespace {

/// What the child writes when it serves; anything else is an error text.
constexpr char serving_mark = '\0';

[[noreturn]] void wait_for_child(pid_t child, const unique_fd& from_child) {
  std::string said;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(from_child.fd(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    said.append(buffer, static_cast<std::size_t>(got));
    if (said.front() == serving_mark)
      ::_exit(0);
  }
  if (said.empty())
    said = "the daemon ended during its set-up without saying why";
  // Status 1 says that nothing of the daemon is left, neither process nor interface.
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR)
    continue;
  std::fprintf(stderr, "trouped: %s\n", said.c_str());
  ::_exit(1);
}

void write_all(int fd, const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t done = ::write(fd, text.data() + written, text.size() - written);
    if (done < 0 && errno != EINTR)
      return; // the parent was killed; the daemon goes on
    written += done > 0 ? static_cast<std::size_t>(done) : 0;
  }
}

void silence(int fd, int flags) {
  const unique_fd nothing(::open("/dev/null", flags | O_CLOEXEC));
  ::dup2(nothing.fd(), fd);
}

} // namespace

void parent_line::serving() {
  if (!to_parent_)
    return;
  write_all(to_parent_.fd(), std::string(1, serving_mark));
  to_parent_ = unique_fd();
}

void parent_line::failed(const std::string& text) {
  if (!to_parent_) {
    std::fprintf(stderr, "trouped: %s\n", text.c_str());
    return;
  }
  write_all(to_parent_.fd(), text);
  to_parent_ = unique_fd();
}

void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", O_RDWR)); // takes the lowest free number: this one
}

parent_line go_to_background() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::system_category(), "cannot make a pipe");
  unique_fd from_child(ends[0]);
  unique_fd to_parent(ends[1]);
  const pid_t child = ::fork();
  if (child < 0)
    throw std::system_error(errno, std::system_category(), "cannot go into the background");
  if (child > 0) {
    to_parent = unique_fd();
    wait_for_child(child, from_child);
  }
  ::setsid();
  // Holds no folder busy; every path it still uses is absolute.
  if (::chdir("/") != 0)
    throw std::system_error(errno, std::system_category(), "cannot go to /");
  silence(STDIN_FILENO, O_RDONLY);
  silence(STDOUT_FILENO, O_WRONLY);
  return parent_line(std::move(to_parent));
}

} // namespace troupe::tools
