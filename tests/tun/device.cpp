#include "tun/device.hpp"

#include "messages/limits.hpp"
#include "messages/wire.hpp"

#include "tests/tun/sandbox.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <system_error>
#include <thread>

using namespace troupe;
using test::run;
using tun::queue_state;

namespace {

constexpr std::uint32_t mtu = 1420;

/// A device "tA" that is up and carries 10.9.0.0/24 and fd09::/64; with no packets of its own.
struct carrying_device : test::sandbox {
  tun::device tunnel = tun::device::open("tA");
  std::shared_ptr<tun::packet_source> source = tunnel.source(0);
  std::shared_ptr<tun::packet_sink> sink = tunnel.sink(0);
  bare_slab slab = test::make_slab(limits::transmit_slab_octets);

  carrying_device() {
    // The kernel's own IPv6 packets (router solicitations, multicast reports) would get in the way.
    run("sysctl -q -w net.ipv6.conf.tA.disable_ipv6=1");
    run("ip link set tA mtu 1420");
    run("ip addr add 10.9.0.1/24 dev tA");
    run("ip link set tA up");
  }

  /// UDP packets to port 7 among what was read; others are the kernel's.
  [[nodiscard]] std::vector<std::string> payloads_read() const {
    std::vector<std::string> payloads;
    for (const arrival& each : slab->arrivals) {
      const const_bytes packet = slab->range(each.offset, each.length);
      if (packet[0] == 0x45 && packet[9] == 17 && load_be16(&packet[22]) == 7)
        payloads.emplace_back(packet.begin() + 28, packet.end());
    }
    return payloads;
  }

  /// Reads whatever still comes until the device says that it is gone.
  [[nodiscard]] bool ends() {
    while (test::wait_for(source->fd(), POLLIN)) {
      slab->arrivals.clear();
      if (source->read_batch(*slab, mtu).state == queue_state::gone)
        return true;
    }
    return false;
  }

  void deliver(const std::vector<std::uint8_t>& packet) {
    std::uint32_t offset = 0;
    if (!slab->deliveries.empty())
      offset = slab->deliveries.back().offset + slab->deliveries.back().length;
    std::copy(packet.begin(), packet.end(), slab->memory().begin() + offset);
    slab->deliveries.push_back({offset, static_cast<std::uint32_t>(packet.size()), peer_id::none});
  }
};

std::string received(const unique_fd& socket) {
  BOOST_REQUIRE(test::wait_for(socket.fd(), POLLIN));
  std::string buffer(2000, '\0');
  const ssize_t length = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
  BOOST_REQUIRE(length >= 0);
  buffer.resize(static_cast<std::size_t>(length));
  return buffer;
}

/// Matches a set-up error whose text holds all of `parts`.
std::function<bool(const std::system_error&)> says(int error, std::vector<std::string> parts) {
  return [error, parts = std::move(parts)](const std::system_error& thrown) {
    BOOST_TEST_MESSAGE(thrown.what());
    BOOST_TEST(thrown.code().value() == error);
    for (const std::string& part : parts)
      BOOST_TEST(std::string(thrown.what()).find(part) != std::string::npos);
    return true;
  };
}

int attach_raw(const unique_fd& fd, const char* name, int flags) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(flags);
  return ::ioctl(fd.fd(), TUNSETIFF, &request);
}

unique_fd open_raw() {
  return unique_fd(::open("/dev/net/tun", O_RDWR));
}

} // namespace

BOOST_AUTO_TEST_SUITE(device_names)

BOOST_AUTO_TEST_CASE(impossible_name_is_refused_before_anything_is_opened) {
  BOOST_CHECK_EXCEPTION(tun::device::open("wg%d"), std::system_error, says(EINVAL, {"wg%d"}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(device)

BOOST_FIXTURE_TEST_CASE(interface_lives_as_long_as_anybody_has_a_queue_of_it, test::sandbox) {
  std::shared_ptr<tun::packet_source> source;
  {
    const tun::device opened = tun::device::open("tA");
    BOOST_TEST(opened.name() == "tA");
    BOOST_TEST(opened.current_name() == "tA");
    BOOST_TEST(::fcntl(opened.fd(), F_GETFL) & O_NONBLOCK);
    BOOST_TEST(::fcntl(opened.fd(), F_GETFD) & FD_CLOEXEC);
    source = opened.source(0);
  }
  BOOST_TEST(::if_nametoindex("tA") != 0U);
  source.reset();
  BOOST_TEST(::if_nametoindex("tA") == 0U);
}

BOOST_FIXTURE_TEST_CASE(interface_in_use_is_refused, test::sandbox) {
  const tun::device first = tun::device::open("tA");
  BOOST_CHECK_EXCEPTION(tun::device::open("tA"), std::system_error,
                        says(EBUSY, {"interface tA is in use by another process"}));
}

BOOST_FIXTURE_TEST_CASE(missing_capability_is_named, test::sandbox) {
  test::without_privileges([] {
    BOOST_CHECK_EXCEPTION(tun::device::open("tA"), std::system_error,
                          says(EPERM, {"interface tA", "CAP_NET_ADMIN"}));
  });
}

BOOST_FIXTURE_TEST_CASE(name_of_an_interface_that_is_no_tun_device_is_refused, test::sandbox) {
  BOOST_CHECK_EXCEPTION(tun::device::open("lo"), std::system_error,
                        says(EINVAL, {"interface lo exists and is no TUN device"}));
  run("ip tuntap add tap9 mode tap");
  BOOST_CHECK_EXCEPTION(tun::device::open("tap9"), std::system_error,
                        says(EINVAL, {"interface tap9 exists"}));
  run("ip tuntap add single9 mode tun");
  BOOST_CHECK_EXCEPTION(tun::device::open("single9", {.queues = 2}), std::system_error,
                        says(EINVAL, {"interface single9 exists", "has one queue only"}));
}

BOOST_FIXTURE_TEST_CASE(persistent_interface_is_opened_and_stays, test::sandbox) {
  for (const std::string kind : {"mode tun", "mode tun multi_queue"}) {
    run("ip tuntap add tP " + kind);
    { const tun::device opened = tun::device::open("tP"); }
    BOOST_TEST(::if_nametoindex("tP") != 0U);
    run("ip tuntap del tP " + kind);
  }
}

BOOST_FIXTURE_TEST_CASE(adopted_descriptor_brings_its_name_and_becomes_non_blocking,
                        test::sandbox) {
  unique_fd raw = open_raw();
  BOOST_REQUIRE_EQUAL(attach_raw(raw, "tB", IFF_TUN | IFF_NO_PI), 0);
  const tun::device adopted = tun::device::adopt(std::move(raw));
  BOOST_TEST(adopted.name() == "tB");
  BOOST_TEST(::fcntl(adopted.fd(), F_GETFL) & O_NONBLOCK);
  BOOST_TEST(::fcntl(adopted.fd(), F_GETFD) & FD_CLOEXEC);
  run("ip link set tB name tC");
  BOOST_TEST(adopted.name() == "tB");
  BOOST_TEST(adopted.current_name() == "tC");
}

BOOST_FIXTURE_TEST_CASE(descriptor_that_would_not_give_bare_ip_packets_is_not_adopted,
                        test::sandbox) {
  BOOST_CHECK_EXCEPTION(tun::device::adopt(unique_fd(::open("/dev/null", O_RDWR))),
                        std::system_error, says(ENOTTY, {"no TUN device"}));
  BOOST_CHECK_EXCEPTION(tun::device::adopt(open_raw()), std::system_error,
                        says(EBADFD, {"no TUN device"}));
  unique_fd tap = open_raw();
  BOOST_REQUIRE_EQUAL(attach_raw(tap, "tap8", IFF_TAP | IFF_NO_PI), 0);
  BOOST_CHECK_EXCEPTION(tun::device::adopt(std::move(tap)), std::system_error,
                        says(EINVAL, {"tap8", "tap device"}));
}

BOOST_FIXTURE_TEST_CASE(packets_sent_through_the_interface_are_read_in_order, carrying_device) {
  const unique_fd socket = test::udp_socket("10.9.0.1", 9);
  for (const char* payload : {"first", "second", ""})
    test::send_udp(socket, "10.9.0.2", 7, payload);
  test::send_udp(socket, "10.9.0.2", 7, std::string(mtu - 28, 'x'));

  const tun::read_result read = source->read_batch(*slab, mtu);
  BOOST_TEST(read.device_empty);
  BOOST_TEST((read.state == queue_state::ok));
  BOOST_TEST(read.packets == slab->arrivals.size());
  const std::vector<std::string> expected{"first", "second", "", std::string(mtu - 28, 'x')};
  BOOST_TEST(payloads_read() == expected, boost::test_tools::per_element());
  for (std::size_t i = 1; i < slab->arrivals.size(); ++i) {
    const arrival& before = slab->arrivals[i - 1];
    BOOST_TEST(before.padded_length == wire::padded_length(before.length, mtu));
    BOOST_TEST(slab->arrivals[i].offset ==
               before.offset + before.padded_length + wire::data_overhead);
  }
}

BOOST_FIXTURE_TEST_CASE(reading_stops_when_the_slab_is_full_and_loses_nothing, carrying_device) {
  const unique_fd socket = test::udp_socket("10.9.0.1", 9);
  for (const char* payload : {"1", "2", "3"})
    test::send_udp(socket, "10.9.0.2", 7, payload + std::string(1000, '.'));
  slab = test::make_slab(2 * (1040 + 32) + mtu);
  const tun::read_result first = source->read_batch(*slab, mtu);
  BOOST_TEST(!first.device_empty);
  BOOST_TEST(payloads_read().size() == 2U);
  slab->arrivals.clear();
  BOOST_TEST(source->read_batch(*slab, mtu).device_empty);
  BOOST_REQUIRE_EQUAL(payloads_read().size(), 1);
  BOOST_TEST(payloads_read()[0][0] == '3');
}

BOOST_FIXTURE_TEST_CASE(packet_larger_than_the_room_is_counted_and_the_next_one_read,
                        carrying_device) {
  const unique_fd socket = test::udp_socket("10.9.0.1", 9);
  test::send_udp(socket, "10.9.0.2", 7, std::string(1000, 'x'));
  test::send_udp(socket, "10.9.0.2", 7, "small");
  slab = test::make_slab(800);
  const tun::read_result read = source->read_batch(*slab, 576);
  BOOST_TEST(read.oversize == 1U);
  BOOST_TEST(payloads_read() == std::vector<std::string>{"small"},
             boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(written_packets_arrive_at_sockets_in_order, carrying_device) {
  run("sysctl -q -w net.ipv6.conf.tA.disable_ipv6=0");
  run("ip addr add fd09::1/64 dev tA nodad");
  BOOST_REQUIRE(test::prints("ip -6 route show table local", "local fd09::1"));
  const unique_fd v4 = test::udp_socket("10.9.0.1", 7);
  const unique_fd v6 = test::udp_socket("fd09::1", 7);
  deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "first"));
  deliver(test::make_udp_packet("fd09::2", "fd09::1", 7, "over IPv6"));
  deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "second"));
  const tun::write_result written = sink->write_batch(*slab);
  BOOST_TEST(written.packets == 3U);
  BOOST_TEST(written.octets == 20U + 8 + 5 + 40 + 8 + 9 + 20 + 8 + 6);
  BOOST_TEST(written.refused == 0U);
  BOOST_TEST(received(v4) == "first");
  BOOST_TEST(received(v4) == "second");
  BOOST_TEST(received(v6) == "over IPv6");
}

BOOST_FIXTURE_TEST_CASE(what_is_no_ip_packet_is_refused_and_the_next_one_written, carrying_device) {
  const unique_fd socket = test::udp_socket("10.9.0.1", 7);
  deliver({0, 1, 2, 3});
  deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "good"));
  const tun::write_result written = sink->write_batch(*slab);
  BOOST_TEST(written.refused == 1U);
  BOOST_TEST(written.packets == 1U);
  BOOST_TEST(received(socket) == "good");
}

BOOST_FIXTURE_TEST_CASE(link_that_is_down_refuses_and_serves_again_when_up, carrying_device) {
  deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "x"));
  run("ip link set tA down");
  const tun::write_result refused = sink->write_batch(*slab);
  BOOST_TEST(refused.refused == 1U);
  BOOST_TEST((refused.state == queue_state::ok));
  const tun::read_result read = source->read_batch(*slab, mtu);
  BOOST_TEST(read.device_empty);
  BOOST_TEST((read.state == queue_state::ok));
  run("ip link set tA up");
  BOOST_TEST(sink->write_batch(*slab).packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(deleted_interface_is_gone_for_ever_and_wakes_a_reader, carrying_device) {
  std::thread remover([] { static_cast<void>(std::system("ip link del tA")); });
  const bool ended = ends();
  remover.join();
  BOOST_TEST(ended);
  BOOST_TEST((test::poll_now(source->fd()) & POLLERR) != 0);
  deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "x"));
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST((source->read_batch(*slab, mtu).state == queue_state::gone));
    const tun::write_result written = sink->write_batch(*slab);
    BOOST_TEST((written.state == queue_state::gone));
    BOOST_TEST(written.refused == 0U);
  }
  BOOST_TEST(tunnel.current_name().empty());
}

BOOST_FIXTURE_TEST_CASE(interface_goes_on_carrying_packets_in_another_namespace, carrying_device) {
  {
    const test::other_namespace there;
    run("ip link set tA netns " + there.path());
    BOOST_TEST((source->read_batch(*slab, mtu).state == queue_state::ok));
    BOOST_TEST(there.run("ip link set tA up addrgenmode none").empty());
    BOOST_TEST(there.run("ip addr add 10.9.0.1/24 dev tA").empty());
    slab->arrivals.clear();
    BOOST_TEST(there.run("bash -c 'echo -n moved > /dev/udp/10.9.0.2/7'").empty());
    static_cast<void>(source->read_batch(*slab, mtu));
    BOOST_TEST(payloads_read() == std::vector<std::string>{"moved"},
               boost::test_tools::per_element());
    deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "x"));
    BOOST_TEST(sink->write_batch(*slab).packets == 1U);
  }
  // The namespace goes, and the interface with it.
  BOOST_TEST(ends());
}

BOOST_FIXTURE_TEST_CASE(reader_and_writer_work_at_the_same_time_on_two_threads, carrying_device) {
  // Echo: what is sent to 10.9.0.2 comes back by the writer while the reader goes on.
  constexpr int rounds = 200;
  const unique_fd socket = test::udp_socket("10.9.0.1", 7);
  deliver(test::make_udp_packet("10.9.0.2", "10.9.0.1", 7, "written"));
  const bare_slab outgoing = std::exchange(slab, test::make_slab(limits::transmit_slab_octets));
  std::uint64_t written = 0;
  std::thread writer([&] {
    for (int i = 0; i < rounds; ++i)
      written += sink->write_batch(*outgoing).packets;
  });
  std::size_t read = 0;
  for (int i = 0; i < rounds; ++i) {
    test::send_udp(socket, "10.9.0.2", 7, "read");
    static_cast<void>(source->read_batch(*slab, mtu));
    read += payloads_read().size();
    slab->arrivals.clear();
  }
  writer.join();
  BOOST_TEST(written == static_cast<std::uint64_t>(rounds));
  BOOST_TEST(read == static_cast<std::size_t>(rounds));
}

BOOST_AUTO_TEST_SUITE_END()
