#include "tools/background.hpp"

#include "tools/signal_descriptor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace troupe::tools {

namespace {

/// What the child writes when it serves; anything else is an error text.
constexpr char serving_mark = '\0';

/// Whoever ends the parent, or its terminal, means the start: it cannot be left half made.
[[noreturn]] void wait_for_child(pid_t child, const unique_fd& from_child,
                                 const unique_fd& signals) {
  std::string said;
  char buffer[4096];
  for (;;) {
    pollfd ready[] = {{from_child.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    ::poll(ready, 2, -1);
    signalfd_siginfo received{};
    if (ready[1].revents != 0 && ::read(signals.fd(), &received, sizeof received) > 0)
      ::kill(child, SIGTERM);
    if (ready[0].revents == 0)
      continue;
    const ssize_t got = ::read(from_child.fd(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    said.append(buffer, static_cast<std::size_t>(got));
    if (said.front() == serving_mark)
      ::_exit(0);
  }
  // Status 1 says that nothing of the daemon is left, neither process nor interface.
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (said.empty())
    said = WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? "it was asked to end before it served"
               : "the daemon ended during its set-up without saying why";
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

/// Those that nobody (nohup, a shell) has made the process ignore.
std::vector<int> not_ignored(std::vector<int> signals) {
  std::erase_if(signals, [](int each) {
    struct sigaction now {};
    return ::sigaction(each, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
  });
  return signals;
}

void silence(int fd, int flags) {
  const unique_fd nothing(::open("/dev/null", flags | O_CLOEXEC));
  ::dup2(nothing.fd(), fd);
}

} // namespace

void parent_line::serving(bool keeps_stderr) {
  if (!to_parent_)
    return;
  if (!keeps_stderr)
    silence(STDERR_FILENO, O_WRONLY);
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
  // Blocked from here on in the child, too, which makes a descriptor of its own for them.
  const unique_fd signals = signals_as_descriptor(not_ignored({SIGTERM, SIGINT, SIGHUP}));
  const pid_t child = ::fork();
  if (child < 0)
    throw std::system_error(errno, std::system_category(), "cannot go into the background");
  if (child > 0) {
    to_parent = unique_fd();
    wait_for_child(child, from_child, signals);
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
