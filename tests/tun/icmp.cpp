#include "tun/icmp.hpp"

#include "messages/ip_header.hpp"
#include "messages/limits.hpp"
#include "tun/device.hpp"

#include "tests/tun/sandbox.hpp"

#include <poll.h>

#include <algorithm>
#include <future>

using namespace troupe;

namespace {

using packet = std::vector<std::uint8_t>;

packet answer_to(const packet& original) {
  packet out(tun::unreachable_octets_max, 0xee);
  out.resize(tun::make_unreachable(out, original));
  return out;
}

/// Whether `data`, its checksum field included, adds up to all ones, one word after the other.
bool checksum_is_right(const packet& data) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < data.size(); ++at) {
    sum += at % 2 == 0 ? data[at] * 256U : data[at];
    if (sum > 0xffff)
      sum -= 0xffff;
  }
  return sum == 0xffff;
}

packet v4_packet(std::size_t payload = 20) {
  return test::make_udp_packet("10.0.0.1", "10.9.0.2", 7, std::string(payload, 'p'));
}
packet v6_packet(std::size_t payload = 20) {
  return test::make_udp_packet("fd00::1", "fd09::2", 7, std::string(payload, 'p'));
}

/// With the address at `offset` replaced.
packet with(packet original, std::size_t offset, const char* address) {
  const ip_address value = parse_ip_address(address).value();
  std::copy(value.significant().begin(), value.significant().end(),
            original.begin() + static_cast<std::ptrdiff_t>(offset));
  return original;
}

packet v4_icmp(std::uint8_t type) {
  packet original = v4_packet();
  original[9] = 1;
  original[20] = type;
  return original;
}

packet v6_icmp(std::uint8_t type) {
  packet original = v6_packet();
  original[6] = 58;
  original[40] = type;
  return original;
}

/// An IPv6 packet with `headers` between the IPv6 header and a UDP or ICMPv6 message.
packet v6_with_extensions(std::uint8_t first_type, const packet& headers, std::uint8_t icmp_type) {
  packet original = v6_icmp(icmp_type);
  original[6] = first_type;
  original.insert(original.begin() + 40, headers.begin(), headers.end());
  store_be16(&original[4], static_cast<std::uint16_t>(original.size() - 40));
  return original;
}

} // namespace

BOOST_AUTO_TEST_SUITE(icmp)

BOOST_AUTO_TEST_CASE(ipv4_sender_hears_host_unreachable_from_the_destination) {
  const packet original = v4_packet();
  const packet answer = answer_to(original);
  BOOST_REQUIRE_EQUAL(answer.size(), 28 + original.size());
  const ip_header header = parse_ip_header(answer).value();
  BOOST_TEST(to_string(header.source) == "10.9.0.2");
  BOOST_TEST(to_string(header.target) == "10.0.0.1");
  BOOST_TEST(header.total_length == answer.size());
  BOOST_TEST(answer[9] == 1);
  BOOST_TEST(answer[20] == 3);
  BOOST_TEST(answer[21] == 1);
  BOOST_TEST(checksum_is_right(packet(answer.begin(), answer.begin() + 20)));
  BOOST_TEST(checksum_is_right(packet(answer.begin() + 20, answer.end())));
  BOOST_TEST(packet(answer.begin() + 28, answer.end()) == original,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(ipv6_sender_hears_address_unreachable_from_the_destination) {
  const packet original = v6_packet(21); // an odd length, for the checksum
  const packet answer = answer_to(original);
  BOOST_REQUIRE_EQUAL(answer.size(), 48 + original.size());
  const ip_header header = parse_ip_header(answer).value();
  BOOST_TEST(to_string(header.source) == "fd09::2");
  BOOST_TEST(to_string(header.target) == "fd00::1");
  BOOST_TEST(header.total_length == answer.size());
  BOOST_TEST(answer[6] == 58);
  BOOST_TEST(answer[40] == 1);
  BOOST_TEST(answer[41] == 3);
  packet summed(answer.begin() + 8, answer.begin() + 40);
  summed.insert(summed.end(), {0, 0, answer[4], answer[5], 0, 0, 0, 58});
  summed.insert(summed.end(), answer.begin() + 40, answer.end());
  BOOST_TEST(checksum_is_right(summed));
  BOOST_TEST(packet(answer.begin() + 48, answer.end()) == original,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(long_packets_are_quoted_up_to_what_every_host_takes) {
  BOOST_TEST(answer_to(v4_packet(1372)).size() == 576U);
  BOOST_TEST(answer_to(v6_packet(1352)).size() == 1280U);
  BOOST_TEST(checksum_is_right([] {
    const packet answer = answer_to(v4_packet(1372));
    return packet(answer.begin() + 20, answer.end());
  }()));
}

BOOST_AUTO_TEST_CASE(padding_behind_the_packet_is_not_quoted) {
  packet padded = v4_packet();
  const std::size_t without = answer_to(padded).size();
  padded.resize(padded.size() + 15);
  BOOST_TEST(answer_to(padded).size() == without);
}

BOOST_AUTO_TEST_CASE(icmp_errors_are_not_answered_and_other_icmp_is) {
  for (const int type : {3, 4, 5, 11, 12})
    BOOST_TEST(answer_to(v4_icmp(static_cast<std::uint8_t>(type))).empty(), type);
  for (const int type : {0, 8, 13})
    BOOST_TEST(!answer_to(v4_icmp(static_cast<std::uint8_t>(type))).empty(), type);
  for (const int type : {0, 1, 2, 3, 4, 127, 137})
    BOOST_TEST(answer_to(v6_icmp(static_cast<std::uint8_t>(type))).empty(), type);
  for (const int type : {128, 129, 135})
    BOOST_TEST(!answer_to(v6_icmp(static_cast<std::uint8_t>(type))).empty(), type);
}

BOOST_AUTO_TEST_CASE(icmpv6_error_behind_extension_headers_is_not_answered) {
  const packet hop_by_hop{58, 0, 1, 4, 0, 0, 0, 0};
  const packet long_options{58, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const packet authentication{58, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9};
  const packet two{60, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0};
  const packet first_fragment{58, 0, 0, 1, 1, 2, 3, 4};
  for (const auto& [type, headers] : {std::pair<std::uint8_t, packet>{0, hop_by_hop},
                                      {43, hop_by_hop},
                                      {60, long_options},
                                      {51, authentication},
                                      {0, two},
                                      {44, first_fragment}}) {
    BOOST_TEST(answer_to(v6_with_extensions(type, headers, 1)).empty(), int{type});
    BOOST_TEST(!answer_to(v6_with_extensions(type, headers, 128)).empty(), int{type});
  }
}

BOOST_AUTO_TEST_CASE(icmp_whose_type_is_cut_off_is_not_answered) {
  packet v4 = v4_icmp(8);
  v4.resize(20);
  store_be16(&v4[2], 20);
  BOOST_TEST(answer_to(v4).empty());
  packet v6 = v6_icmp(128);
  v6.resize(40);
  store_be16(&v6[4], 0);
  BOOST_TEST(answer_to(v6).empty());
  packet endless = v6_with_extensions(0, {60, 255, 1, 4, 0, 0, 0, 0}, 128);
  BOOST_TEST(!answer_to(endless).empty()); // runs off the packet before any ICMPv6
}

BOOST_AUTO_TEST_CASE(fragments_other_than_the_first_are_not_answered) {
  packet v4 = v4_packet();
  store_be16(&v4[6], 0x2000); // the first: more to come, offset 0
  BOOST_TEST(!answer_to(v4).empty());
  store_be16(&v4[6], 0x0001);
  BOOST_TEST(answer_to(v4).empty());
  BOOST_TEST(!answer_to(v6_with_extensions(44, {17, 0, 0, 1, 1, 2, 3, 4}, 128)).empty());
  BOOST_TEST(answer_to(v6_with_extensions(44, {17, 0, 0, 8, 1, 2, 3, 4}, 128)).empty());
}

BOOST_AUTO_TEST_CASE(packets_to_many_or_from_no_single_host_are_not_answered) {
  for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"})
    BOOST_TEST(answer_to(with(v4_packet(), 12, source)).empty(), source);
  for (const char* target : {"224.0.0.1", "239.1.2.3", "255.255.255.255"})
    BOOST_TEST(answer_to(with(v4_packet(), 16, target)).empty(), target);
  for (const char* source : {"::", "::1", "ff02::1"})
    BOOST_TEST(answer_to(with(v6_packet(), 8, source)).empty(), source);
  BOOST_TEST(answer_to(with(v6_packet(), 24, "ff02::1")).empty());
  BOOST_TEST(!answer_to(with(v6_packet(), 8, "::2")).empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_whole_ip_packet_is_not_answered) {
  BOOST_TEST(answer_to({}).empty());
  BOOST_TEST(answer_to({0x45}).empty());
  BOOST_TEST(answer_to(packet(40, 0)).empty());
  packet wrong_header_length = v4_packet();
  wrong_header_length[0] = 0x44;
  BOOST_TEST(answer_to(wrong_header_length).empty());
  packet header_beyond_the_end = v4_packet(0);
  header_beyond_the_end[0] = 0x4f;
  BOOST_TEST(answer_to(header_beyond_the_end).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(icmp_through_a_device)

/// Runs `ping` and answers everything that comes out of the device; what ping said.
std::string ping_unanswered(tun::device& tunnel, const std::string& arguments) {
  std::future<std::string> pinging = std::async(std::launch::async, [&arguments] {
    return test::run("ping -n -c1 -W2 " + arguments + "; true"); // ping rightly says: no reply
  });
  const std::shared_ptr<tun::packet_source> source = tunnel.source(0);
  const std::shared_ptr<tun::packet_sink> sink = tunnel.sink(0);
  const bare_slab read = test::make_slab(limits::transmit_slab_octets);
  const bare_slab written = test::make_slab(limits::transmit_slab_octets);
  while (pinging.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    read->arrivals.clear();
    static_cast<void>(source->read_batch(*read, 1420));
    for (const arrival& each : read->arrivals) {
      written->deliveries.clear();
      const std::size_t length =
          tun::make_unreachable(written->memory(), read->range(each.offset, each.length));
      if (length != 0)
        written->deliveries.push_back({0, static_cast<std::uint32_t>(length), peer_id::none});
      static_cast<void>(sink->write_batch(*written));
    }
  }
  return pinging.get();
}

BOOST_FIXTURE_TEST_CASE(ping_says_unreachable_under_a_strict_reverse_path_filter, test::sandbox) {
  tun::device tunnel = tun::device::open("tA");
  test::run("sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.tA.rp_filter=1");
  test::run("ip addr add 10.9.0.1/24 dev tA");
  test::run("ip addr add fd09::1/64 dev tA nodad");
  test::run("ip link set tA mtu 1420 up");
  const std::string v4 = ping_unanswered(tunnel, "10.9.0.2");
  BOOST_TEST(v4.find("From 10.9.0.2 icmp_seq=1 Destination Host Unreachable") != std::string::npos,
             v4);
  const std::string large = ping_unanswered(tunnel, "-s 1300 10.9.0.2");
  BOOST_TEST(large.find("Destination Host Unreachable") != std::string::npos, large);
  const std::string v6 = ping_unanswered(tunnel, "-s 1300 fd09::2");
  BOOST_TEST(v6.find("From fd09::2 icmp_seq=1 Destination unreachable: Address unreachable") !=
                 std::string::npos,
             v6);
}

BOOST_AUTO_TEST_SUITE_END()
