#include "udp/batch_calls.hpp"

namespace troupe::udp {

namespace {

class calls_of_the_kernel final : public batch_calls {
public:
  int send(int fd, mmsghdr* messages, unsigned count) override {
    return ::sendmmsg(fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  int receive(int fd, mmsghdr* messages, unsigned count) override {
    return ::recvmmsg(fd, messages, count, MSG_DONTWAIT, nullptr);
  }
};

} // namespace

batch_calls& kernel_calls() {
  static calls_of_the_kernel calls;
  return calls;
}

} // namespace troupe::udp
