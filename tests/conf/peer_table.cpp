#include "conf/peer_table.hpp"

#include "tests/conf/toml_texts.hpp"

using namespace troupe;
using namespace troupe::conf;

BOOST_AUTO_TEST_SUITE(peer_table)

BOOST_AUTO_TEST_CASE(peers_are_checked_one_by_one) {
  BOOST_TEST(begins(error_of(head + "[[peer]]\nname = \"x\""),
                    "t.toml:4:1: error: the peer has no `public_key`"));
  BOOST_TEST(holds(error_of(head + "[peer]\nname = \"x\""), "[[peer]]"));
  BOOST_TEST(holds(error_of("peer = [1]\n" + head), "a peer is a table"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "persistent_keepalive = 65536")), "to 65535"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "name = \"\"")), "1 to 64 octets"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "name = \"a\\nb\"")), "printing"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "enabled = \"yes\"")), "must be a boolean"));
  BOOST_TEST(
      holds(error_of(head + peer(key_a, "allowed_ips = [\"10.0.0.0\\u0000/8\"]")), "is no prefix"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "allowed_ips = [\"10.0.0.0/8\", \"10.0.0.0/8\"]")),
                   "listed twice"));
}

BOOST_AUTO_TEST_CASE(of_many_errors_the_first_are_told) {
  std::string text = head;
  for (std::size_t i = 0; i < 2 * limits::config_errors_max; ++i)
    text += "[[peer]]\n";
  const std::vector<std::string> lines = errors_of(parse(text, {{"d/1.toml", "[log]\n"}}));
  BOOST_REQUIRE(lines.size() == limits::config_errors_max);
  BOOST_TEST(begins(lines.front(), "t.toml:4:1: error: the peer has no `public_key`"));
  BOOST_TEST(holds(lines.back(), "more is wrong than is told here"));
  std::string keys = head;
  for (std::size_t i = 0; i < 2 * limits::config_errors_max; ++i)
    keys += "k" + std::to_string(i) + " = 1\n";
  BOOST_TEST(errors_of(parse(keys)).size() == limits::config_errors_max);
}

BOOST_AUTO_TEST_CASE(nobodys_address_is_no_address) {
  for (const std::string address : {"0.0.0.0/24", "::/64"})
    BOOST_TEST(holds(error_of(head + "addresses = [\"" + address + "\"]\n"), "nobody's address"));
}

BOOST_AUTO_TEST_CASE(lists_that_are_compared_with_others_are_bounded) {
  std::string endpoints;
  for (std::size_t i = 0; i <= limits::endpoints_per_peer_max; ++i)
    endpoints += "\"a" + std::to_string(i) + ":1\",";
  BOOST_TEST(holds(error_of(head + peer(key_a, "endpoint = [" + endpoints + "]")),
                   "lists 9; a peer has at most 8"));
  std::string addresses;
  for (std::size_t i = 0; i <= limits::addresses_max; ++i)
    addresses += "\"10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "/32\",";
  BOOST_TEST(holds(error_of(head + "addresses = [" + addresses + "]\n"),
                   "lists 257; an interface has at most 256"));
}

BOOST_AUTO_TEST_CASE(peers_share_neither_name_nor_key_nor_prefix) {
  const std::string first = head + peer(key_a, "name = \"a\"\nallowed_ips = [\"10.0.0.0/8\"]");
  BOOST_TEST(holds(error_of(first + peer(key_b, "name = \"a\"")),
                   "t.toml:10:8: error: the name `a` belongs to the peer at t.toml:4"));
  BOOST_TEST(holds(error_of(first + peer(key_a)),
                   "t.toml:9:14: error: this `public_key` belongs to the peer at t.toml:4"));
  BOOST_TEST(holds(error_of(first + peer(key_b, "allowed_ips = [\"10.0.0.0/8\"]")),
                   "t.toml:10:16: error: 10.0.0.0/8 belongs to the peer `a` at t.toml:4"));
  accepted(parse(first + peer(key_b, "allowed_ips = [\"10.0.0.0/9\"]")));
  accepted(parse(first + peer(key_b, "enabled = false\nallowed_ips = [\"10.0.0.0/8\"]")));
}

BOOST_AUTO_TEST_CASE(drop_ins_add_peers_and_nothing_else) {
  const source_file good{"d/1.toml", peer(key_a, "allowed_ips = [\"10.0.0.0/8\"]")};
  const conf::config read = accepted(parse(head, {good}));
  BOOST_REQUIRE(read.peers.size() == 1U);
  BOOST_TEST(read.peers[0].where.file == "d/1.toml");
  const std::vector<std::string> lines = errors_of(
      parse(head + "mtu = 1\n",
            {good, {"d/2.toml", "[log]\n" + peer(key_b, "allowed_ips = [\"10.0.0.0/8\"]")}}));
  BOOST_REQUIRE(lines.size() == 3U);
  BOOST_TEST(begins(lines[0], "t.toml:4:"));
  BOOST_TEST(begins(lines[1], "d/2.toml:1:2: error: unknown key `log` in a drop-in, which may"));
  BOOST_TEST(holds(lines[2], "belongs to the peer without a name at d/1.toml:1"));
}

BOOST_AUTO_TEST_CASE(drop_ins_are_those_of_the_interfaces_name) {
  std::vector<std::string> asked;
  const auto read_drop_ins = [&asked](const std::string& name) {
    asked.push_back(name);
    return drop_in_files{{{"d/1.toml", peer(key_a)}}, {{{"d/2.toml", 1, 1}, "cannot be read"}}};
  };
  const std::vector<std::string> lines =
      errors_of(parse_config({"t.toml", head + "mtu = 1\n"}, read_drop_ins, no_key_files, derive));
  BOOST_TEST(asked == std::vector<std::string>{"troupe0"}, boost::test_tools::per_element());
  BOOST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(begins(lines[0], "t.toml:4:"));
  BOOST_TEST(lines[1] == "d/2.toml:1:1: error: cannot be read");
  // A folder that belongs to no name is none.
  for (const char* name : {"", "name = \"a/b\""})
    errors_of(parse_config({"t.toml", "[interface]\n" + std::string(name)}, read_drop_ins,
                           no_key_files, derive));
  BOOST_TEST(asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(peers_without_a_name_get_a_unique_one) {
  const conf::config read =
      accepted(parse(head + peer(key_a) + peer(key_b, "name = \"AQAAAAAA…\"")));
  BOOST_TEST(read.peers[0].settings.name == key_a);
}

BOOST_AUTO_TEST_CASE(the_own_key_is_no_peers) {
  const std::string text = "t.toml:5:14: error: this is the interface's own key; give the one";
  BOOST_TEST(begins(error_of(head + peer(own_key)), text));
  BOOST_TEST(begins(error_of(head + peer(own_key, "enabled = false")), text));
  const std::vector<std::string> lines =
      errors_of(parse(head, {{"d/1.toml", peer(key_a)}, {"d/2.toml", peer(own_key)}}));
  BOOST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(begins(lines[0], "d/2.toml:2:14: error: this is the interface's own key"));
  // Without a private key it is the lack of that alone.
  BOOST_TEST(holds(error_of("[interface]\nname = \"t\"\n" + peer(own_key)), "no private key"));
}

BOOST_AUTO_TEST_SUITE_END()
