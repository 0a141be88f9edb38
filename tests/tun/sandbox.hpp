// Network namespaces for tests of real devices. Each sandbox is a namespace of its own with nothing
// in it; it and all interfaces in it vanish with the last descriptor, so nothing is left behind
// even by a test that crashes.
#pragma once

#include "messages/slab.hpp"
#include "messages/unique_fd.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>
#include <vector>

namespace troupe::test {

/// A fixture: the test's thread, and the programs it starts, are in a new network namespace. Fails
/// where the test does not run as root.
class sandbox {
public:
  sandbox();
  ~sandbox();
  sandbox(const sandbox&) = delete;
  sandbox& operator=(const sandbox&) = delete;

private:
  unique_fd before_;
};

/// Another namespace beside it, which nobody is in.
class other_namespace {
public:
  other_namespace();

  /// For `ip link set ... netns PATH`.
  [[nodiscard]] std::string path() const;
  /// The output of a shell command run in there.
  [[nodiscard]] std::string run(const std::string& command) const;

private:
  unique_fd fd_;
};

/// What a shell command printed; the test ends if it failed.
std::string run(const std::string& command);
/// Whether a shell command prints `text`; asks again for up to five seconds, since the kernel does
/// some of its work after it has answered.
bool prints(const std::string& command, const std::string& text);

/// Calls it on a thread that has lost all capabilities, as a daemon that gave them up would.
void without_privileges(const std::function<void()>& call);

/// poll(2) at once: the events that are there for `fd`.
short poll_now(int fd);
/// Waits up to five seconds for any of `events`; false if none came.
bool wait_for(int fd, short events);

bare_slab make_slab(std::size_t octets);
std::vector<std::uint8_t> to_vector(const_bytes octets);

/// A UDP packet with IPv4 or IPv6 header and right checksums.
std::vector<std::uint8_t> make_udp_packet(const std::string& source, const std::string& target,
                                          std::uint16_t target_port, const std::string& payload);

/// A UDP socket on `address` (numeric, either family) and `port`, in the namespace of the thread.
unique_fd udp_socket(const std::string& address, std::uint16_t port);
void send_udp(const unique_fd& socket, const std::string& target, std::uint16_t port,
              const std::string& payload);

} // namespace troupe::test
