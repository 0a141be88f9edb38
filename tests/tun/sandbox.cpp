#include "tests/tun/sandbox.hpp"

#include "messages/address.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <thread>

namespace troupe::test {

namespace {

unique_fd own_namespace() {
  return unique_fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

struct socket_address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* pointer() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

socket_address to_socket_address(const ip_address& address, std::uint16_t port) {
  socket_address result;
  if (address.family == ip_family::v4) {
    sockaddr_in& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::copy_n(address.octets.begin(), 4, reinterpret_cast<std::uint8_t*>(&v4.sin_addr));
    result.length = sizeof v4;
  } else {
    sockaddr_in6& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::copy_n(address.octets.begin(), 16, reinterpret_cast<std::uint8_t*>(&v6.sin6_addr));
    result.length = sizeof v6;
  }
  return result;
}

/// Word by word with an end-around carry: not the way of tun/checksum.
std::uint16_t checksum(std::vector<std::uint8_t> data) {
  if (data.size() % 2 != 0)
    data.push_back(0);
  std::uint16_t sum = 0;
  for (std::size_t at = 0; at < data.size(); at += 2) {
    const std::uint16_t word = load_be16(&data[at]);
    sum = static_cast<std::uint16_t>(sum + word);
    if (sum < word)
      ++sum;
  }
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> ip_header_for(const ip_address& source, const ip_address& target,
                                        std::uint16_t payload_octets) {
  const bool v4 = source.family == ip_family::v4;
  std::vector<std::uint8_t> header(v4 ? 12 : 8);
  if (v4) {
    header[0] = 0x45;
    store_be16(&header[2], static_cast<std::uint16_t>(20 + payload_octets));
    header[8] = 64;
    header[9] = IPPROTO_UDP;
  } else {
    header[0] = 0x60;
    store_be16(&header[4], payload_octets);
    header[6] = IPPROTO_UDP;
    header[7] = 64;
  }
  header.insert(header.end(), source.significant().begin(), source.significant().end());
  header.insert(header.end(), target.significant().begin(), target.significant().end());
  if (v4)
    store_be16(&header[10], checksum(header));
  return header;
}

} // namespace

sandbox::sandbox() : before_(own_namespace()) {
  BOOST_REQUIRE(static_cast<bool>(before_));
  BOOST_REQUIRE_MESSAGE(::unshare(CLONE_NEWNET) == 0, "tests of devices need root");
  run("ip link set lo up");
}

sandbox::~sandbox() {
  ::setns(before_.fd(), CLONE_NEWNET);
}

other_namespace::other_namespace() {
  std::thread([this] {
    if (::unshare(CLONE_NEWNET) == 0)
      fd_ = own_namespace();
  }).join();
  BOOST_REQUIRE(static_cast<bool>(fd_));
}

std::string other_namespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.fd());
}

std::string other_namespace::run(const std::string& command) const {
  return test::run("nsenter --net=" + path() + " " + command);
}

std::string run(const std::string& command) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "re");
  BOOST_REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  BOOST_REQUIRE_MESSAGE(status == 0, command << ": " << output);
  return output;
}

bool prints(const std::string& command, const std::string& text) {
  for (int tries = 0; tries < 50; ++tries) {
    if (run(command).find(text) != std::string::npos)
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

void without_privileges(const std::function<void()>& call) {
  std::thread([&call] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, 2> none{};
    BOOST_REQUIRE_EQUAL(::syscall(SYS_capset, &header, none.data()), 0);
    call();
  }).join();
}

short poll_now(int fd) {
  pollfd polled{fd, POLLIN | POLLOUT, 0};
  ::poll(&polled, 1, 0);
  return polled.revents;
}

bool wait_for(int fd, short events) {
  pollfd polled{fd, events, 0};
  return ::poll(&polled, 1, 5000) == 1;
}

bare_slab make_slab(std::size_t octets) {
  return slab::make("test", octets, 256, nullptr);
}

std::vector<std::uint8_t> to_vector(const_bytes octets) {
  return std::vector<std::uint8_t>(octets.begin(), octets.end());
}

std::vector<std::uint8_t> make_udp_packet(const std::string& source, const std::string& target,
                                          std::uint16_t target_port, const std::string& payload) {
  const ip_address from = parse_ip_address(source).value();
  const ip_address to = parse_ip_address(target).value();
  const std::uint16_t udp_octets = static_cast<std::uint16_t>(8 + payload.size());
  std::vector<std::uint8_t> udp(8);
  store_be16(&udp[0], 1234);
  store_be16(&udp[2], target_port);
  store_be16(&udp[4], udp_octets);
  udp.insert(udp.end(), payload.begin(), payload.end());

  std::vector<std::uint8_t> summed(from.significant().begin(), from.significant().end());
  summed.insert(summed.end(), to.significant().begin(), to.significant().end());
  summed.insert(summed.end(), {0, IPPROTO_UDP, udp[4], udp[5]});
  summed.insert(summed.end(), udp.begin(), udp.end());
  store_be16(&udp[6], checksum(summed));

  std::vector<std::uint8_t> packet = ip_header_for(from, to, udp_octets);
  packet.insert(packet.end(), udp.begin(), udp.end());
  return packet;
}

unique_fd udp_socket(const std::string& address, std::uint16_t port) {
  const socket_address here = to_socket_address(parse_ip_address(address).value(), port);
  unique_fd socket(::socket(here.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE_EQUAL(::bind(socket.fd(), here.pointer(), here.length), 0);
  return socket;
}

void send_udp(const unique_fd& socket, const std::string& target, std::uint16_t port,
              const std::string& payload) {
  const socket_address there = to_socket_address(parse_ip_address(target).value(), port);
  const ssize_t sent =
      ::sendto(socket.fd(), payload.data(), payload.size(), 0, there.pointer(), there.length);
  BOOST_REQUIRE_EQUAL(sent, static_cast<ssize_t>(payload.size()));
}

} // namespace troupe::test
