// Datagrams between real sockets, over loopback and over a cable: what one side says of a datagram
// is what the other learns, and what the host really answers when it cannot send.
#include "tests/udp/stations.hpp"

using namespace troupe;
using namespace troupe::udp;

namespace {

using next = send_result::next;

/// Sends all of `from`, waiting wherever the socket is full, which it must be at times.
std::size_t send_slowly(station& slow, const transmit_slab& from) {
  send_cursor cursor;
  std::size_t blocked = 0;
  std::size_t datagrams = 0;
  for (;;) {
    const send_result result = slow.sends.send_batch(*from, 0, cursor);
    datagrams += result.datagrams;
    if (result.then == next::slab_done)
      break;
    ++blocked;
    BOOST_REQUIRE((result.then == next::wait_writable));
    pollfd waits{.fd = result.blocked_fd, .events = POLLOUT, .revents = 0};
    BOOST_REQUIRE(::poll(&waits, 1, 10'000) == 1);
  }
  BOOST_TEST(blocked > 0);
  return datagrams;
}

} // namespace

BOOST_AUTO_TEST_SUITE(exchange)

BOOST_FIXTURE_TEST_CASE(addresses_and_traffic_class_arrive_over_both_families, loopback) {
  struct row {
    const char* to;
    const char* from;
    std::uint8_t traffic_class;
  };
  for (const row& given : {row{"127.0.0.7", "127.0.0.9", 0xb9}, row{"127.0.0.1", "127.0.0.1", 0},
                           row{"127.0.0.1", "127.0.0.1", 3}, row{"::1", "::1", 0xb9},
                           row{"::1", "::1", 0}, row{"::1", "::1", 2}}) {
    const endpoint to = at(given.to, 2000);
    const send_result sent = left.send(to, "hello", local(given.from, "lo"), given.traffic_class);
    BOOST_TEST(sent.datagrams == 1);
    const arrival came = right.receive(to.address.family);
    BOOST_TEST((came.remote == at(given.from, 1000)));
    BOOST_TEST((came.local == local(given.to, "lo")));
    BOOST_TEST(came.traffic_class == given.traffic_class);

    right.send(came.remote, "answer", came.local, given.traffic_class);
    const arrival answer = left.receive(to.address.family);
    BOOST_TEST((answer.remote == to));
    BOOST_TEST(answer.traffic_class == given.traffic_class);
  }
}

BOOST_FIXTURE_TEST_CASE(many_segments_of_both_families_arrive_whole_and_in_order, loopback) {
  transmit_slab from;
  std::string v4_text;
  std::string v6_text;
  for (int i = 0; i < 10; ++i) {
    std::string payload;
    for (int segment = 0; segment < 20; ++segment)
      payload += "segment " + std::to_string(100 + 20 * i + segment) + " ";
    from.add(at(i % 2 == 0 ? "127.0.0.1" : "::1", 2000), payload, 12);
    (i % 2 == 0 ? v4_text : v6_text) += payload;
  }
  BOOST_TEST(left.send(from).datagrams == 200);
  for (const ip_family family : {ip_family::v4, ip_family::v6}) {
    std::string text;
    for (int i = 0; i < 100; ++i)
      text += right.receive_text(family);
    BOOST_TEST(text == (family == ip_family::v4 ? v4_text : v6_text));
  }
}

BOOST_FIXTURE_TEST_CASE(link_local_address_keeps_its_scope, cable) {
  run("ip addr add fe80::aa/64 dev ve0 nodad");
  run("ip link add decoy0 type veth peer name decoy1 && ip link set decoy0 up");
  run("ip link set decoy1 up && ip -6 route add fe80::/64 dev decoy0 metric 1");
  to_far();
  run("ip addr add fe80::bb/64 dev ve1 nodad");
  const std::uint32_t far_device = ::if_nametoindex("ve1");
  to_near();
  endpoint to = at("fe80::bb", 2000);
  to.scope_id = ::if_nametoindex("ve0");
  BOOST_TEST(left.send(to, "hello").datagrams == 1);
  const arrival came = right->receive(ip_family::v6);
  BOOST_TEST(came.remote.scope_id == far_device);
  BOOST_TEST(came.local.interface_index == far_device);
  to_far();
  BOOST_TEST(right->send(came.remote, "answer", came.local).datagrams == 1);
  BOOST_TEST(right->send(came.remote, "by scope alone").datagrams == 1);
  to_near();
  BOOST_TEST((left.receive(ip_family::v6).remote == to));
}

BOOST_FIXTURE_TEST_CASE(answer_leaves_from_the_address_that_was_asked, cable) {
  to_far();
  run("ip addr add 10.9.0.3/24 dev ve1");
  run("ip addr add fd09::3/64 dev ve1 nodad");
  to_near();
  for (const char* const asked : {"10.9.0.3", "10.9.0.2", "fd09::3", "fd09::2"}) {
    const endpoint to = at(asked, 2000);
    left.send(to, "question");
    const arrival came = right->receive(to.address.family);
    BOOST_TEST((came.local.address == to.address));
    BOOST_TEST(right->send(came.remote, "answer", came.local).datagrams == 1);
    BOOST_TEST((left.receive(to.address.family).remote == to));
  }
}

BOOST_FIXTURE_TEST_CASE(broadcast_address_is_never_taken_for_an_own_one, cable) {
  const int on = 1;
  const int fd = left.sockets->of(ip_family::v4)->fd();
  BOOST_REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
  run("ip addr change 10.9.0.1/24 broadcast 10.9.0.255 dev ve0");
  to_far();
  run("ip addr change 10.9.0.2/24 broadcast 10.9.0.255 dev ve1");
  to_near();
  BOOST_TEST(left.send(at("10.9.0.255", 2000), "everybody").datagrams == 1);
  const arrival came = right->receive(ip_family::v4);
  BOOST_TEST((came.local.address == parse_ip_address("10.9.0.2").value()));
}

BOOST_FIXTURE_TEST_CASE(source_address_that_is_gone_is_left_out, cable) {
  const source_address v4 = local("10.9.0.77", "ve0");
  const source_address v6 = local("fd09::77", "ve0");
  for (const source_address& gone : {v4, v6}) {
    const bool is_v4 = gone.address.family == ip_family::v4;
    const send_result sent = left.send(at(is_v4 ? "10.9.0.2" : "fd09::2", 2000), "still", gone);
    BOOST_TEST(sent.datagrams == 1);
    BOOST_TEST(sent.drops.empty());
    BOOST_REQUIRE(sent.stale_sources.size() == 1);
    const arrival came = right->receive(gone.address.family);
    BOOST_TEST((came.remote == at(is_v4 ? "10.9.0.1" : "fd09::1", 1000)));
  }
}

BOOST_FIXTURE_TEST_CASE(interface_of_a_source_does_not_choose_the_way, cable) {
  const source_address elsewhere{.address = parse_ip_address("10.9.0.1").value(),
                                 .interface_index = 4711};
  const send_result sent = left.send(at("10.9.0.2", 2000), "by route", elsewhere);
  BOOST_TEST(sent.datagrams == 1);
  BOOST_TEST(sent.stale_sources.empty());
  BOOST_TEST((right->receive(ip_family::v4).remote == at("10.9.0.1", 1000)));
}

BOOST_FIXTURE_TEST_CASE(datagram_larger_than_the_path_is_fragmented, cable) {
  const std::string large(9000, 'x');
  for (const char* const address : {"10.9.0.2", "fd09::2"}) {
    const endpoint to = at(address, 2000);
    BOOST_TEST(left.send(to, large).datagrams == 1);
    BOOST_TEST(right->receive(to.address.family).length == large.size());
  }
}

BOOST_FIXTURE_TEST_CASE(datagram_too_long_for_udp_is_dropped_alone, loopback) {
  for (const char* const address : {"127.0.0.1", "::1"}) {
    const endpoint to = at(address, 2000);
    transmit_slab from(200'000);
    from.add(to, "before");
    from.add(to, std::string(66'000, 'x'));
    from.add(to, "after");
    const send_result result = left.send(from);
    BOOST_TEST(result.datagrams == 2);
    BOOST_REQUIRE(result.drops.size() == 1);
    BOOST_TEST((result.drops[0].reason == drop_reason::datagram_too_long));
    BOOST_TEST(right.receive_text(to.address.family) == "before");
    BOOST_TEST(right.receive_text(to.address.family) == "after");
  }
}

BOOST_FIXTURE_TEST_CASE(peer_without_a_route_is_unreachable, loopback) {
  run("ip route add unreachable 10.7.0.0/16");
  run("ip route add prohibit 10.6.0.0/16");
  for (const char* const address : {"10.8.0.1", "10.7.0.1", "fd08::1"}) {
    const send_result result = left.send(at(address, 2000), "x");
    BOOST_REQUIRE(result.drops.size() == 1);
    BOOST_TEST((result.drops[0].reason == drop_reason::unreachable));
  }
  const send_result prohibited = left.send(at("10.6.0.1", 2000), "x");
  BOOST_REQUIRE(prohibited.drops.size() == 1);
  BOOST_TEST((prohibited.drops[0].reason == drop_reason::refused_by_host));
}

BOOST_FIXTURE_TEST_CASE(datagram_that_the_firewall_drops_is_counted_alone, loopback) {
  run("nft add table inet t");
  run("nft 'add chain inet t o { type filter hook output priority 0; }'");
  run("nft add rule inet t o udp dport 2001 drop");
  for (const char* const address : {"127.0.0.1", "::1"}) {
    transmit_slab from;
    from.add(at(address, 2000), "before");
    from.add(at(address, 2001), "xyz", 1);
    from.add(at(address, 2000), "after");
    const send_result result = left.send(from);
    BOOST_TEST(result.datagrams == 2);
    BOOST_REQUIRE(result.drops.size() == 1);
    BOOST_TEST((result.drops[0].reason == drop_reason::refused_by_host));
    BOOST_TEST(result.drops[0].packets == 3);
    const ip_family family = at(address, 0).address.family;
    BOOST_TEST(right.receive_text(family) == "before");
    BOOST_TEST(right.receive_text(family) == "after");
  }
}

BOOST_FIXTURE_TEST_CASE(icmp_error_does_not_disturb_later_datagrams, loopback) {
  for (const char* const address : {"127.0.0.1", "::1"}) {
    const endpoint to = at(address, 2000);
    for (int i = 0; i < 20; ++i)
      BOOST_TEST(left.send(at(address, 9), "nobody listens").datagrams == 1);
    BOOST_TEST(left.send(to, "hello").datagrams == 1);
    const arrival came = right.receive(to.address.family);
    right.send(came.remote, "answer");
    BOOST_TEST(left.receive_text(to.address.family) == "answer");
  }
}

BOOST_FIXTURE_TEST_CASE(full_send_buffer_blocks_and_nothing_is_lost, loopback) {
  run("tc qdisc add dev lo root tbf rate 4mbit burst 4000 limit 1000000");
  for (const bool joined : {false, true}) {
    station slow(3000, {.send_buffer_octets = 4096, .gso = joined});
    transmit_slab from;
    std::string text;
    for (int train = 0; train < 4; ++train) {
      std::string payload;
      for (int i = 0; i < 16; ++i)
        payload += std::to_string(100 + 16 * train + i) + std::string(997, '.');
      from.add(at("127.0.0.1", 2000), payload, 1000);
      text += payload;
    }
    BOOST_TEST(send_slowly(slow, from) == 64U);
    std::string came;
    for (int i = 0; i < 64; ++i)
      came += right.receive_text(ip_family::v4);
    BOOST_TEST((came == text));
  }
}

BOOST_AUTO_TEST_SUITE_END()
