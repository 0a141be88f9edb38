#include "udp/socket.hpp"

#include "tests/udp/own_network.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <system_error>

namespace troupe::udp {

namespace {

using shared_socket = std::shared_ptr<const bound_socket>;

int option(const bound_socket& of, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  BOOST_REQUIRE(::getsockopt(of.fd(), level, name, &value, &length) == 0);
  return value;
}

std::string failure_of(ip_family family, std::uint16_t port) {
  try {
    bound_socket::open(family, port, {});
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "";
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(socket, own_network)

BOOST_AUTO_TEST_CASE(random_port_is_reported) {
  const shared_socket first = bound_socket::open(ip_family::v4, 0, {});
  const shared_socket second = bound_socket::open(ip_family::v6, 0, {});
  BOOST_TEST(first->port() != 0);
  BOOST_TEST(second->port() != 0);
  BOOST_TEST((second->family() == ip_family::v6));
}

BOOST_AUTO_TEST_CASE(descriptor_is_non_blocking_and_stays_in_the_process) {
  const shared_socket opened = bound_socket::open(ip_family::v4, 0, {});
  BOOST_TEST((::fcntl(opened->fd(), F_GETFL) & O_NONBLOCK) != 0);
  BOOST_TEST((::fcntl(opened->fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

BOOST_AUTO_TEST_CASE(taken_port_is_named_with_its_family) {
  const shared_socket taken = bound_socket::open(ip_family::v6, 51820, {});
  BOOST_TEST(failure_of(ip_family::v6, 51820).starts_with("UDP port 51820 is in use (IPv6)"));
  BOOST_TEST(failure_of(ip_family::v4, 51820) == "");
}

BOOST_AUTO_TEST_CASE(buffers_are_as_large_as_asked_for) {
  const socket_options options{.receive_buffer_octets = 3'000'000, .send_buffer_octets = 700'000};
  const shared_socket opened = bound_socket::open(ip_family::v4, 0, options);
  BOOST_TEST(opened->receive_buffer_octets() == 3'000'000);
  BOOST_TEST(opened->send_buffer_octets() == 700'000);
}

BOOST_AUTO_TEST_CASE(mark_is_set_at_first_and_later) {
  const shared_socket opened = bound_socket::open(ip_family::v4, 0, {.mark = 0xca6c});
  BOOST_TEST(opened->mark() == 0xca6c);
  const shared_socket marked = opened->with({.mark = 0x80000001});
  BOOST_TEST(opened->mark() == 0x80000001);
  BOOST_TEST(option(*opened, SOL_SOCKET, SO_MARK) == static_cast<int>(0x80000001));
  const shared_socket unmarked = marked->with({});
  BOOST_TEST(opened->mark() == 0);
}

BOOST_AUTO_TEST_CASE(other_options_are_set_on_the_socket_that_is_there) {
  const shared_socket opened = bound_socket::open(ip_family::v4, 0, {});
  const shared_socket other =
      opened->with({.receive_buffer_octets = 90'000, .send_buffer_octets = 70'000, .gro = false});
  BOOST_TEST(other->port() == opened->port());
  BOOST_TEST(opened->receive_buffer_octets() == 90'000);
  BOOST_TEST(opened->send_buffer_octets() == 70'000);
  BOOST_TEST(other->send_queue_most() == 140'000);
  BOOST_TEST(option(*opened, IPPROTO_UDP, UDP_GRO) == 0);
  BOOST_TEST(other->without_gro() == "switched off by udp.gro");
  opened->reassert();
  BOOST_TEST(other->receive_buffer_octets() == limits::udp_receive_buffer_octets);
  BOOST_TEST(option(*other, IPPROTO_UDP, UDP_GRO) == 1);
}

BOOST_AUTO_TEST_CASE(datagrams_may_be_fragmented) {
  const shared_socket v4 = bound_socket::open(ip_family::v4, 0, {});
  const shared_socket v6 = bound_socket::open(ip_family::v6, 0, {});
  BOOST_TEST(option(*v4, IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DONT);
  BOOST_TEST(option(*v6, IPPROTO_IPV6, IPV6_MTU_DISCOVER) == IPV6_PMTUDISC_DONT);
  BOOST_TEST(option(*v6, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

BOOST_AUTO_TEST_CASE(descriptor_closes_with_its_last_user) {
  shared_socket first = bound_socket::open(ip_family::v4, 51821, {});
  shared_socket second = first;
  first.reset();
  BOOST_TEST(failure_of(ip_family::v4, 51821) != "");
  second.reset();
  BOOST_TEST(failure_of(ip_family::v4, 51821) == "");
}

BOOST_AUTO_TEST_CASE(what_may_be_queued_to_send_can_be_limited_and_given_back) {
  const std::shared_ptr<const bound_socket> socket = bound_socket::open(ip_family::v4, 0, {});
  const std::size_t most = socket->send_queue_most();
  BOOST_TEST(most == 2 * socket->send_buffer_octets());
  BOOST_TEST(socket->queued() == 0U);
  socket->limit_send_queue(100'000);
  BOOST_TEST(socket->send_queue_limit() == 100'000U);
  BOOST_TEST(socket->send_queue_most() == most);
  socket->limit_send_queue(most);
  BOOST_TEST(socket->send_queue_limit() == most);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::udp
