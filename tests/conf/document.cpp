#include "conf/document.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::conf;

namespace {

const std::string secret = "mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=";

std::string error_of(std::string_view text) {
  const std::variant<value, config_error> parsed = parse_document("a.toml", text);
  const config_error* const error = std::get_if<config_error>(&parsed);
  return error == nullptr ? "" : to_string(*error);
}

} // namespace

BOOST_AUTO_TEST_SUITE(document)

BOOST_AUTO_TEST_CASE(values_and_keys_remember_where_they_stood) {
  const std::variant<value, config_error> parsed =
      parse_document("a.toml", "[one]\n  two = [1,\n \"x\"]\n[[three]]\nfour = true\n");
  const value& root = std::get<value>(parsed);
  BOOST_REQUIRE(root.members.size() == 2U);
  const member& one = root.members.front();
  BOOST_TEST(one.key == "one");
  const member& two = one.content.members.front();
  BOOST_TEST(two.at.line == 2U);
  BOOST_TEST(two.at.column == 3U);
  BOOST_TEST(two.content.items.at(0).number == 1);
  BOOST_TEST(two.content.items.at(1).text == "x");
  BOOST_TEST(two.content.items.at(1).at.line == 3U);
  BOOST_TEST(two.content.items.at(1).at.column == 2U);
  const value& three = root.members.back().content.items.front();
  BOOST_TEST(three.at.line == 4U);
  BOOST_TEST(three.members.front().content.number == 1);
}

BOOST_AUTO_TEST_CASE(a_syntax_error_is_located_and_says_the_cure) {
  BOOST_TEST(error_of("a = 1\na = 2\n").find("a.toml:2:") == 0U);
  BOOST_TEST(error_of("a = 1\na = 2\n").find("`a` is given twice; keep one") != std::string::npos);
  BOOST_TEST(error_of("[a]\n[a]\n").find("a.toml:2:1: error: `a` is given twice") == 0U);
  BOOST_TEST(error_of("x = hello\n").find("between quotation marks") != std::string::npos);
  BOOST_TEST(error_of("name\n").find("expected `=`") != std::string::npos);
  BOOST_TEST(error_of("a = \"x").find("a.toml:1:") == 0U);
}

BOOST_AUTO_TEST_CASE(a_syntax_error_gives_nothing_of_a_key_away) {
  for (const std::string& line :
       {"private_key = " + secret, "private_key = 9" + secret, "private_key = '" + secret,
        "private_key = \"" + secret, secret, secret + " = " + secret, "'" + secret + "'",
        "[" + secret + "]", "private_key = 0x" + secret, "private_key = +" + secret,
        "private_key = 1999-01-01" + secret, "private_key = \"\\" + secret + "\"",
        "private_key = \"" + secret + "\" " + secret,
        "x\n'" + secret + "' = 1\n'" + secret + "' = 2"}) {
    const std::string error = error_of(line);
    BOOST_TEST(!error.empty(), line);
    for (std::size_t i = 0; i + 4 <= secret.size(); ++i)
      BOOST_TEST(error.find(secret.substr(i, 4)) == std::string::npos, error);
    BOOST_TEST(error.find("saw") == std::string::npos, error);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_utf8_is_one_error) {
  for (const std::string text : {"a = \"\xff\"\n",
                                 "\xff\xfe"
                                 "a\0",
                                 "a = \"\xc0\xaf\"", "a = \"\xe2\x82"})
    BOOST_TEST(error_of(text).find("save the file as UTF-8") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_table_header_without_a_key_is_an_error) {
  for (const std::string text :
       {"[=]", "[.a]", "[\n]", "[#a]", "[[=]]", "[[[a]]]", "[{a = 1}]", "["})
    BOOST_TEST(error_of(text) != "", text);
}

BOOST_AUTO_TEST_CASE(a_letter_outside_ascii_where_a_blank_may_be_is_an_error) {
  for (const std::string text :
       {"\u00e9 = 1\n", "a = \u00e9\n", "[i]\n \u0451\n", "a = [\u0451]\n"})
    BOOST_TEST(error_of(text) != "", text);
  BOOST_TEST(error_of("a = \"\"\"x\\\n \u00e9\"\"\"\n") == "");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_too_large_is_one_error) {
  const std::string text(limits::config_octets_max + 1, '\n');
  BOOST_TEST(error_of(text).find("a.toml:1:1: error: the file has 67108865 octets") == 0U);
}

BOOST_AUTO_TEST_CASE(a_file_of_too_many_values_is_one_error) {
  for (const std::string value : {"[a]\n", "1,", "{},", "a=1\n"}) {
    std::string text = "\nx = [";
    while (text.size() <= value.size() * (limits::config_values_max + 2))
      text += value;
    const std::string error = error_of(text);
    BOOST_TEST(error.find("the file has more keys and values than are read") != std::string::npos,
               error);
  }
  const std::string signs(limits::config_values_max + 1, ',');
  BOOST_TEST(error_of("x = '" + signs + "' # " + signs) == "");
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_an_error_and_no_crash) {
  BOOST_TEST(!error_of("a = " + std::string(100'000, '[')).empty());
  for (const std::string part : {".a", " . a", ".\"\\\"\"", ".'\"'", ".\"\\\\\"", ".''", ".\"\""}) {
    std::string key = "a";
    for (int i = 0; i < 100'000; ++i)
      key += part;
    for (const std::string& text :
         {key + " = 1\n", "[" + key + "]\n", "[[" + key + "]]\n", "x = [{" + key + " = 1}]\n",
          "x = \"\"\"\"\n\"\"\"\n" + key + " = 1"})
      BOOST_TEST(error_of(text).find("a key of too many parts") != std::string::npos, part);
    for (const std::string before :
         {"'''a'b'''", "'''a''b'''''", "'''\n''''", R"("""a"b""")", R"("""\"""""")",
          "\"\"\"\\ \n \"\"\"", R"('''\''')", R"('\')", "''", R"("")", "# '\n 1"})
      BOOST_TEST(error_of("x = [" + before + ", {" + key + " = 1}]\n").find("too many parts") !=
                     std::string::npos,
                 before);
  }
}

BOOST_AUTO_TEST_CASE(the_deepest_that_is_read_does_not_exhaust_the_stack) {
  const std::string key = "a.a.a.a";
  const auto nested = [&key](std::size_t points) {
    std::string text;
    for (int i = 0; i < 255; ++i, points -= 3)
      text += key + " = {";
    text += "b";
    for (; points != 0; --points)
      text += ".b";
    return text + " = 1" + std::string(255, '}');
  };
  BOOST_TEST(error_of(nested(limits::config_key_parts_max)) == "");
  BOOST_TEST(error_of(nested(limits::config_key_parts_max + 1)) != "");
}

BOOST_AUTO_TEST_CASE(what_is_searched_for_each_of_its_kind_is_bounded) {
  std::string tables;
  std::string dotted;
  std::string implicit;
  for (int i = 0; i < 200'000; ++i) {
    const std::string number = std::to_string(i);
    tables += "[[a" + number + "]]\n";
    dotted += "a" + number + ".b=1\n";
    implicit += "[a" + number + ".b]\n";
  }
  BOOST_TEST(error_of(tables).find("too many of several") != std::string::npos);
  BOOST_TEST(error_of(dotted).find("too many of several") != std::string::npos);
  BOOST_TEST(error_of(implicit).find("too many of several") != std::string::npos);
  std::string peers;
  for (std::size_t i = 0; i <= limits::config_key_parts_max; ++i)
    peers += i % 2 == 0 ? "[[peer]]\n" : "[[ peer\t]]\n";
  BOOST_TEST(error_of(peers) == "");
  BOOST_TEST(error_of(tables.substr(0, tables.find("[[a1000]]"))) == "");
}

BOOST_AUTO_TEST_CASE(points_in_texts_and_comments_are_no_parts_of_a_key) {
  const std::string points(1000, '.');
  BOOST_TEST(error_of("a = \"" + points + "\" # " + points + "\n") == "");
  BOOST_TEST(error_of("a = [\n'" + points + "',\n1.5, 1.5]\n") == "");
  for (const std::string marks : {"'''", "\"\"\""})
    BOOST_TEST(error_of("a = " + marks + points + "\n" + marks[0] + points + marks + "\n") == "");
}

BOOST_AUTO_TEST_CASE(points_of_a_value_are_left_to_the_parser) {
  const std::string points(2000, '.');
  BOOST_TEST(error_of("endpoint = a" + points + "\n").find("quotation marks") != std::string::npos);
  BOOST_TEST(error_of("a = [\n1.5, 1979-05-27T07:32:00.5Z]\n") == "");
}

BOOST_AUTO_TEST_CASE(the_place_of_an_endless_key_is_told) {
  const std::string points(limits::config_key_parts_max + 1, '.');
  BOOST_TEST(error_of("a = 1\nb" + points + "\n").find("a.toml:2:1002: error: a key of too many") ==
             0U);
}

BOOST_AUTO_TEST_SUITE_END()
