// A broken invariant ends the process, in release builds too: a router that has lost track of its
// own state must not go on forwarding. Never used on input; input has errors and drop reasons.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace troupe {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "trouped: internal error: %s is false (%s:%d); this is a bug in troupe\n",
               condition, file, line);
  std::abort();
}

} // namespace troupe

#define TROUPE_ASSERT(condition)                                                                   \
  (static_cast<bool>(condition) ? void(0)                                                          \
                                : ::troupe::assertion_failed(#condition, __FILE__, __LINE__))
