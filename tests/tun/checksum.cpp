#include "tun/checksum.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(checksum)

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
