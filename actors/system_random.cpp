#include "actors/system_random.hpp"

#include "messages/assert.hpp"

#include <sys/random.h>

#include <cerrno>

namespace troupe::actors {

void system_random::fill(bytes out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    TROUPE_ASSERT(got > 0 || errno == EINTR);
    if (got > 0)
      out = out.subspan(static_cast<std::size_t>(got));
  }
}

} // namespace troupe::actors
