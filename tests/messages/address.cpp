#include "messages/address.hpp"

#include <boost/test/unit_test.hpp>

#include <net/if.h>

using namespace troupe;

namespace {

ip_prefix prefix_of(std::string_view text) {
  return parse_ip_prefix(text).value();
}

ip_address address_of(std::string_view text) {
  return parse_ip_address(text).value();
}

} // namespace

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(prefixes_keep_host_bits_until_masked) {
  const ip_prefix prefix = prefix_of("10.1.2.3/20");
  BOOST_TEST(to_string(prefix) == "10.1.2.3/20");
  BOOST_TEST(to_string(masked(prefix)) == "10.1.0.0/20");
  BOOST_TEST(to_string(masked(prefix_of("fd12:3456::ff/25"))) == "fd12:3400::/25");
  BOOST_TEST(to_string(masked(prefix_of("1.2.3.4/0"))) == "0.0.0.0/0");
  BOOST_TEST(to_string(masked(prefix_of("1.2.3.4"))) == "1.2.3.4/32");
}

BOOST_AUTO_TEST_CASE(mask_of_every_length_keeps_exactly_so_many_bits) {
  const std::pair<std::string, unsigned> families[] = {
      {"255.255.255.255", 32}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128}};
  for (const auto& [all_ones, bits] : families)
    for (unsigned length = 0; length <= bits; ++length) {
      const ip_prefix prefix = masked({address_of(all_ones), static_cast<std::uint8_t>(length)});
      for (unsigned bit = 0; bit < 128; ++bit) {
        const bool set = (prefix.address.octets[bit / 8] >> (7 - bit % 8) & 1) != 0;
        BOOST_REQUIRE_MESSAGE(set == (bit < length), all_ones << "/" << length << ", bit " << bit);
      }
    }
}

BOOST_AUTO_TEST_CASE(prefix_contains_what_shares_its_first_bits) {
  const struct {
    int row;
    std::string_view prefix;
    std::string_view address;
    bool inside;
  } rows[] = {
      {1, "10.0.0.0/8", "10.255.255.255", true},
      {2, "10.0.0.0/8", "11.0.0.0", false},
      {3, "10.9.9.9/8", "10.0.0.1", true}, // host bits of the prefix do not count
      {4, "192.0.2.128/25", "192.0.2.127", false},
      {5, "192.0.2.128/25", "192.0.2.128", true},
      {6, "192.0.2.1/32", "192.0.2.1", true},
      {7, "192.0.2.1/32", "192.0.2.0", false},
      {8, "0.0.0.0/0", "255.255.255.255", true},
      {9, "0.0.0.0/0", "::", false},
      {10, "::/0", "0.0.0.0", false},
      {11, "::/0", "ffff::", true},
      {12, "fd00:0:0:8000::/49", "fd00:0:0:8000::1", true},
      {13, "fd00:0:0:8000::/49", "fd00:0:0:7fff::1", false},
      {14, "fd00:0:8000::/33", "fd00:0:7fff::1", false},
      {15, "2001:db8::1/128", "2001:db8::2", false},
  };
  for (const auto& [row, prefix, address, inside] : rows)
    BOOST_TEST(contains(prefix_of(prefix), address_of(address)) == inside, "row " << row);
}

BOOST_AUTO_TEST_CASE(octets_that_ipv4_does_not_use_are_zero) {
  const ip_address address = address_of("255.254.253.252");
  BOOST_TEST(address.bits() == 32U);
  BOOST_TEST(address.significant().size() == 4U);
  for (std::size_t i = 4; i < address.octets.size(); ++i)
    BOOST_TEST(address.octets[i] == 0);
  BOOST_CHECK(address == make_ipv4(address.octets.data()));
  BOOST_CHECK(address != make_ipv6(address.octets.data()));
}

BOOST_AUTO_TEST_CASE(address_takes_numeric_forms_only) {
  for (const std::string_view good :
       {"0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1"})
    BOOST_TEST(to_string(address_of(good)) == good);
  BOOST_TEST(to_string(address_of("2001:DB8:0:0:0:0:0:1")) == "2001:db8::1");
  for (const std::string_view bad :
       {"", " ", "localhost", "1.2.3", "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4.5",
        "0x1.2.3.4", "1", ":::", "1::2::3", "fe80::1%1", "[::1]", "12345::", "1.2.3.4/8"})
    BOOST_TEST(!parse_ip_address(bad).has_value(), bad);
  BOOST_TEST(!parse_ip_address(std::string_view("1.2.3.4\0", 8)).has_value());
  BOOST_TEST(!parse_ip_address(std::string_view("::1\0x", 5)).has_value());
}

BOOST_AUTO_TEST_CASE(prefix_length_is_decimal_and_fits_the_family) {
  BOOST_TEST(to_string(prefix_of("::1")) == "::1/128");
  BOOST_TEST(to_string(prefix_of("::/0")) == "::/0");
  BOOST_TEST(to_string(prefix_of("1.2.3.4/32")) == "1.2.3.4/32");
  for (const std::string_view bad :
       {"", "/", "/8", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/ 8",
        "1.2.3.4/8 ", "1.2.3.4/8/8", "1.2.3.4/0x8", "1.2.3.4/255.0.0.0", "1.2.3.4/256", "::/129",
        "::/264", "1.2.3.4/4294967304"})
    BOOST_TEST(!parse_ip_prefix(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(endpoint_round_trips_through_text) {
  const std::string loopback = std::to_string(::if_nametoindex("lo"));
  for (const std::string text : {"192.0.2.1:51820", "[2001:db8::1]:1", "[::]:65535"})
    BOOST_TEST(to_string(parse_endpoint(text).value()) == text);
  const endpoint by_number = parse_endpoint("[fe80::1%" + loopback + "]:5").value();
  BOOST_CHECK(by_number == parse_endpoint("[fe80::1%lo]:5").value());
  BOOST_TEST(to_string(by_number) == "[fe80::1%" + loopback + "]:5");
}

BOOST_AUTO_TEST_CASE(mapped_ipv4_endpoint_is_an_ipv4_endpoint) {
  BOOST_CHECK(parse_endpoint("[::ffff:192.0.2.1]:7") == parse_endpoint("192.0.2.1:7"));
  BOOST_TEST(to_string(parse_endpoint("[::fffe:192.0.2.1]:7").value()) == "[::fffe:c000:201]:7");
}

BOOST_AUTO_TEST_CASE(one_host_is_no_wildcard_multicast_or_broadcast) {
  for (const char* good : {"192.0.2.1", "127.0.0.1", "223.255.255.255", "::1", "fe80::1"})
    BOOST_TEST(is_one_host(address_of(good)), good);
  for (const char* bad :
       {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255", "::", "ff02::1"})
    BOOST_TEST(!is_one_host(address_of(bad)), bad);
}

BOOST_AUTO_TEST_CASE(endpoint_without_port_brackets_or_numeric_host_is_refused) {
  for (const std::string_view bad : {"",
                                     ":",
                                     ":1",
                                     "1.2.3.4",
                                     "1.2.3.4:",
                                     "1.2.3.4:0",
                                     "1.2.3.4:65536",
                                     "1.2.3.4:-1",
                                     "1.2.3.4:1 ",
                                     "1.2.3.4: 1",
                                     "host:1",
                                     "::1:1",
                                     "2001:db8::1:51820",
                                     "[]:1",
                                     "[1.2.3.4]:1",
                                     "[::1:1",
                                     "::1]:1",
                                     "[::1]",
                                     "[::1]:",
                                     "[::1]1",
                                     "[::1]:x",
                                     "[::1%]:1",
                                     "[::1%no-such-if]:1",
                                     "[%1]:1",
                                     "[::1%-1]:1",
                                     "[::1%4294967296]:1",
                                     "1.2.3.4%1:1"})
    BOOST_TEST(!parse_endpoint(bad).has_value(), bad);
  BOOST_TEST(!parse_endpoint(std::string_view("[fe80::1%lo\0]:1", 15)).has_value());
  BOOST_TEST(!parse_endpoint(std::string_view("1.2.3.4\0:1", 10)).has_value());
}

BOOST_AUTO_TEST_CASE(source_is_known_once_it_has_an_interface) {
  BOOST_TEST(!source_address{}.known());
  BOOST_TEST((source_address{address_of("192.0.2.1"), 2}.known()));
}

BOOST_AUTO_TEST_SUITE_END()
