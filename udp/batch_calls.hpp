// The two system calls of the data path, replaceable so that a test can make them fail.
#pragma once

#include <sys/socket.h>

namespace troupe::udp {

/// As sendmmsg(2) and recvmmsg(2), non-blocking: the number done, or -1 and errno.
class batch_calls {
public:
  virtual ~batch_calls() = default;
  virtual int send(int fd, mmsghdr* messages, unsigned count) = 0;
  virtual int receive(int fd, mmsghdr* messages, unsigned count) = 0;
};

/// The kernel's; for any number of threads.
batch_calls& kernel_calls();

} // namespace troupe::udp
