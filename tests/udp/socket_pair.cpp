#include "udp/socket_pair.hpp"

#include "tests/udp/own_network.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

using namespace troupe;
using namespace troupe::udp;

namespace {

using shared_pair = std::shared_ptr<const udp::socket_pair>;

/// Opens sockets for real, but for what `fail` forbids (an errno, or 0).
socket_opener opener_that_fails(std::function<int(ip_family, std::uint16_t)> fail) {
  return [fail](ip_family family, std::uint16_t port, const socket_options& options) {
    const int error = fail(family, port);
    if (error != 0)
      throw std::system_error(error, std::generic_category(), "injected");
    return bound_socket::open(family, port, options);
  };
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(socket_pair, own_network)

BOOST_AUTO_TEST_CASE(both_families_have_the_port_asked_for) {
  const shared_pair pair = udp::socket_pair::open(51820, {});
  BOOST_TEST(pair->port() == 51820);
  BOOST_TEST(pair->of(ip_family::v4)->port() == 51820);
  BOOST_TEST(pair->of(ip_family::v6)->port() == 51820);
}

BOOST_AUTO_TEST_CASE(random_port_is_the_same_for_both_families) {
  for (int i = 0; i < 50; ++i) {
    const shared_pair pair = udp::socket_pair::open(0, {});
    BOOST_TEST(pair->port() != 0);
    BOOST_TEST(pair->of(ip_family::v4)->port() == pair->port());
    BOOST_TEST(pair->of(ip_family::v6)->port() == pair->port());
  }
}

BOOST_AUTO_TEST_CASE(port_in_use_in_either_family_is_an_error) {
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    const std::shared_ptr<const bound_socket> taken = bound_socket::open(family, 51820, {});
    BOOST_CHECK_EXCEPTION(
        udp::socket_pair::open(51820, {}), std::system_error,
        [](const std::system_error& error) { return error.code() == std::errc::address_in_use; });
  }
  BOOST_TEST(udp::socket_pair::open(51820, {})->port() == 51820);
}

BOOST_AUTO_TEST_CASE(random_port_taken_for_ipv6_is_passed_over) {
  int refused = 0;
  const shared_pair pair =
      udp::socket_pair::open(0, {}, opener_that_fails([&](ip_family family, std::uint16_t) {
                               return family == ip_family::v6 && ++refused <= 3 ? EADDRINUSE : 0;
                             }));
  BOOST_TEST(refused == 4);
  BOOST_TEST(pair->of(ip_family::v4)->port() == pair->of(ip_family::v6)->port());
}

BOOST_AUTO_TEST_CASE(random_ports_are_not_tried_for_ever) {
  int refused = 0;
  const socket_opener opener = opener_that_fails([&](ip_family family, std::uint16_t) {
    refused += family == ip_family::v6;
    return family == ip_family::v6 ? EADDRINUSE : 0;
  });
  BOOST_CHECK_THROW(udp::socket_pair::open(0, {}, opener), std::system_error);
  BOOST_TEST(refused == limits::random_port_attempts_max);
}

BOOST_AUTO_TEST_CASE(host_without_a_family_is_served_by_the_other) {
  for (const int error : {EAFNOSUPPORT, EADDRNOTAVAIL}) {
    for (const ip_family absent : {ip_family::v4, ip_family::v6}) {
      const ip_family present = absent == ip_family::v4 ? ip_family::v6 : ip_family::v4;
      for (const std::uint16_t port : {std::uint16_t{0}, std::uint16_t{51820}}) {
        const shared_pair pair = udp::socket_pair::open(
            port, {}, opener_that_fails([&](ip_family family, std::uint16_t) {
              return family == absent ? error : 0;
            }));
        BOOST_TEST((pair->of(absent) == nullptr));
        BOOST_REQUIRE(pair->of(present) != nullptr);
        BOOST_TEST(pair->port() == pair->of(present)->port());
        const shared_pair marked = pair->with({.mark = 7});
        BOOST_TEST((marked->of(absent) == nullptr));
        BOOST_TEST(marked->of(present)->mark() == 7);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(ipv6_switched_off_by_sysctl_does_no_harm) {
  run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
  BOOST_TEST((udp::socket_pair::open(51820, {})->of(ip_family::v4) != nullptr));
}

BOOST_AUTO_TEST_CASE(host_without_both_families_is_an_error) {
  const socket_opener opener =
      opener_that_fails([](ip_family, std::uint16_t) { return EAFNOSUPPORT; });
  BOOST_CHECK_EXCEPTION(
      udp::socket_pair::open(0, {}, opener), std::system_error, [](const std::system_error& error) {
        return std::string(error.what()).find("neither IPv4 nor IPv6") != std::string::npos;
      });
}

BOOST_AUTO_TEST_CASE(other_failures_are_not_taken_for_an_absent_family) {
  const socket_opener opener = opener_that_fails(
      [](ip_family family, std::uint16_t) { return family == ip_family::v6 ? EMFILE : 0; });
  BOOST_CHECK_THROW(udp::socket_pair::open(0, {}, opener), std::system_error);
}

BOOST_AUTO_TEST_CASE(other_options_are_those_of_both_sockets) {
  const shared_pair pair = udp::socket_pair::open(0, {.mark = 1});
  const shared_pair other = pair->with({.mark = 2, .gso = false, .gro = false});
  BOOST_TEST(other->port() == pair->port());
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    BOOST_TEST(pair->of(family)->mark() == 2); // it is one socket
    BOOST_TEST(pair->of(family)->gso());
    BOOST_TEST(!other->of(family)->gso());
    BOOST_TEST(!other->of(family)->gro());
  }
  pair->reassert();
  BOOST_TEST(other->of(ip_family::v4)->mark() == 1);
  BOOST_TEST(other->of(ip_family::v6)->mark() == 1);
}

BOOST_AUTO_TEST_CASE(options_that_are_refused_change_nothing) {
  const shared_pair pair = udp::socket_pair::open(0, {.mark = 1});
  std::string refused;
  // Capabilities are a thread's own.
  std::thread([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, 2> none{};
    ::syscall(SYS_capset, &header, none.data());
    try {
      static_cast<void>(pair->with({.mark = 2, .gro = false}));
    } catch (const std::system_error& error) {
      refused = error.what();
    }
  }).join();
  BOOST_TEST(refused.starts_with("cannot set the fwmark of a UDP socket"));
  BOOST_TEST(pair->of(ip_family::v4)->mark() == 1);
  BOOST_TEST(pair->of(ip_family::v6)->mark() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
