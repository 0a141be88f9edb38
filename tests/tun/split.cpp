// Super-packets as the kernel hands them over, and what is made of them. Checksums are verified the
// way of packets.hpp.
#include "tun/split.hpp"

#include "tests/tun/packets.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using test::make_packet;
using test::octets;
using test::packet_fields;
using test::some_octets;
using tun::splitter;
using tun::vnet_header;

namespace {

/// What the kernel says of a packet of these fields.
vnet_header about(const packet_fields& fields, std::uint16_t gso_size) {
  vnet_header said;
  said.flags = tun::vnet::needs_checksum;
  said.gso_type = !fields.tcp ? tun::vnet::udp_segments
                  : fields.v6 ? tun::vnet::tcp6_segments
                              : tun::vnet::tcp4_segments;
  said.header_length = static_cast<std::uint16_t>(fields.headers());
  said.gso_size = gso_size;
  said.checksum_start = static_cast<std::uint16_t>(fields.transport());
  said.checksum_offset = fields.tcp ? 16 : 6;
  return said;
}

/// With only the pseudo header's sum in the checksum field, as the kernel leaves it.
octets with_partial_checksum(octets packet, const packet_fields& fields) {
  const std::size_t field = fields.transport() + test::checksum_at(fields.protocol());
  const octets empty(packet.begin(),
                     packet.begin() + static_cast<std::ptrdiff_t>(fields.transport()));
  std::uint16_t sum = test::naive_sum(test::is_ipv4(packet) ? const_bytes(empty).subspan(12, 8)
                                                            : const_bytes(empty).subspan(8, 32));
  const std::uint16_t length = static_cast<std::uint16_t>(packet.size() - fields.transport());
  sum = test::naive_sum(octets{0, fields.protocol(), static_cast<std::uint8_t>(length >> 8),
                               static_cast<std::uint8_t>(length)},
                        sum);
  store_be16(&packet[field], sum);
  return packet;
}

std::vector<octets> split(const splitter& by) {
  std::vector<octets> segments;
  for (std::size_t i = 0; i < by.segments(); ++i) {
    octets& segment = segments.emplace_back(by.length_of(i) + 4, std::uint8_t{0xee});
    by.write(i, segment.data());
    BOOST_TEST((octets(segment.end() - 4, segment.end()) == octets(4, 0xee)));
    segment.resize(segment.size() - 4);
  }
  return segments;
}

/// What the sender would have made of one segment of `whole`.
packet_fields segment_of(const packet_fields& whole, std::size_t number, std::size_t gso_size) {
  packet_fields segment = whole;
  const std::size_t begin = number * gso_size;
  const std::size_t end = std::min(begin + gso_size, whole.payload.size());
  segment.payload.assign(whole.payload.begin() + static_cast<std::ptrdiff_t>(begin),
                         whole.payload.begin() + static_cast<std::ptrdiff_t>(end));
  segment.sequence += static_cast<std::uint32_t>(begin);
  segment.identification = static_cast<std::uint16_t>(segment.identification + number);
  if (end < whole.payload.size())
    segment.flags &= static_cast<std::uint8_t>(~0x09); // FIN, PSH
  if (number > 0)
    segment.flags &= static_cast<std::uint8_t>(~0x80); // CWR
  return segment;
}

/// Splits a super-packet of these fields and compares each segment, octet for octet.
void check(const packet_fields& whole, std::uint16_t gso_size, std::uint8_t more_type = 0) {
  vnet_header said = about(whole, gso_size);
  said.gso_type |= more_type;
  const octets super = with_partial_checksum(make_packet(whole), whole);
  const std::optional<splitter> by = splitter::of(said, super);
  BOOST_REQUIRE(by.has_value());
  const std::size_t expected = (whole.payload.size() + gso_size - 1) / gso_size;
  const std::vector<octets> segments = split(*by);
  BOOST_REQUIRE_EQUAL(segments.size(), expected);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    BOOST_TEST((segments[i] == make_packet(segment_of(whole, i, gso_size))));
    BOOST_TEST(test::has_right_checksums(segments[i], whole.protocol(), whole.transport()));
  }
}

packet_fields fields_of(bool tcp, bool v6, std::size_t payload) {
  packet_fields fields;
  fields.tcp = tcp;
  fields.v6 = v6;
  fields.payload = some_octets(payload);
  return fields;
}

/// Does nothing to a header and its packet that was right before.
struct wrong_header {
  const char* what;
  void (*spoil)(vnet_header& about, octets& packet);
  bool tcp = true;
};

const wrong_header wrong_headers[] = {
    /* 0 */ {"no segment size", [](vnet_header& about, octets&) { about.gso_size = 0; }},
    {"no kind", [](vnet_header& about, octets&) { about.gso_type = 0; }},
    {"no kind but ECN", [](vnet_header& about, octets&) { about.gso_type = 0x80; }},
    {"UFO", [](vnet_header& about, octets&) { about.gso_type = 3; }},
    {"UFO", [](vnet_header& about, octets&) { about.gso_type = 3; }, false},
    /* 5 */
    {"a kind of later kernels", [](vnet_header& about, octets&) { about.gso_type = 0x45; }},
    {"the other family", [](vnet_header& about, octets&) { about.gso_type ^= 1 ^ 4; }},
    {"no IP version", [](vnet_header&, octets& packet) { packet[0] = 0x75; }},
    {"IP version 0", [](vnet_header&, octets& packet) { packet[0] = 0; }},
    {"an empty packet", [](vnet_header&, octets& packet) { packet.clear(); }},
    /* 10 */
    {"19 octets", [](vnet_header&, octets& packet) { packet.resize(19); }},
    {"the IP header alone",
     [](vnet_header& about, octets& packet) { packet.resize(about.checksum_start); }},
    {"a cut transport header",
     [](vnet_header& about, octets& packet) { packet.resize(about.checksum_start + 7U); }, false},
    {"a cut transport header",
     [](vnet_header& about, octets& packet) { packet.resize(about.checksum_start + 19U); }},
    {"headers alone",
     [](vnet_header& about, octets& packet) { packet.resize(about.header_length); }},
    /* 15 */
    {"a transport inside the IP header",
     [](vnet_header& about, octets&) { --about.checksum_start; }},
    {"a transport at the end",
     [](vnet_header& about, octets& packet) {
       about.checksum_start = static_cast<std::uint16_t>(packet.size());
     }},
    {"a transport beyond the end",
     [](vnet_header& about, octets&) { about.checksum_start = 65535; }},
    {"a data offset below the header",
     [](vnet_header& about, octets& packet) { packet[about.checksum_start + 12U] = 0x40; }},
    {"a data offset beyond the packet",
     [](vnet_header& about, octets& packet) {
       packet[about.checksum_start + 12U] = 0xf0;
       packet.resize(about.checksum_start + 60U);
     }},
};

} // namespace

BOOST_AUTO_TEST_SUITE(split_)

BOOST_AUTO_TEST_CASE(segments_are_what_the_sender_would_have_sent) {
  for (const bool tcp : {false, true})
    for (const bool v6 : {false, true})
      for (const std::size_t payload : {1U, 99U, 100U, 101U, 200U, 250U, 1999U, 40001U})
        BOOST_TEST_CONTEXT((tcp ? "TCP" : "UDP") << (v6 ? "6, " : "4, ") << payload)
  check(fields_of(tcp, v6, payload), 100);
}

BOOST_AUTO_TEST_CASE(more_segments_than_one_slab_has_and_the_smallest_there_can_be) {
  check(fields_of(true, false, 65000), 88);
  check(fields_of(true, true, 65000), 88);
  check(fields_of(false, false, 300), 1);
  check(fields_of(true, false, 1448 * 45), 1448);
}

BOOST_AUTO_TEST_CASE(what_ends_a_stream_is_in_the_last_segment_and_cwr_in_the_first) {
  for (const unsigned flags : {0x18U, 0x11U, 0x19U, 0x90U, 0x99U, 0xf8U, 0x50U, 0x30U}) {
    packet_fields fields = fields_of(true, false, 250);
    fields.flags = static_cast<std::uint8_t>(flags);
    check(fields, 100);
    check(fields, 100, tun::vnet::ecn_bit);
    check(fields, 250);
  }
}

BOOST_AUTO_TEST_CASE(options_are_in_every_segment) {
  packet_fields fields = fields_of(true, true, 500);
  fields.tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  check(fields, 100);
  fields.tcp_options = octets(40, 1);
  check(fields, 100);
  fields.v6 = false;
  check(fields, 100);
}

BOOST_AUTO_TEST_CASE(ipv4_options_stay_and_are_summed) {
  for (const bool tcp : {false, true}) {
    packet_fields fields = fields_of(tcp, false, 500);
    fields.ip_options = {0x94, 4, 0, 0, 1, 1, 1, 1};
    check(fields, 100);
  }
}

BOOST_AUTO_TEST_CASE(ipv6_extension_headers_stay) {
  for (const bool tcp : {false, true}) {
    packet_fields fields = fields_of(tcp, true, 500);
    fields.first_extension = 60;
    fields.ip_options = {fields.protocol(), 0, 1, 4, 0, 0, 0, 0};
    check(fields, 100);
  }
}

BOOST_AUTO_TEST_CASE(identification_and_sequence_wrap) {
  packet_fields fields = fields_of(true, false, 500);
  fields.identification = 0xfffe;
  fields.sequence = 0xffffff80;
  check(fields, 100);
}

BOOST_AUTO_TEST_CASE(header_length_is_not_believed) {
  const packet_fields fields = fields_of(true, false, 250);
  vnet_header said = about(fields, 100);
  said.header_length = 0;
  BOOST_TEST(splitter::of(said, make_packet(fields))->length_of(0) == 140U);
}

BOOST_AUTO_TEST_CASE(segment_that_sums_to_zero_has_a_udp_checksum_all_the_same) {
  packet_fields fields = fields_of(false, false, 4);
  // The second payload makes up for whatever the first segment's sum is.
  packet_fields first = segment_of(fields, 0, 2);
  first.payload = {0, 0};
  const octets summed = make_packet(first);
  std::copy_n(summed.begin() + 26, 2, fields.payload.begin());
  const octets super = with_partial_checksum(make_packet(fields), fields);
  const std::vector<octets> segments = split(*splitter::of(about(fields, 2), super));
  BOOST_TEST(load_be16(&segments[0][26]) == 0xffff);
  BOOST_TEST(test::has_right_checksums(segments[0], 17, 20));
}

BOOST_AUTO_TEST_CASE(what_the_header_says_wrong_gives_nothing) {
  for (const wrong_header& given : wrong_headers)
    for (const bool v6 : {false, true})
      BOOST_TEST_CONTEXT(given.what << (v6 ? ", IPv6" : ", IPv4")) {
        const packet_fields fields = fields_of(given.tcp, v6, 250);
        vnet_header said = about(fields, 100);
        octets packet = make_packet(fields);
        BOOST_REQUIRE(splitter::of(said, packet).has_value());
        given.spoil(said, packet);
        BOOST_TEST(!splitter::of(said, packet).has_value());
      }
}

BOOST_AUTO_TEST_CASE(ipv4_header_must_end_where_the_transport_begins) {
  const packet_fields fields = fields_of(true, false, 250);
  octets packet = make_packet(fields);
  for (const unsigned first : {0x44U, 0x46U, 0x4fU, 0x40U}) {
    packet[0] = static_cast<std::uint8_t>(first);
    BOOST_TEST(!splitter::of(about(fields, 100), packet).has_value());
  }
}

BOOST_AUTO_TEST_CASE(checksum_of_a_single_packet_is_completed) {
  for (const bool tcp : {false, true})
    for (const bool v6 : {false, true})
      for (const std::size_t payload : {0U, 1U, 99U, 1400U}) {
        const packet_fields fields = fields_of(tcp, v6, payload);
        const octets right = make_packet(fields);
        octets packet = with_partial_checksum(right, fields);
        BOOST_TEST(tun::complete_checksum(about(fields, 0), packet));
        BOOST_TEST((packet == right));
      }
}

BOOST_AUTO_TEST_CASE(checksum_of_zero_is_written_as_ones_for_udp_only) {
  for (const bool tcp : {false, true}) {
    packet_fields fields = fields_of(tcp, false, 2);
    fields.payload = {0, 0};
    const octets summed = make_packet(fields);
    const std::size_t field = 20 + test::checksum_at(fields.protocol());
    fields.payload = {summed[field], summed[field + 1]};
    octets packet = with_partial_checksum(make_packet(fields), fields);
    BOOST_TEST(tun::complete_checksum(about(fields, 0), packet));
    BOOST_TEST(load_be16(&packet[field]) == (tcp ? 0 : 0xffff));
    BOOST_TEST(test::transport_sum(packet, fields.protocol(), 20) == 0xffff);
  }
}

BOOST_AUTO_TEST_CASE(checksum_field_outside_the_packet_is_left_alone) {
  const packet_fields fields = fields_of(false, false, 10);
  const octets packet = make_packet(fields);
  struct row {
    std::uint16_t start;
    std::uint16_t offset;
    bool inside;
  };
  for (const row& given : {row{20, 6, true}, row{20, 16, true}, row{20, 17, false},
                           row{38, 0, false}, row{37, 0, false}, row{36, 0, true},
                           row{65535, 65535, false}, row{0, 65535, false}, row{65535, 0, false}}) {
    octets tried = packet;
    vnet_header said = about(fields, 0);
    said.checksum_start = given.start;
    said.checksum_offset = given.offset;
    BOOST_TEST(tun::complete_checksum(said, tried) == given.inside);
    BOOST_TEST((given.inside || tried == packet));
  }
  octets none;
  BOOST_TEST(!tun::complete_checksum(about(fields, 0), none));
}

BOOST_AUTO_TEST_CASE(without_a_checksum_to_complete_the_transport_begins_behind_the_ip_header) {
  for (const bool tcp : {true, false})
    for (const bool v6 : {true, false}) {
      const packet_fields whole = fields_of(tcp, v6, 5000);
      vnet_header said = about(whole, 1000);
      said.flags = 0;
      said.checksum_start = said.checksum_offset = 0;
      octets super = make_packet(whole);
      const std::optional<splitter> by = splitter::of(said, super);
      BOOST_REQUIRE(by.has_value());
      BOOST_TEST(by->segments() == 5U);
      for (const octets& segment : split(*by))
        BOOST_TEST(test::has_right_checksums(segment, whole.protocol(), whole.transport()));
      if (v6) {
        super[6] = 0; // an extension header, whose end nobody has said
        BOOST_TEST(!splitter::of(said, super).has_value());
      }
    }
}

/// With a routing header (RFC 8200 section 8.1) it is the last hop's, and the header has the next.
BOOST_AUTO_TEST_CASE(checksum_is_that_of_the_address_which_the_kernel_took) {
  for (const bool tcp : {true, false}) {
    const packet_fields whole = fields_of(tcp, true, 5000);
    octets super = with_partial_checksum(make_packet(whole), whole);
    constexpr std::size_t target = 24;
    super[target] ^= 0x55;
    const std::optional<splitter> by = splitter::of(about(whole, 1000), super);
    BOOST_REQUIRE(by.has_value());
    std::vector<octets> segments = split(*by);
    for (octets& segment : segments) {
      BOOST_TEST(!test::has_right_checksums(segment, whole.protocol(), whole.transport()));
      segment[target] ^= 0x55;
      BOOST_TEST(test::has_right_checksums(segment, whole.protocol(), whole.transport()));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
