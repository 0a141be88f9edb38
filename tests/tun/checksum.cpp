#include "tun/checksum.hpp"

#include "tests/tun/packets.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace troupe;
using test::octets;

namespace {

/// 0 and 0xffff are the same number to a ones' complement sum.
std::uint16_t canonical(std::uint16_t sum) {
  return sum == 0xffff ? 0 : sum;
}

std::uint16_t folded(std::uint32_t sum) {
  return static_cast<std::uint16_t>(~tun::finish_checksum(sum));
}

/// Some octets, many ones, or only ones.
octets content(std::size_t count, int kind) {
  if (kind == 0)
    return test::some_octets(count, 3);
  octets made(count, 0xff);
  for (std::size_t i = 0; kind == 1 && i < count; i += 7)
    made[i] = 0;
  return made;
}

} // namespace

BOOST_AUTO_TEST_SUITE(checksum)

BOOST_AUTO_TEST_CASE(sums_are_those_of_word_by_word_at_every_length_and_alignment) {
  for (int kind = 0; kind < 3; ++kind)
    for (std::size_t length = 0; length <= 300; ++length)
      for (std::size_t alignment = 0; alignment < 16; ++alignment) {
        const octets all = content(alignment + length, kind);
        const const_bytes data = const_bytes(all).subspan(alignment);
        for (const std::uint32_t begin : {0U, 1U, 0xffffU, 0x1ffffU}) {
          const std::uint32_t sum = tun::add_words(begin, data);
          const std::uint16_t first = folded(begin);
          BOOST_REQUIRE_EQUAL(canonical(folded(sum)), canonical(test::naive_sum(data, first)));
          BOOST_REQUIRE(sum < 1U << 17);
        }
      }
}

BOOST_AUTO_TEST_CASE(parts_of_even_length_sum_to_the_whole) {
  const octets whole = content(301, 0);
  for (std::size_t cut = 0; cut <= 300; cut += 2)
    BOOST_TEST(folded(tun::add_words(tun::add_words(0, const_bytes(whole).first(cut)),
                                     const_bytes(whole).subspan(cut))) ==
               folded(tun::add_words(0, whole)));
}

BOOST_AUTO_TEST_CASE(udp_checksum_of_zero_is_written_as_ones) {
  BOOST_TEST(tun::finish_udp_checksum(0xffff) == 0xffff);
  BOOST_TEST(tun::finish_udp_checksum(0x1fffe) == 0xffff);
  BOOST_TEST(tun::finish_checksum(0xffff) == 0);
  for (const std::uint32_t sum : {0U, 1U, 0xfffeU, 0x10000U, 0x12345U})
    BOOST_TEST(tun::finish_udp_checksum(sum) == tun::finish_checksum(sum));
}

BOOST_AUTO_TEST_CASE(pseudo_header_has_addresses_protocol_and_length) {
  for (const bool v6 : {false, true})
    for (const bool tcp : {false, true})
      for (const std::size_t payload : {0U, 1U, 1000U, 65000U}) {
        test::packet_fields fields;
        fields.v6 = v6;
        fields.tcp = tcp;
        fields.payload = test::some_octets(payload);
        const octets packet = test::make_packet(fields);
        const const_bytes behind = const_bytes(packet).subspan(fields.transport());
        const std::uint32_t sum = tun::pseudo_header_sum(packet, fields.protocol(), behind.size());
        // With the checksum that is in the packet the sum is all ones.
        BOOST_TEST(tun::finish_checksum(tun::add_words(sum, behind)) == 0);
      }
}

BOOST_AUTO_TEST_CASE(pseudo_header_counts_lengths_beyond_16_bits) {
  const octets packet = test::make_packet({.v6 = true});
  const std::uint16_t none = folded(tun::pseudo_header_sum(packet, 17, 0));
  BOOST_TEST(folded(tun::pseudo_header_sum(packet, 17, 0x20005)) ==
             test::naive_sum(octets{0, 2, 0, 5}, none));
}

BOOST_AUTO_TEST_CASE(sum_is_that_of_the_example_in_rfc_1071) {
  const byte_array<8> example{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  BOOST_TEST(tun::finish_checksum(tun::add_words(0, example)) == 0x220d); // ~0xddf2
}

BOOST_AUTO_TEST_CASE(odd_last_octet_is_followed_by_a_zero) {
  const byte_array<3> odd{0x12, 0x34, 0x56};
  const byte_array<4> even{0x12, 0x34, 0x56, 0x00};
  BOOST_TEST(tun::add_words(7, odd) == tun::add_words(7, even));
}

BOOST_AUTO_TEST_CASE(carry_of_the_fold_is_folded_again) {
  BOOST_TEST(tun::finish_checksum(0x0001ffff) == 0xfffe);
}

BOOST_AUTO_TEST_CASE(longest_packet_of_ones_does_not_overflow) {
  const std::vector<std::uint8_t> ones(65536, 0xff);
  BOOST_TEST(tun::finish_checksum(tun::add_words(0xffff, ones)) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
