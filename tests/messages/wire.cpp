#include "messages/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace troupe;
using namespace troupe::wire;

namespace {

/// A datagram of zeros that begins with these four octets.
std::optional<message_type> classified(std::size_t length, byte_array<4> first) {
  std::vector<std::uint8_t> datagram(std::max(length, first.size()));
  std::copy(first.begin(), first.end(), datagram.begin());
  return classify(const_bytes(datagram).first(length));
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_)

BOOST_AUTO_TEST_CASE(sizes_are_those_of_the_whitepaper) {
  BOOST_TEST(sizeof(message_header) == 4U);
  BOOST_TEST(sizeof(handshake_initiation) == 148U);
  BOOST_TEST(sizeof(handshake_response) == 92U);
  BOOST_TEST(sizeof(cookie_reply) == 64U);
  BOOST_TEST(sizeof(data_header) == 16U);
  BOOST_TEST(data_overhead == 32U);
  BOOST_TEST(keepalive_octets == 32U);
}

BOOST_AUTO_TEST_CASE(fields_lie_where_the_whitepaper_has_them) {
  BOOST_TEST(offsetof(handshake_initiation, sender_index) == 4U);
  BOOST_TEST(offsetof(handshake_initiation, unencrypted_ephemeral) == 8U);
  BOOST_TEST(offsetof(handshake_initiation, encrypted_static) == 40U);
  BOOST_TEST(offsetof(handshake_initiation, encrypted_timestamp) == 88U);
  BOOST_TEST(offsetof(handshake_initiation, mac1) == 116U);
  BOOST_TEST(offsetof(handshake_initiation, mac2) == 132U);
  BOOST_TEST(offsetof(handshake_response, receiver_index) == 8U);
  BOOST_TEST(offsetof(handshake_response, unencrypted_ephemeral) == 12U);
  BOOST_TEST(offsetof(handshake_response, encrypted_nothing) == 44U);
  BOOST_TEST(offsetof(handshake_response, mac1) == 60U);
  BOOST_TEST(offsetof(handshake_response, mac2) == 76U);
  BOOST_TEST(offsetof(cookie_reply, receiver_index) == 4U);
  BOOST_TEST(offsetof(cookie_reply, nonce) == 8U);
  BOOST_TEST(offsetof(cookie_reply, encrypted_cookie) == 32U);
  BOOST_TEST(offsetof(data_header, receiver_index) == 4U);
  BOOST_TEST(offsetof(data_header, counter) == 8U);
}

BOOST_AUTO_TEST_CASE(message_is_classified_by_type_and_length) {
  const std::optional<message_type> none;
  const std::optional<message_type> initiation = message_type::handshake_initiation;
  const std::optional<message_type> response = message_type::handshake_response;
  const std::optional<message_type> cookie = message_type::cookie_reply;
  const std::optional<message_type> data = message_type::transport_data;
  const struct {
    int row;
    std::size_t length;
    byte_array<4> first;
    std::optional<message_type> expected;
  } rows[] = {
      {1, 0, {1, 0, 0, 0}, none},       {2, 3, {4, 0, 0, 0}, none},
      {3, 4, {4, 0, 0, 0}, none},       {4, 148, {1, 0, 0, 0}, initiation},
      {5, 147, {1, 0, 0, 0}, none},     {6, 149, {1, 0, 0, 0}, none},
      {7, 92, {2, 0, 0, 0}, response},  {8, 91, {2, 0, 0, 0}, none},
      {9, 93, {2, 0, 0, 0}, none},      {10, 64, {3, 0, 0, 0}, cookie},
      {11, 63, {3, 0, 0, 0}, none},     {12, 65, {3, 0, 0, 0}, none},
      {13, 32, {4, 0, 0, 0}, data},     {14, 31, {4, 0, 0, 0}, none},
      {15, 33, {4, 0, 0, 0}, data}, // whoever does not pad is still understood
      {16, 65507, {4, 0, 0, 0}, data},  {17, 148, {2, 0, 0, 0}, none}, // each other's length
      {18, 92, {1, 0, 0, 0}, none},     {19, 64, {1, 0, 0, 0}, none},
      {20, 148, {4, 0, 0, 0}, data},    {21, 148, {1, 1, 0, 0}, none}, // reserved octets
      {22, 148, {1, 0, 0x80, 0}, none}, {23, 148, {1, 0, 0, 1}, none},
      {24, 92, {2, 0, 0, 0xff}, none},  {25, 64, {3, 1, 1, 1}, none},
      {26, 32, {4, 0, 1, 0}, none},     {27, 148, {0, 0, 0, 0}, none}, // no such types
      {28, 148, {5, 0, 0, 0}, none},    {29, 148, {255, 255, 255, 255}, none},
      {30, 148, {0, 0, 0, 1}, none}, // the other byte order
  };
  for (const auto& [row, length, first, expected] : rows)
    BOOST_CHECK_MESSAGE(classified(length, first) == expected, "row " << row);
}

BOOST_AUTO_TEST_CASE(header_that_is_written_is_the_one_that_is_read) {
  for (const message_type type :
       {message_type::handshake_initiation, message_type::handshake_response,
        message_type::cookie_reply, message_type::transport_data}) {
    const std::size_t lengths[] = {148, 92, 64, 32};
    BOOST_CHECK(classified(lengths[static_cast<std::size_t>(type) - 1],
                           header_of(type).type_and_reserved) == type);
  }
}

BOOST_AUTO_TEST_CASE(copy_of_a_message_is_all_of_it_at_any_alignment) {
  std::vector<std::uint8_t> memory(1 + sizeof(cookie_reply));
  for (std::size_t i = 0; i < memory.size(); ++i)
    memory[i] = static_cast<std::uint8_t>(i);
  const const_bytes datagram = const_bytes(memory).subspan(1);
  const cookie_reply copy = copy_from<cookie_reply>(datagram);
  const const_bytes copied = as_bytes(copy);
  BOOST_CHECK_EQUAL_COLLECTIONS(copied.begin(), copied.end(), datagram.begin(), datagram.end());
  BOOST_TEST(copy.encrypted_cookie.back() == memory.back());
}

BOOST_AUTO_TEST_CASE(padding_fills_sixteen_octets_but_never_passes_the_mtu) {
  const struct {
    int row;
    std::size_t length;
    std::size_t mtu;
    std::size_t padded;
  } rows[] = {
      {1, 0, 1420, 0},           {2, 1, 1420, 16},          {3, 15, 1420, 16},
      {4, 16, 1420, 16},         {5, 17, 1420, 32},         {6, 1404, 1420, 1408},
      {7, 1408, 1420, 1408},     {8, 1409, 1420, 1420},     {9, 1420, 1420, 1420},
      {10, 1419, 1424, 1424},    {11, 1500, 1420, 1500}, // the MTU shrank meanwhile
      {12, 65472, 65472, 65472}, {13, 65471, 65472, 65472}, {14, 577, 576, 577},
  };
  for (const auto& [row, length, mtu, padded] : rows)
    BOOST_TEST(padded_length(length, mtu) == padded, "row " << row);
}

BOOST_AUTO_TEST_CASE(numbers_have_the_byte_order_that_they_are_named_for) {
  byte_array<8> octets{};
  store_le32(octets.data(), 0x01020304);
  BOOST_CHECK((octets == byte_array<8>{4, 3, 2, 1}));
  BOOST_TEST(load_le32(octets.data()) == 0x01020304U);
  store_le64(octets.data(), 0x0102030405060708);
  BOOST_CHECK((octets == byte_array<8>{8, 7, 6, 5, 4, 3, 2, 1}));
  BOOST_TEST(load_le64(octets.data()) == 0x0102030405060708U);
  store_be64(octets.data(), 0xf102030405060708);
  BOOST_CHECK((octets == byte_array<8>{0xf1, 2, 3, 4, 5, 6, 7, 8}));
  BOOST_TEST(load_be16(octets.data()) == 0xf102U);
  BOOST_TEST(load_be32(octets.data()) == 0xf1020304U);
}

BOOST_AUTO_TEST_SUITE_END()
