#include "conf/wording.hpp"

#include <boost/test/unit_test.hpp>

#include <array>

using namespace troupe::conf;

BOOST_AUTO_TEST_SUITE(wording)

BOOST_AUTO_TEST_CASE(edit_distance_counts_swapped_neighbours_once) {
  BOOST_TEST(edit_distance("", "abc") == 3U);
  BOOST_TEST(edit_distance("abc", "abc") == 0U);
  BOOST_TEST(edit_distance("lisen_port", "listen_port") == 1U);
  BOOST_TEST(edit_distance("mut", "mtu") == 1U);
  BOOST_TEST(edit_distance("adress", "addresses") == 3U);
}

BOOST_AUTO_TEST_CASE(the_nearest_word_is_suggested_and_far_ones_are_listed) {
  constexpr std::array<std::string_view, 3> known = {"listen_port", "mtu", "name"};
  BOOST_TEST(suggestion("lisen_port", known) == "; did you mean `listen_port`?");
  BOOST_TEST(suggestion("completely_else", known) == "; known here: `listen_port`, `mtu`, `name`");
}

BOOST_AUTO_TEST_CASE(what_may_be_a_key_is_not_shown) {
  const std::string key = "mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=";
  for (const std::string& text : {key, key.substr(0, 30), "private_key=" + key, "/" + key.substr(1),
                                  " " + key, std::string(64, 'a')})
    BOOST_TEST(shown(text).find(text.substr(12, 8)) == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(ordinary_texts_are_shown) {
  for (const std::string text : {"vpn.example.net:51820", "10.0.0.0/33", "persistent_keepalive",
                                 "/etc/troupe/keys/router/laptop.key", "fd00:1234:5678:9abc::/64"})
    BOOST_TEST(shown(text) == "`" + text + "`");
  BOOST_TEST(shown("a\nb").find('\n') == std::string::npos);
  BOOST_TEST(shown(std::string(200, '.')) == "(a text of 200 octets)");
}

BOOST_AUTO_TEST_CASE(what_a_terminal_obeys_does_not_print) {
  for (const std::string text : {"a\x1b[2J", "\x7f", "\t", "\u0080", "x\u009b2J", "\u009f"})
    BOOST_TEST(!prints(text));
  for (const std::string text : {"", "~ a", "\u00a0", "ü", "\u0440", "\U0001f9ea"})
    BOOST_TEST(prints(text), text);
}

BOOST_AUTO_TEST_CASE(the_fault_of_a_key_is_told_without_the_key) {
  const std::string key = "mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=";
  BOOST_TEST(key_fault("") == "is empty");
  BOOST_TEST(key_fault(key.substr(1)) == "has 43 characters; a key is 44 characters of base64");
  BOOST_TEST(key_fault("-" + key.substr(1)) == "has a character that is not base64");
  BOOST_TEST(key_fault(key.substr(0, 43) + "A") ==
             "does not end in one `=` as a key of 32 octets does");
  BOOST_TEST(key_fault(key.substr(0, 42) + "t=") == "is no key of 32 octets: its end is mistyped");
}

BOOST_AUTO_TEST_SUITE_END()
