// The queues of a TUN device, and what a device is that others have made.
#include "tests/tun/offload_device.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>
#include <system_error>

using namespace troupe;
using test::bring_up;
using test::datagram_to_us;
using test::deliveries_of;
using test::packet_to_us;
using test::read_all;
using test::received;
using test::run;

namespace {

unique_fd open_raw(const char* name, int flags) {
  unique_fd opened(::open("/dev/net/tun", O_RDWR));
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | flags);
  BOOST_REQUIRE_EQUAL(::ioctl(opened.fd(), TUNSETIFF, &request), 0);
  return opened;
}

std::function<bool(const std::system_error&)> fails_with(int error) {
  return [error](const std::system_error& thrown) {
    BOOST_TEST_MESSAGE(thrown.what());
    return thrown.code().value() == error;
  };
}

} // namespace

BOOST_AUTO_TEST_SUITE(device_queues)

BOOST_FIXTURE_TEST_CASE(each_queue_has_a_source_and_a_sink_of_its_own, test::sandbox) {
  const tun::device tunnel = tun::device::open("tA", {.queues = 4});
  BOOST_TEST(tunnel.queues() == 4U);
  bring_up("tA");
  std::vector<std::shared_ptr<tun::packet_source>> sources;
  for (std::size_t i = 0; i < 4; ++i)
    sources.push_back(tunnel.source(i));
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j)
      BOOST_TEST(sources[i]->fd() != sources[j]->fd());
  for (int i = 0; i < 40; ++i) { // flows of their own, which the kernel spreads
    const unique_fd socket = test::udp_socket("10.9.0.1", 0);
    test::send_udp(socket, "10.9.0.2", 7, "x");
  }
  std::size_t read = 0;
  for (const std::shared_ptr<tun::packet_source>& source : sources)
    read += read_all(*source, limits::transmit_slab_octets).packets.size();
  BOOST_TEST(read == 40U);
}

BOOST_FIXTURE_TEST_CASE(queues_come_and_go_while_the_device_is_in_use, test::sandbox) {
  tun::device tunnel = tun::device::open("tA");
  bring_up("tA");
  tunnel.add_queue();
  BOOST_TEST(tunnel.queues() == 2U);
  const std::shared_ptr<tun::packet_source> first = tunnel.source(0);
  std::shared_ptr<tun::packet_source> second = tunnel.source(1);
  const auto read_of_forty = [&] {
    for (int i = 0; i < 40; ++i) {
      const unique_fd socket = test::udp_socket("10.9.0.1", 0);
      test::send_udp(socket, "10.9.0.2", 7, "x");
    }
    return read_all(*first, limits::transmit_slab_octets).packets.size();
  };
  const std::size_t of_first = read_of_forty();
  BOOST_TEST(of_first < 40U);
  BOOST_TEST(of_first + read_all(*second, limits::transmit_slab_octets).packets.size() == 40U);
  tunnel.remove_queue();
  second = nullptr;
  BOOST_TEST(read_of_forty() == 40U);
}

BOOST_FIXTURE_TEST_CASE(offloads_are_switched_for_ends_made_later, test::sandbox) {
  tun::device tunnel = tun::device::open("tA");
  tunnel.set_offload(false);
  BOOST_TEST(tunnel.sink(0)->offload() == "off: switched off by tun.offload");
  tunnel.set_offload(true);
  BOOST_TEST(tunnel.offloads().segments.on);
}

BOOST_FIXTURE_TEST_CASE(sink_writes_what_is_for_its_queue, test::sandbox) {
  const tun::device tunnel = tun::device::open("tA", {.queues = 2});
  bring_up("tA");
  const unique_fd socket = test::udp_socket("10.9.0.1", 7);
  const bare_slab slab = deliveries_of(
      {packet_to_us(datagram_to_us(false, "a")), packet_to_us(datagram_to_us(false, "b"))}, 1);
  slab->deliveries[0].queue = 0;
  for (const std::uint8_t queue : {std::uint8_t{1}, std::uint8_t{0}}) {
    BOOST_TEST(tunnel.sink(queue)->write_batch(*slab).packets == 1U);
    BOOST_TEST(received(socket) == (queue == 1 ? "b" : "a"));
  }
}

BOOST_FIXTURE_TEST_CASE(device_with_many_queues_is_opened_if_nobody_has_it_open, test::sandbox) {
  run("ip tuntap add tP mode tun multi_queue");
  {
    const unique_fd somebody = open_raw("tP", IFF_MULTI_QUEUE | IFF_VNET_HDR);
    BOOST_CHECK_EXCEPTION(tun::device::open("tP"), std::system_error, fails_with(EBUSY));
    BOOST_CHECK_EXCEPTION(tun::device::open("tP", {.queues = 2}), std::system_error,
                          fails_with(EBUSY));
  }
  BOOST_TEST(tun::device::open("tP", {.queues = 2}).queues() == 2U);
  BOOST_TEST(tun::device::open("tP").queues() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_descriptor_that_allows_one_queue_says_so, test::sandbox) {
  tun::device single = tun::device::adopt(open_raw("tB", IFF_VNET_HDR));
  BOOST_CHECK_EXCEPTION(single.add_queue(), std::system_error, fails_with(EINVAL));
  BOOST_TEST(single.queues() == 1U);
}

BOOST_FIXTURE_TEST_CASE(adopted_descriptor_has_offloads_if_it_has_their_header, test::sandbox) {
  const tun::device bare = tun::device::adopt(open_raw("tB", 0));
  BOOST_TEST(!bare.offloads().segments.on);
  BOOST_TEST(bare.sink(0)->offload() == "off: the descriptor was opened without IFF_VNET_HDR");
  const tun::device full = tun::device::adopt(open_raw("tC", IFF_VNET_HDR));
  BOOST_TEST(full.offloads().segments.on);
  BOOST_TEST(full.sink(0)->offload() == "on");
  const tun::device off = tun::device::adopt(open_raw("tD", IFF_VNET_HDR), false);
  BOOST_TEST(off.sink(0)->offload() == "off: switched off by tun.offload");
}

BOOST_FIXTURE_TEST_CASE(header_of_another_length_is_set_right, test::sandbox) {
  for (const bool offload : {false, true}) {
    const char* const name = offload ? "tB" : "tC";
    unique_fd raw = open_raw(name, IFF_VNET_HDR);
    const int longer = 12;
    BOOST_REQUIRE_EQUAL(::ioctl(raw.fd(), TUNSETVNETHDRSZ, &longer), 0);
    const tun::device adopted = tun::device::adopt(std::move(raw), offload);
    bring_up(name);
    const unique_fd socket = test::udp_socket("10.9.0.1", 7);
    const bare_slab slab = deliveries_of({packet_to_us(datagram_to_us(false, "whole"))});
    BOOST_TEST(adopted.sink(0)->write_batch(*slab).packets == 1U);
    BOOST_TEST(received(socket) == "whole");
    test::send_udp(socket, "10.9.0.2", 7, "x");
    BOOST_TEST(read_all(*adopted.source(0), limits::transmit_slab_octets).packets.size() == 1U);
    run(std::string("ip link set ") + name + " down");
  }
}

BOOST_AUTO_TEST_SUITE_END()
