#include "tools/secrecy.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace troupe::tools {

void keep_secrets_in() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

} // namespace troupe::tools
