#include "tun/network_namespace.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace troupe::tun {

namespace_identity identify(const unique_fd& network_namespace) {
  struct stat status {};
  if (::fstat(network_namespace.fd(), &status) != 0)
    throw std::system_error(errno, std::system_category(), "cannot identify a network namespace");
  return {status.st_dev, status.st_ino};
}

unique_fd own_namespace() {
  unique_fd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own)
    throw std::system_error(errno, std::system_category(),
                            "cannot open /proc/thread-self/ns/net (is /proc mounted?)");
  return own;
}

unique_fd namespace_of(int tun_fd) {
  return unique_fd(::ioctl(tun_fd, TUNGETDEVNETNS));
}

std::string moved_text(const std::string& name) {
  return "interface " + name +
         " lives in another network namespace now: set its addresses, routes and MTU there (ip "
         "netns exec ...), or move it back";
}

} // namespace troupe::tun
