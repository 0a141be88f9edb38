#include "messages/ip_header.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <vector>

using namespace troupe;

namespace {

using packet_octets = std::vector<std::uint8_t>;

constexpr ecn all_ecn[] = {ecn::not_ect, ecn::ect1, ecn::ect0, ecn::ce};

/// `length` octets of which the header claims `total_length`.
packet_octets ipv4(std::size_t length, std::size_t total_length, unsigned ihl = 5) {
  packet_octets packet(length);
  if (length > 0)
    packet[0] = static_cast<std::uint8_t>(0x40 | ihl);
  if (length >= 4)
    store_be16(&packet[2], static_cast<std::uint16_t>(total_length));
  return packet;
}

packet_octets ipv6(std::size_t length, std::size_t payload_length) {
  packet_octets packet(length);
  if (length > 0)
    packet[0] = 0x60;
  if (length >= 6)
    store_be16(&packet[4], static_cast<std::uint16_t>(payload_length));
  return packet;
}

/// RFC 1071, word by word: what the checksum field has to hold.
std::uint16_t checksum_of(const_bytes header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2)
    sum += i == 10 ? 0U : unsigned{header[i]} * 256 + header[i + 1];
  return static_cast<std::uint16_t>(0xffff - (sum % 0xffff == 0 ? 0xffff : sum % 0xffff));
}

} // namespace

BOOST_AUTO_TEST_SUITE(ip_header_)

BOOST_AUTO_TEST_CASE(lengths_decide_what_passes_as_ip) {
  const struct {
    int row;
    packet_octets packet;
    std::uint32_t total_length; // 0: refused
  } rows[] = {
      {1, {}, 0},
      {2, ipv4(1, 0), 0},
      {3, ipv4(19, 19), 0},
      {4, ipv4(20, 20), 20},
      {5, ipv4(20, 19), 0},
      {6, ipv4(20, 0), 0},
      {7, ipv4(20, 21), 0},
      {8, ipv4(64, 50), 50}, // padding behind the packet
      {9, ipv4(64, 65), 0},
      {10, ipv4(64, 65535), 0},
      {11, ipv4(65535, 65535), 65535},
      {12, ipv4(64, 64, 0), 0}, // a header shorter than a header
      {13, ipv4(64, 64, 4), 0},
      {14, ipv4(64, 64, 15), 64},
      {15, ipv4(64, 60, 15), 60},
      {16, ipv4(64, 59, 15), 0}, // a header longer than its packet
      {17, ipv4(20, 20, 6), 0},
      {18, ipv4(24, 24, 6), 24},
      {19, ipv6(1, 0), 0},
      {20, ipv6(39, 0), 0},
      {21, ipv6(40, 0), 40},
      {22, ipv6(40, 1), 0},
      {23, ipv6(64, 24), 64},
      {24, ipv6(64, 10), 50},
      {25, ipv6(64, 25), 0},
      {26, ipv6(65575, 65535), 65575},
      {27, ipv6(65574, 65535), 0},
      {28, packet_octets(64, 0x00), 0}, // neither version
      {29, packet_octets(64, 0x55), 0},
      {30, packet_octets(64, 0x7f), 0},
      {31, packet_octets(64, 0xff), 0},
  };
  for (const auto& [row, packet, total_length] : rows) {
    const std::optional<ip_header> header = parse_ip_header(packet);
    BOOST_TEST(header.has_value() == (total_length != 0), "row " << row);
    if (header)
      BOOST_TEST(header->total_length == total_length, "row " << row);
  }
}

BOOST_AUTO_TEST_CASE(addresses_and_congestion_are_those_of_the_header) {
  packet_octets four = ipv4(20, 20);
  packet_octets six = ipv6(40, 0);
  for (std::uint8_t i = 0; i < 8; ++i)
    four[12U + i] = static_cast<std::uint8_t>(i + 1);
  for (std::uint8_t i = 0; i < 32; ++i)
    six[8U + i] = i;
  for (const ecn value : all_ecn) {
    const unsigned bits = static_cast<unsigned>(value);
    four[1] = static_cast<std::uint8_t>(0xfc | bits);
    six[1] = static_cast<std::uint8_t>(0xcf | bits << 4);
    BOOST_CHECK(parse_ip_header(four)->congestion == value);
    BOOST_CHECK(parse_ip_header(six)->congestion == value);
  }
  BOOST_TEST(to_string(parse_ip_header(four)->source) == "1.2.3.4");
  BOOST_TEST(to_string(parse_ip_header(four)->target) == "5.6.7.8");
  BOOST_TEST(to_string(parse_ip_header(six)->source) == "1:203:405:607:809:a0b:c0d:e0f");
  BOOST_TEST(to_string(parse_ip_header(six)->target) == "1011:1213:1415:1617:1819:1a1b:1c1d:1e1f");
}

BOOST_AUTO_TEST_CASE(set_ecn_keeps_the_checksum_of_any_header_right) {
  std::mt19937 random(1624);
  for (int round = 0; round < 20000; ++round) {
    const unsigned ihl = 5 + static_cast<unsigned>(random() % 11);
    packet_octets packet = ipv4(ihl * 4, ihl * 4, ihl);
    for (std::size_t i = 1; i < packet.size(); ++i)
      if (i != 2 && i != 3)
        packet[i] = static_cast<std::uint8_t>(random());
    store_be16(&packet[10], checksum_of(packet));
    const packet_octets before = packet;

    const ecn value = all_ecn[random() % 4];
    set_ecn(packet, value);
    BOOST_REQUIRE(parse_ip_header(packet)->congestion == value);
    BOOST_REQUIRE_EQUAL(load_be16(&packet[10]), checksum_of(packet));
    packet_octets expected = before;
    expected[1] = static_cast<std::uint8_t>((before[1] & 0xfc) | static_cast<unsigned>(value));
    store_be16(&expected[10], load_be16(&packet[10]));
    BOOST_REQUIRE(packet == expected);
  }
}

BOOST_AUTO_TEST_CASE(wrong_checksum_stays_as_wrong_as_it_was) {
  packet_octets packet = ipv4(20, 20);
  store_be16(&packet[10], static_cast<std::uint16_t>(checksum_of(packet) - 7));
  set_ecn(packet, ecn::ce);
  BOOST_TEST(load_be16(&packet[10]) != checksum_of(packet));
  set_ecn(packet, ecn::not_ect);
  BOOST_TEST(load_be16(&packet[10]) == checksum_of(packet) - 7);
}

BOOST_AUTO_TEST_CASE(set_ecn_touches_two_bits_of_ipv6) {
  for (const std::uint8_t fill : {std::uint8_t{0x00}, std::uint8_t{0xff}})
    for (const ecn value : all_ecn) {
      packet_octets packet(40, fill);
      packet[0] = static_cast<std::uint8_t>(0x60 | (fill & 0xf));
      packet_octets expected = packet;
      expected[1] = static_cast<std::uint8_t>((fill & 0xcf) | static_cast<unsigned>(value) << 4);
      set_ecn(packet, value);
      BOOST_CHECK(packet == expected);
    }
}

BOOST_AUTO_TEST_CASE(decapsulation_is_the_table_of_rfc_6040_figure_4) {
  const std::optional<ecn> drop;
  const std::optional<ecn> not_ect = ecn::not_ect;
  const std::optional<ecn> ect1 = ecn::ect1;
  const std::optional<ecn> ect0 = ecn::ect0;
  const std::optional<ecn> ce = ecn::ce;
  // The figure's rows (inner) and columns (outer).
  const ecn inner[] = {ecn::not_ect, ecn::ect0, ecn::ect1, ecn::ce};
  const ecn outer[] = {ecn::not_ect, ecn::ect0, ecn::ect1, ecn::ce};
  const std::optional<ecn> figure_4[4][4] = {
      {not_ect, not_ect, not_ect, drop},
      {ect0, ect0, ect1, ce},
      {ect1, ect1, ect1, ce},
      {ce, ce, ce, ce},
  };
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t column = 0; column < 4; ++column)
      BOOST_CHECK_MESSAGE(decapsulated_ecn(outer[column], inner[row]) == figure_4[row][column],
                          "inner row " << row << ", outer column " << column);
}

BOOST_AUTO_TEST_SUITE_END()
