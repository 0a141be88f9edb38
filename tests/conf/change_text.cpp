#include "conf/change_text.hpp"

#include "tests/conf/toml_texts.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::conf;

namespace {

conf::config read(const std::string& text) {
  return accepted(parse(text));
}

std::vector<std::string> changes(const std::string& before, const std::string& after) {
  std::vector<std::string> texts;
  for (const change_line& line : describe_change(read(before), read(after)))
    texts.push_back(to_string(line));
  return texts;
}

using texts = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(change_text)

BOOST_AUTO_TEST_CASE(what_is_the_same_is_not_said) {
  BOOST_TEST(changes(every_key, every_key).empty());
  BOOST_TEST(summarize({}) == "nothing");
}

BOOST_AUTO_TEST_CASE(settings_are_said_with_both_values) {
  const texts found = changes(head + "mtu = 1400\n[log]\nlevel = \"warn\"\n",
                              head + "fwmark = 7\n[tun]\nqueues = 4\nqueue_length = 9\n"
                                     "[log]\nactors.tunnel = \"trace\"\n");
  BOOST_TEST(
      found ==
          (texts{"~ interface: mtu 1400 -> 1420", "~ interface: fwmark \"0x0\" -> \"0x7\"",
                 "~ tun: queues 1 -> 4", "~ tun: queue_length default -> 9",
                 "~ log: level \"warn\" -> \"info\"", "~ log: actors.tunnel not set -> \"trace\""}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(peers_are_removed_changed_and_added) {
  const std::string laptop = "[[peer]]\nname = \"laptop\"\npublic_key = \"" + key_a + "\"\n";
  const std::string phone = "[[peer]]\nname = \"phone\"\npublic_key = \"" + key_b + "\"\n";
  BOOST_TEST(changes(head + laptop, head + phone) == (texts{"- peer laptop", "+ peer phone"}),
             boost::test_tools::per_element());
  const texts found =
      changes(head + laptop, head + laptop +
                                 "persistent_keepalive = 25\nenabled = false\n"
                                 "endpoint = \"h:1\"\nallowed_ips = [\"10.0.0.0/8\"]");
  BOOST_TEST(found == (texts{"~ peer laptop: allowed_ips [] -> [\"10.0.0.0/8\"]",
                             "~ peer laptop: persistent_keepalive default -> 25",
                             "~ peer laptop: enabled true -> false",
                             "~ peer laptop: endpoint not set -> \"h:1\""}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_key_is_another_and_never_shown) {
  const std::string peer = "[[peer]]\nname = \"laptop\"\npublic_key = \"" + key_a + "\"\n";
  const std::string with = peer + "preshared_key = \"" + key_b + "\"\n";
  const std::string other = peer + "preshared_key = \"" + secret + "\"\n";
  BOOST_TEST(changes(head + with, head + other) ==
                 (texts{"~ peer laptop: preshared_key is another"}),
             boost::test_tools::per_element());
  BOOST_TEST(changes(head + peer, head + with) ==
                 (texts{"~ peer laptop: preshared_key not set -> a key"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_key_file_with_another_key_is_a_change) {
  conf::config before = read(head);
  before.interface.private_key_file = "/own.key";
  conf::config after = before;
  after.interface.private_key = secret_key_from_base64(key_b).value();
  const std::vector<change_line> lines = describe_change(before, after);
  BOOST_REQUIRE(lines.size() == 1);
  BOOST_TEST(to_string(lines[0]) == "~ interface: private_key is another");
}

BOOST_AUTO_TEST_CASE(a_summary_counts_peers_and_names_settings) {
  const std::string laptop = "[[peer]]\nname = \"laptop\"\npublic_key = \"" + key_a + "\"\n";
  const std::string phone = "[[peer]]\nname = \"phone\"\npublic_key = \"" + key_b + "\"\n";
  BOOST_TEST(summarize(describe_change(read(head + laptop), read(head + "mtu = 1300\n" + phone))) ==
             "1 peer added, 1 peer removed; interface.mtu");
  BOOST_TEST(summarize(describe_change(read(head), read(head + laptop + phone))) ==
             "2 peers added");
}

BOOST_AUTO_TEST_CASE(endpoints_and_dates_are_said_as_the_file_has_them) {
  const std::string laptop = "name = \"laptop\"\n";
  BOOST_TEST(changes(head + peer(key_a, laptop + "endpoint = \"192.0.2.1:7\""),
                     head + peer(key_a, laptop + "endpoint = [\"192.0.2.1:7\", \"a.example:7\"]\n"
                                                 "expires = 2027-01-01T00:00:00Z")) ==
                 (texts{"~ peer laptop: endpoint \"192.0.2.1:7\" -> "
                        "[\"192.0.2.1:7\", \"a.example:7\"]",
                        "~ peer laptop: expires not set -> 2027-01-01T00:00:00Z"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
