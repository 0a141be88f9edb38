#include "udp/receiver.hpp"

#include "tests/udp/own_network.hpp"
#include "tests/udp/scripted_calls.hpp"
#include "tests/udp/slabs.hpp"

#include <poll.h>

using namespace troupe;
using namespace troupe::udp;

namespace {

struct receiving : own_network {
  std::shared_ptr<const bound_socket> source = bound_socket::open(ip_family::v4, 51820, {});
  std::shared_ptr<const bound_socket> other = bound_socket::open(ip_family::v4, 51821, {});
  scripted_calls calls;
  receiver received{source, calls};
  bare_slab into = make_receive_slab();

  void send(std::string_view payload) const {
    sockaddr_storage to{};
    const socklen_t length = write_socket_address(at("127.0.0.1", 51820), to);
    BOOST_REQUIRE(::sendto(other->fd(), payload.data(), payload.size(), 0, as_sockaddr(&to),
                           length) == static_cast<ssize_t>(payload.size()));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(receiver, receiving)

BOOST_AUTO_TEST_CASE(nothing_waiting_is_an_empty_socket) {
  const receive_result result = received.receive_batch(*into);
  BOOST_TEST(result.socket_empty);
  BOOST_TEST(result.datagrams == 0);
  BOOST_TEST(!result.error);
  BOOST_TEST(calls.calls == 1);
}

BOOST_AUTO_TEST_CASE(datagrams_arrive_in_order_each_in_its_slot) {
  for (int i = 0; i < 20; ++i)
    send("datagram " + std::to_string(i));
  const receive_result first = received.receive_batch(*into);
  BOOST_TEST(first.datagrams == 16);
  BOOST_TEST(!first.socket_empty);
  BOOST_TEST(first.octets == 10 * 10 + 6 * 11);
  for (std::uint32_t i = 0; i < 16; ++i) {
    const arrival& taken = into->arrivals.at(i);
    BOOST_TEST(taken.offset == i * 65536);
    BOOST_TEST(text_of(into->range(taken.offset, taken.length)) == "datagram " + std::to_string(i));
    BOOST_TEST((taken.remote == at("127.0.0.1", 51821)));
  }
  into->arrivals.clear();
  const receive_result second = received.receive_batch(*into);
  BOOST_TEST(second.datagrams == 4);
  BOOST_TEST(second.socket_empty);
}

BOOST_AUTO_TEST_CASE(largest_datagram_fits) {
  send(std::string(65507, 'x'));
  BOOST_TEST(received.receive_batch(*into).datagrams == 1);
  BOOST_TEST(into->arrivals.at(0).length == 65507);
}

BOOST_AUTO_TEST_CASE(empty_datagram_arrives_and_ends_nothing) {
  send("");
  send("next");
  BOOST_TEST(received.receive_batch(*into).datagrams == 2);
  BOOST_TEST(into->arrivals.at(0).length == 0);
  BOOST_TEST(into->arrivals.at(1).length == 4);
}

BOOST_AUTO_TEST_CASE(datagram_longer_than_its_slot_is_counted_and_not_delivered) {
  const bare_slab small = make_slab(16 * 8);
  send("fits");
  send("does not fit");
  send("fits too");
  const receive_result result = received.receive_batch(*small);
  BOOST_TEST(result.datagrams == 2);
  BOOST_TEST(result.truncated == 1);
  BOOST_TEST(!result.error);
  BOOST_TEST(text_of(small->range(small->arrivals.at(1).offset, 8)) == "fits too");
}

BOOST_AUTO_TEST_CASE(error_left_by_an_earlier_datagram_is_skipped) {
  calls.steps = {{.error = ECONNREFUSED}, {.error = EHOSTUNREACH}};
  send("after the error");
  const receive_result result = received.receive_batch(*into);
  BOOST_TEST(result.datagrams == 1);
  BOOST_TEST(!result.error);
  BOOST_TEST(calls.calls == 3);
}

BOOST_AUTO_TEST_CASE(error_that_stays_is_reported_and_later_calls_go_on) {
  calls.steps.assign(limits::receive_errors_skipped_max, {.error = ENOMEM});
  send("still there");
  const receive_result failed = received.receive_batch(*into);
  BOOST_TEST((failed.error == std::errc::not_enough_memory));
  BOOST_TEST(!failed.socket_empty);
  BOOST_TEST(calls.calls == limits::receive_errors_skipped_max);
  BOOST_TEST(received.receive_batch(*into).datagrams == 1);
}

BOOST_AUTO_TEST_CASE(datagrams_dropped_by_the_kernel_are_counted) {
  source = bound_socket::open(ip_family::v4, 51822, {.receive_buffer_octets = 4096});
  udp::receiver small{source};
  BOOST_TEST(small.kernel_drops() == 0);
  sockaddr_storage to{};
  const socklen_t length = write_socket_address(at("127.0.0.1", 51822), to);
  for (int i = 0; i < 100; ++i)
    ::sendto(other->fd(), "0123456789", 10, 0, as_sockaddr(&to), length);
  std::size_t arrived = 0;
  for (bool empty = false; !empty; into->arrivals.clear()) {
    const receive_result result = small.receive_batch(*into);
    arrived += result.datagrams;
    empty = result.socket_empty;
  }
  BOOST_TEST(arrived > 0);
  BOOST_TEST(small.kernel_drops() == 100 - arrived);
}

BOOST_AUTO_TEST_CASE(descriptor_is_readable_when_datagrams_wait) {
  pollfd waits{.fd = received.fd(), .events = POLLIN, .revents = 0};
  BOOST_TEST(::poll(&waits, 1, 0) == 0);
  send("x");
  BOOST_TEST(::poll(&waits, 1, 10'000) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
