// System calls that do what a test says: the n-th call follows the n-th step, and when the steps
// are used up everything is taken.
#pragma once

#include "udp/batch_calls.hpp"
#include "udp/socket_address.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace troupe::udp {

class scripted_calls final : public batch_calls {
public:
  struct step {
    int accept = 0; // messages; 0: fail
    int error = 0;
  };
  struct sent_datagram {
    std::string payload;
    endpoint remote;
    /// Of a train, what its segments have; 0: one datagram.
    std::uint32_t segment_octets = 0;
    /// Of all control messages but UDP_SEGMENT.
    std::size_t control_octets = 0;
    int fd = -1;
  };

  int send(int fd, mmsghdr* messages, unsigned count) override {
    ++calls;
    if (count > largest_call)
      largest_call = count;
    step now{.accept = static_cast<int>(count), .error = 0};
    if (!steps.empty()) {
      now = steps.front();
      steps.pop_front();
    }
    if (now.accept == 0) {
      errno = now.error;
      return -1;
    }
    const int taken = std::min(now.accept, static_cast<int>(count));
    for (int i = 0; i < taken; ++i)
      sent.push_back(read(fd, messages[i].msg_hdr));
    return taken;
  }

  int receive(int fd, mmsghdr* messages, unsigned count) override {
    ++calls;
    if (steps.empty())
      return kernel_calls().receive(fd, messages, count);
    errno = steps.front().error;
    steps.pop_front();
    return -1;
  }

  std::deque<step> steps;
  std::vector<sent_datagram> sent;
  int calls = 0;
  unsigned largest_call = 0;

private:
  static sent_datagram read(int fd, const msghdr& header) {
    const char* const payload = static_cast<const char*>(header.msg_iov->iov_base);
    const std::uint32_t segment = segment_octets(header);
    return {.payload = {payload, header.msg_iov->iov_len},
            .remote = read_socket_address(*static_cast<const sockaddr_storage*>(header.msg_name)),
            .segment_octets = segment,
            .control_octets =
                header.msg_controllen - (segment != 0 ? CMSG_SPACE(sizeof(std::uint16_t)) : 0),
            .fd = fd};
  }

  static std::uint32_t segment_octets(const msghdr& header) {
    msghdr walked = header; // CMSG_NXTHDR wants one that is not const
    for (cmsghdr* each = CMSG_FIRSTHDR(&walked); each != nullptr; each = CMSG_NXTHDR(&walked, each))
      if (each->cmsg_level == IPPROTO_UDP && each->cmsg_type == UDP_SEGMENT) {
        std::uint16_t octets = 0;
        std::memcpy(&octets, CMSG_DATA(each), sizeof octets);
        return octets;
      }
    return 0;
  }
};

} // namespace troupe::udp
