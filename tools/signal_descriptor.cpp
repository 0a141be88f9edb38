#include "tools/signal_descriptor.hpp"

#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <system_error>

namespace troupe::tools {

unique_fd signals_as_descriptor(const std::vector<int>& signals) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t handled;
  ::sigemptyset(&handled);
  for (const int each : signals)
    ::sigaddset(&handled, each);
  ::pthread_sigmask(SIG_BLOCK, &handled, nullptr);
  unique_fd readable(::signalfd(-1, &handled, SFD_CLOEXEC));
  if (!readable)
    throw std::system_error(errno, std::system_category(), "cannot make a signalfd");
  return readable;
}

} // namespace troupe::tools
