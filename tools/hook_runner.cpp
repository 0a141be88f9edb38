#include "tools/hook_runner.hpp"

#include "messages/limits.hpp"

#include "conf/wording.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace troupe::tools {

namespace {

time_point steady_now() {
  return std::chrono::time_point_cast<duration>(std::chrono::steady_clock::now());
}

std::string time_text() {
  return "the " + std::to_string(std::chrono::seconds(limits::hook_time).count()) +
         " s that all commands of a kind have";
}

std::string with_name(std::string command, const std::string& name) {
  constexpr std::string_view placeholder = "%i";
  for (std::size_t at = command.find(placeholder); at != std::string::npos;
       at = command.find(placeholder, at + name.size()))
    command.replace(at, placeholder.size(), name);
  return command;
}

/// How a process begins: what of the parent it does without.
class spawn_settings {
public:
  spawn_settings() {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDOUT_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                 POSIX_SPAWN_SETPGROUP);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;
  ~spawn_settings() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&files_);
  }

  /// 0, or why not.
  int start(const std::string& command, pid_t& process) {
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = command;
    char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    return ::posix_spawn(&process, "/bin/sh", &files_, &attributes_, arguments, environ);
  }

private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

std::string ending_of(int status) {
  if (WIFEXITED(status))
    return WEXITSTATUS(status) == 0 ? ""
                                    : "ended with status " + std::to_string(WEXITSTATUS(status));
  return "was ended by signal " + std::to_string(WTERMSIG(status));
}

/// It may not heed anything less. Nobody waits for it: it may be stuck in the kernel.
void kill_group(pid_t process) {
  ::kill(-process, SIGKILL);
  ::waitpid(process, nullptr, WNOHANG);
}

} // namespace

std::vector<std::string> hook_runner::run(conf::hook which, const conf::hooks& of,
                                          after_failure then) {
  const conf::hook_kind& kind = conf::kind_of(which);
  const conf::hook_list& commands = of.*kind.list;
  const time_point deadline = steady_now() + limits::hook_time;
  std::vector<std::string> failures;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (steady_now() >= deadline) {
      failures.push_back("from command " + std::to_string(i + 1) + " of " + std::string(kind.key) +
                         " on none is run: " + time_text() + " are over");
      break;
    }
    const std::string how = run_one(with_name(commands[i], interface_name_), deadline);
    if (how.empty())
      continue;
    failures.push_back("command " + std::to_string(i + 1) + " of " + std::string(kind.key) + ", " +
                       conf::shown(commands[i]) + ", " + how);
    if (then == after_failure::stop)
      break;
  }
  return failures;
}

std::string hook_runner::run_one(const std::string& command, time_point deadline) {
  pid_t process = 0;
  if (const int error = spawn_settings().start(command, process); error != 0)
    return std::string("cannot be run by /bin/sh: ") + std::strerror(error);
  return wait_for(process, deadline);
}

std::string hook_runner::wait_for(int process, time_point deadline) {
  bool hung_up = false;
  std::string how;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_now());
    pollfd ready{signals_, POLLIN, 0};
    const int woken = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    signalfd_siginfo received{};
    if (woken == 0) {
      how = "did not end within " + time_text() + ", and was killed";
      kill_group(process);
      break;
    }
    if (woken < 0 || ::read(signals_, &received, sizeof received) <= 0)
      continue;
    int status = 0;
    if (received.ssi_signo == SIGCHLD) {
      if (::waitpid(process, &status, WNOHANG) != process)
        continue;
      how = ending_of(status);
      break;
    }
    if (received.ssi_signo == SIGHUP) {
      hung_up = true;
      continue;
    }
    how = "was killed, as trouped was asked to end meanwhile";
    kill_group(process);
    break;
  }
  if (hung_up)
    ::kill(::getpid(), SIGHUP); // blocked, so that it waits for whoever reads the signals next
  return how;
}

} // namespace troupe::tools
