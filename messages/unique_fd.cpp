#include "messages/unique_fd.hpp"

#include <unistd.h>

namespace troupe {

unique_fd::~unique_fd() {
  // After EINTR Linux has closed it all the same, and the number may be somebody else's already.
  if (fd_ >= 0)
    ::close(fd_);
}

} // namespace troupe
