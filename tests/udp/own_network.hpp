// Network namespaces that a test owns: they have no name and go with their last descriptor, so
// nothing is left behind, whatever becomes of the test.
#pragma once

#include "messages/unique_fd.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace troupe::udp {

inline void run(const std::string& command) {
  BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, "failed: " + command);
}

inline unique_fd this_namespace() {
  return unique_fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

inline void enter(const unique_fd& network) {
  BOOST_REQUIRE(::setns(network.fd(), CLONE_NEWNET) == 0);
}

/// The test runs in a network of its own, with loopback up.
class own_network {
public:
  own_network() : previous_(this_namespace()) {
    BOOST_REQUIRE_MESSAGE(::unshare(CLONE_NEWNET) == 0, "network tests need root");
    run("ip link set lo up");
  }
  ~own_network() { ::setns(previous_.fd(), CLONE_NEWNET); }
  own_network(const own_network&) = delete;
  own_network& operator=(const own_network&) = delete;

private:
  unique_fd previous_;
};

/// Two networks and a cable:  near [ve0 10.9.0.1, fd09::1] --- [ve1 10.9.0.2, fd09::2] far
class two_networks {
public:
  two_networks() : near_(this_namespace()) {
    BOOST_REQUIRE(::unshare(CLONE_NEWNET) == 0);
    run("ip link set lo up");
    far_ = this_namespace();
    enter(near_);
    const std::string far_path =
        "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(far_.fd());
    run("ip link add ve0 type veth peer name ve1 netns " + far_path);
    address("ve0", 1);
    enter(far_);
    address("ve1", 2);
    enter(near_);
  }

  void to_near() const { enter(near_); }
  void to_far() const { enter(far_); }

private:
  static void address(const std::string& device, int host) {
    const std::string number = std::to_string(host);
    run("ip link set " + device + " up");
    run("ip addr add 10.9.0." + number + "/24 dev " + device);
    run("ip addr add fd09::" + number + "/64 dev " + device + " nodad");
  }

  own_network outer_;
  unique_fd near_;
  unique_fd far_;
};

} // namespace troupe::udp
