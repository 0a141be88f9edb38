#include "conf/config.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::conf;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(an_endpoint_is_an_address_or_a_name_with_a_port) {
  BOOST_TEST(parse_endpoint_setting("192.0.2.1:51820").value().literal.has_value());
  BOOST_TEST(parse_endpoint_setting("[2001:db8::1]:1").value().literal.has_value());
  const endpoint_setting name = parse_endpoint_setting("vpn_1.example.net:65535").value();
  BOOST_TEST(!name.literal.has_value());
  BOOST_TEST(name.host == "vpn_1.example.net");
  BOOST_TEST(name.port == 65535);
}

BOOST_AUTO_TEST_CASE(what_is_neither_is_no_endpoint) {
  for (const char* text :
       {"", ":", ":1", "host", "host:", "host:0", "host:65536", "host:+1", "host:1x", "192.0.2.1",
        "192.0.2.256:1", "2001:db8::1:51820", "[2001:db8::1]", "[192.0.2.1]:1", "a b:1", "-x:1",
        "a..b:1", "1.2.3:1", "[]:1"})
    BOOST_TEST(!parse_endpoint_setting(text).has_value(), text);
  BOOST_TEST(!parse_endpoint_setting(std::string_view("192.0.2.1\0x:1", 13)).has_value());
}

BOOST_AUTO_TEST_CASE(an_endpoint_is_written_as_it_was_read) {
  for (const char* text : {"192.0.2.1:51820", "[2001:db8::1]:1", "[2001:DB8:0::1]:1", "host:1"})
    BOOST_TEST(parse_endpoint_setting(text).value().text() == text);
  const endpoint where = parse_endpoint("[fe80::1%7]:9").value();
  BOOST_TEST(literal_endpoint(where).text() == "[fe80::1%7]:9");
}

BOOST_AUTO_TEST_CASE(two_spellings_of_one_address_are_the_same_endpoint) {
  const endpoint_setting left = parse_endpoint_setting("[2001:DB8:0::1]:1").value();
  const endpoint_setting right = parse_endpoint_setting("[2001:db8::1]:1").value();
  const endpoint_setting name = parse_endpoint_setting("host:1").value();
  BOOST_TEST(same_endpoint(left, right));
  BOOST_TEST(same_endpoint(name, name));
  BOOST_TEST(!same_endpoint(left, name));
  BOOST_TEST(!same_endpoint(name, parse_endpoint_setting("host:2").value()));
}

BOOST_AUTO_TEST_CASE(a_default_name_steps_aside_for_a_taken_one) {
  const public_key key;
  BOOST_TEST(default_name(key, [](const std::string&) { return false; }) == short_name(key));
  BOOST_TEST(default_name(key, [](const std::string&) { return true; }) == to_base64(key));
}

BOOST_AUTO_TEST_CASE(a_peer_expires_at_its_date_and_not_before) {
  conf::config all;
  all.peers.resize(3);
  for (std::uint8_t i = 0; i < 3; ++i) {
    all.peers[i].settings.key.octets[0] = i;
    all.peers[i].settings.name = std::string(1, static_cast<char>('a' + i));
  }
  const std::chrono::sys_seconds date{1000s};
  all.peers[0].expires = date;
  all.peers[1].expires = std::chrono::sys_days(std::chrono::year{9998} / 12 / 31); // past 2262
  const conf::config before = all;
  mark_expired(all, date - 1ns);
  BOOST_TEST(all.peers[0].in_use());
  BOOST_TEST((next_expiry(all) == date));
  mark_expired(all, date);
  BOOST_TEST(!all.peers[0].in_use());
  BOOST_TEST(all.peers[1].in_use());
  BOOST_TEST(all.peers[2].in_use());
  BOOST_TEST((next_expiry(all) == all.peers[1].expires));
  BOOST_TEST((newly_expired(before, all) == std::vector<std::string>{"a"}));
  BOOST_TEST(newly_expired(all, all).empty());
  mark_expired(all, date - 1ns); // the clock was set back
  BOOST_TEST(all.peers[0].in_use());
}

BOOST_AUTO_TEST_SUITE_END()
