// The TUN device with its offloads: super-packets of the kernel's that are read as packets, and
// packets that are written as one.
#include "tests/tun/offload_device.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>

using namespace troupe;
using test::datagram_to_us;
using test::deliveries_of;
using test::mtu;
using test::octets;
using test::offload_device;
using test::packet_to_us;
using test::read_all;
using test::reading;
using test::received;
using test::run;

namespace {

struct without_offload : offload_device {
  without_offload() : offload_device({.offload = false}) {}
};

/// Sends `payload` to port 7 behind the device as UDP datagrams of `segment` octets.
void send_train(const char* target, const std::string& payload, std::uint16_t segment) {
  const bool v6 = std::strchr(target, ':') != nullptr;
  const unique_fd socket = test::udp_socket(v6 ? "fd09::1" : "10.9.0.1", 0);
  const int size = segment;
  BOOST_REQUIRE_EQUAL(::setsockopt(socket.fd(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), 0);
  test::send_udp(socket, target, 7, payload);
}

std::string numbered(std::size_t datagrams, std::size_t each) {
  std::string text;
  for (std::size_t i = 0; i < datagrams; ++i)
    text += std::to_string(1000 + i) + std::string(each - 4, '.');
  return text;
}

std::string payloads_of(const reading& all, std::size_t transport_header) {
  std::string text;
  for (const octets& packet : all.packets)
    text.append(packet.begin() +
                    static_cast<std::ptrdiff_t>(test::ip_end(packet) + transport_header),
                packet.end());
  return text;
}

/// Sends back what was sent through the device, as if the other end had sent it: the addresses
/// change places, which no checksum notices. True if super-packets were written.
bool reflect(tun::packet_source& source, tun::packet_sink& sink) {
  const bare_slab slab = test::make_slab(limits::transmit_slab_octets);
  static_cast<void>(source.read_batch(*slab, mtu));
  for (const arrival& each : slab->arrivals) {
    const bytes packet = slab->range(each.offset, each.length);
    const bool v4 = test::is_ipv4(packet);
    std::uint8_t* const addresses = &packet[v4 ? 12 : 8];
    std::swap_ranges(addresses, addresses + (v4 ? 4 : 16), addresses + (v4 ? 4 : 16));
    slab->deliveries.push_back({each.offset, each.length, peer_id::none, 0});
  }
  const tun::write_result written = sink.write_batch(*slab);
  return written.units < written.packets;
}

/// A connection from port 7 behind the device, which is ours, as all that is sent there comes back.
struct reflected_connection {
  explicit reflected_connection(bool v6) {
    const int family = v6 ? AF_INET6 : AF_INET;
    const unique_fd same_port = test::udp_socket(v6 ? "fd09::1" : "10.9.0.1", 7); // for its name
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    BOOST_REQUIRE_EQUAL(::getsockname(same_port.fd(), address_of(name), &length), 0);
    listener = unique_fd(::socket(family, SOCK_STREAM, 0));
    BOOST_REQUIRE_EQUAL(::bind(listener.fd(), address_of(name), length), 0);
    BOOST_REQUIRE_EQUAL(::listen(listener.fd(), 1), 0);
    if (v6)
      reinterpret_cast<sockaddr_in6&>(name).sin6_addr.s6_addr[15] = 2;
    else
      reinterpret_cast<sockaddr_in&>(name).sin_addr.s_addr = htonl(0x0a090002);
    out = unique_fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    BOOST_REQUIRE(::connect(out.fd(), address_of(name), length) != 0 && errno == EINPROGRESS);
  }

  static sockaddr* address_of(sockaddr_storage& name) { return reinterpret_cast<sockaddr*>(&name); }

  unique_fd listener;
  unique_fd out;
  unique_fd in;
};

} // namespace

BOOST_AUTO_TEST_SUITE(device_offload)

BOOST_FIXTURE_TEST_CASE(train_of_datagrams_is_read_as_the_datagrams, offload_device) {
  BOOST_REQUIRE_MESSAGE(tunnel.offloads().datagrams.on, tunnel.offloads().datagrams.why_off);
  for (const char* const target : {"10.9.0.2", "fd09::2"}) {
    const std::string payload = numbered(20, 1000) + "tail";
    send_train(target, payload, 1000);
    const reading all = read_all(*source, limits::transmit_slab_octets);
    BOOST_REQUIRE_EQUAL(all.packets.size(), 21U);
    BOOST_TEST(all.lost == 0U);
    for (const octets& packet : all.packets)
      BOOST_TEST(test::has_right_checksums(packet, 17, test::ip_end(packet)));
    BOOST_TEST(all.packets[0].size() == test::ip_end(all.packets[0]) + 8 + 1000);
    BOOST_TEST((payloads_of(all, 8) == payload));
  }
}

BOOST_FIXTURE_TEST_CASE(train_longer_than_the_mtu_known_loses_none, offload_device) {
  const std::string payload = numbered(50, 1000);
  for (const std::size_t slab_octets : {5000U, 5700U, 16384U}) {
    send_train("10.9.0.2", payload, 1000);
    const reading all = read_all(*source, slab_octets, 600);
    BOOST_TEST(all.lost == 0U);
    BOOST_TEST((payloads_of(all, 8) == payload));
  }
}

BOOST_FIXTURE_TEST_CASE(slab_too_small_for_a_train_goes_on_with_the_next, offload_device) {
  const std::string payload = numbered(50, 1000);
  send_train("10.9.0.2", payload, 1000);
  const unique_fd socket = test::udp_socket("10.9.0.1", 0);
  test::send_udp(socket, "10.9.0.2", 7, "behind");
  const reading all = read_all(*source, 16 * 1024);
  BOOST_TEST(all.slabs >= 4U);
  BOOST_TEST(all.lost == 0U);
  BOOST_TEST((payloads_of(all, 8) == payload + "behind"));
}

BOOST_FIXTURE_TEST_CASE(single_packets_come_with_their_checksum_complete, offload_device) {
  const unique_fd v4 = test::udp_socket("10.9.0.1", 0);
  const unique_fd v6 = test::udp_socket("fd09::1", 0);
  test::send_udp(v4, "10.9.0.2", 7, "over IPv4");
  test::send_udp(v6, "fd09::2", 7, std::string(mtu - 48, 'x'));
  const reading all = read_all(*source, limits::transmit_slab_octets);
  BOOST_REQUIRE_EQUAL(all.packets.size(), 2U);
  for (const octets& packet : all.packets)
    BOOST_TEST(test::has_right_checksums(packet, 17, test::ip_end(packet)));
}

BOOST_FIXTURE_TEST_CASE(packet_above_an_mtu_known_too_late_is_read_whole, offload_device) {
  run("ip link set tA mtu 1500");
  const unique_fd socket = test::udp_socket("10.9.0.1", 0);
  const std::string payload(1500 - 28, 'x');
  test::send_udp(socket, "10.9.0.2", 7, payload);
  const bare_slab slab = test::make_slab(limits::transmit_slab_octets);
  BOOST_TEST(source->read_batch(*slab, mtu).packets == 1U);
  BOOST_REQUIRE_EQUAL(slab->arrivals.size(), 1U);
  BOOST_REQUIRE_EQUAL(slab->arrivals[0].length, 1500U);
  const const_bytes packet = slab->range(slab->arrivals[0].offset, 1500);
  BOOST_TEST(test::has_right_checksums(packet, 17, 20));
}

BOOST_FIXTURE_TEST_CASE(without_offload_a_train_comes_as_single_packets, without_offload) {
  BOOST_TEST(!tunnel.offloads().segments.on);
  BOOST_TEST(!tunnel.offloads().datagrams.on);
  BOOST_TEST(sink->offload() == "off: switched off by tun.offload");
  const std::string payload = numbered(20, 1000);
  send_train("10.9.0.2", payload, 1000);
  const reading all = read_all(*source, limits::transmit_slab_octets);
  BOOST_TEST((payloads_of(all, 8) == payload));
  const bare_slab slab = deliveries_of(
      {packet_to_us(datagram_to_us(false, "aa")), packet_to_us(datagram_to_us(false, "bb"))});
  BOOST_TEST(sink->write_batch(*slab).units == 2U);
}

BOOST_FIXTURE_TEST_CASE(joined_datagrams_are_received_one_by_one_and_in_order, offload_device) {
  BOOST_TEST(sink->offload() == "on");
  for (const bool v6 : {false, true}) {
    const unique_fd socket = test::udp_socket(v6 ? "fd09::1" : "10.9.0.1", 7);
    std::vector<octets> packets;
    for (int i = 0; i < 30; ++i)
      packets.push_back(packet_to_us(datagram_to_us(v6, numbered(1, 1000) + std::to_string(i))));
    const bare_slab slab = deliveries_of(packets);
    const tun::write_result written = sink->write_batch(*slab);
    BOOST_TEST(written.packets == 30U);
    BOOST_TEST(written.units <= 3U); // the number grows by a digit, once
    BOOST_TEST(written.refused == 0U);
    BOOST_TEST(!written.joining_refused);
    std::uint64_t octets_sent = 0;
    for (const octets& packet : packets)
      octets_sent += packet.size();
    BOOST_TEST(written.octets == octets_sent);
    for (int i = 0; i < 30; ++i)
      BOOST_TEST((received(socket) == numbered(1, 1000) + std::to_string(i)));
  }
}

BOOST_FIXTURE_TEST_CASE(joined_packets_are_refused_as_many_by_a_link_that_is_down, offload_device) {
  run("ip link set tA down");
  const bare_slab slab = deliveries_of(
      {packet_to_us(datagram_to_us(false, "aa")), packet_to_us(datagram_to_us(false, "bb"))});
  const tun::write_result written = sink->write_batch(*slab);
  BOOST_TEST(written.refused == 2U);
  BOOST_TEST(written.units == 0U);
  BOOST_TEST(!written.joining_refused);
  BOOST_TEST(sink->offload() == "on");
}

BOOST_FIXTURE_TEST_CASE(stream_arrives_whole_through_super_packets_both_ways, offload_device) {
  std::string text;
  for (int i = 0; i < 200'000; ++i)
    text += std::to_string(1000 + i % 9000) + ' ';
  for (const bool v6 : {false, true}) {
    reflected_connection both(v6);
    std::string came;
    std::size_t sent = 0;
    std::size_t joined = 0;
    while (came.size() < text.size()) {
      if (test::poll_now(both.listener.fd()) & POLLIN)
        both.in = unique_fd(::accept4(both.listener.fd(), nullptr, nullptr, SOCK_NONBLOCK));
      const ssize_t taken =
          ::send(both.out.fd(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      sent += taken > 0 ? static_cast<std::size_t>(taken) : 0;
      BOOST_REQUIRE(test::wait_for(source->fd(), POLLIN)); // nothing is ever lost here
      joined += reflect(*source, *sink) ? 1U : 0U;
      char buffer[65536];
      for (ssize_t got = 0; (got = ::recv(both.in.fd(), buffer, sizeof buffer, 0)) > 0;)
        came.append(buffer, static_cast<std::size_t>(got));
    }
    BOOST_TEST((came == text));
    BOOST_TEST(joined > 0U);
  }
  BOOST_TEST(sink->offload() == "on");
}

BOOST_AUTO_TEST_SUITE_END()
