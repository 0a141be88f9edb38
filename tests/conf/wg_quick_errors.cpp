#include "messages/limits.hpp"

#include "conf/wg_quick_text.hpp"
#include "tests/conf/wg_quick_texts.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <random>

using namespace troupe;
using namespace troupe::conf;

BOOST_AUTO_TEST_SUITE(wg_quick_errors)

BOOST_AUTO_TEST_CASE(wrong_values_are_located_all_at_once) {
  expect_errors(
      R"([Interface]
PrivateKey = short
ListenPort = 65536
FwMark = 0x100000000
Address = 10.0.0.1/24,	10.0.0.0/33, 10.0.0.1/8
DNS = 10.0.0.300
MTU = big
Table = vpn
SaveConfig = yes
[Peer]
PublicKey = )" +
          key_a.substr(0, 43) + R"(A
PresharedKey =
AllowedIPs = 10.0.0.0/8, 10.1.0.0/16x, fd00::/129
Endpoint = 2001:db8::1:51820
PersistentKeepalive = -1
[Peer]
PublicKey = )" +
          zero + R"(
Endpoint = 224.0.0.1:1
)",
      {"wg0.conf:2:14: error: `PrivateKey` has 5 characters; a key is 44 characters of base64",
       "wg0.conf:3:14: error: `ListenPort` is `65536`; it must be from 0 to 65535",
       "wg0.conf:4:10: error: `FwMark` is `0x100000000`; it must be from 0 to 4294967295 or off",
       "wg0.conf:5:24: error: `10.0.0.0/33` is no address",
       "wg0.conf:5:37: error: the address 10.0.0.1 is given twice; keep one",
       "wg0.conf:6:7: error: `10.0.0.300` is neither the address of a server nor a domain",
       "wg0.conf:7:7: error: `MTU` is `big`; it must be from 576 to 65472",
       "wg0.conf:8:9: error: `Table` is `vpn`; it must be auto, off, main or the number",
       "wg0.conf:9:14: error: `SaveConfig` is `yes`; it must be true or false",
       "wg0.conf:11:13: error: `PublicKey` does not end in one `=`",
       "wg0.conf:12:15: error: `PresharedKey` is empty",
       "wg0.conf:13:26: error: `10.1.0.0/16x` is no prefix; write it as 10.0.0.0/24",
       "wg0.conf:13:40: error: `fd00::/129` is no prefix",
       "wg0.conf:14:12: error: `Endpoint` is `2001:db8::1:51820`; write it as HOST:PORT",
       "wg0.conf:15:23: error: `PersistentKeepalive` is `-1`; it must be from 0 to 65535 seconds",
       "wg0.conf:17:13: error: `PublicKey` is all zero, which is nobody's key",
       "wg0.conf:18:12: error: `Endpoint` is `224.0.0.1:1`, which is no address of one host"});
}

BOOST_AUTO_TEST_CASE(columns_count_characters) {
  expect_errors(interface_head + "Table = ää, öü\n[Pêer] # ü\n",
                {"wg0.conf:3:9: error: `Table` is `ää, öü`",
                 "wg0.conf:4:1: error: unknown section `[Pêer]`; did you mean `[Peer]`?"});
  expect_errors(interface_head + "Address = ä 10.0.0.1/99\n",
                {"wg0.conf:3:11: error: `ä` is no address",
                 "wg0.conf:3:13: error: `10.0.0.1/99` is no address"});
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_an_error_with_the_nearest_word) {
  expect_errors(interface_head + "LisenPort = 1\n PublicKey = " + key_b +
                    "\nhello\n[Peer\nMTU = x\n" + peer_head +
                    "DNS = 1.1.1.1\nJunk = 1\n[Foo]\nBar = 1\nx\n",
                {"wg0.conf:3:1: error: unknown key `LisenPort` in [Interface]; did you mean "
                 "`ListenPort`?",
                 "wg0.conf:4:2: error: `PublicKey` belongs to [Peer], not to [Interface]",
                 "wg0.conf:5:1: error: this is neither KEY = VALUE nor [Interface] or [Peer]",
                 "wg0.conf:6:1: error: unknown section `[Peer`; did you mean `[Peer]`?",
                 "wg0.conf:10:1: error: `DNS` belongs to [Interface], not to [Peer]",
                 "wg0.conf:11:1: error: unknown key `Junk` in [Peer]",
                 "wg0.conf:12:1: error: unknown section `[Foo]`"});
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_said_where_it_belongs) {
  expect_errors("", {"wg0.conf:1:1: error: there is no [Interface]"});
  expect_errors(peer_head, {"wg0.conf:1:1: error: there is no [Interface]"});
  expect_errors("PrivateKey = " + secret + "\nMTU = 1\nx\n",
                {"wg0.conf:1:1: error: a file of wg-quick begins with [Interface]"});
  expect_errors("# x\n  [Interface]\nMTU = 1420\n[Peer]\n",
                {"wg0.conf:2:3: error: [Interface] has no `PrivateKey`",
                 "wg0.conf:4:1: error: [Peer] has no `PublicKey`"});
}

BOOST_AUTO_TEST_CASE(what_may_be_once_is_an_error_twice) {
  expect_errors(interface_head + "mtu = 1420\nMTU = 1400\n" + peer_head +
                    "Endpoint = a.example:1\n" + "Endpoint = b.example:1\n" + interface_head +
                    "MTU = 1\n" + peer_head,
                {"wg0.conf:4:1: error: `MTU` is given twice, first in line 3; keep one",
                 "wg0.conf:8:1: error: `Endpoint` is given twice, first in line 7; keep one",
                 "wg0.conf:9:1: error: a second [Interface]",
                 "wg0.conf:13:13: error: this `PublicKey` belongs to the peer in line 6; join"});
}

BOOST_AUTO_TEST_CASE(peers_share_no_prefix_and_none_is_the_interface_itself) {
  expect_errors(peer_head + "AllowedIPs = 10.0.0.0/8, 10.0.0.2\n[Peer]\nPublicKey = " + own_key +
                    "\nAllowedIPs = 10.1.2.3/8\n" + interface_head,
                {"wg0.conf:5:13: error: this is the interface's own key; give the one that",
                 "wg0.conf:6:14: error: 10.0.0.0/8 belongs to another peer, in line 3; a prefix "
                 "has one peer"});
}

BOOST_AUTO_TEST_CASE(ipv6_needs_an_mtu_of_1280) {
  expect_errors(interface_head + "MTU = 1200\nAddress = fd00::1/64\n",
                {"wg0.conf:3:7: error: `MTU` is 1200; with an IPv6 address it must be at least"});
}

BOOST_AUTO_TEST_CASE(what_is_no_text_or_too_much_is_one_error) {
  expect_errors(interface_head + "MTU = 1\n# gr\xfc\xdf\n",
                {"wg0.conf:3:7: error: `MTU`", "wg0.conf:4:5: error: not UTF-8 text; save the"});
  for (const std::string text : {"\xff\xfe[\0", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80",
                                 "\xf4\x90\x80\x80", "\xe0\x80\xaf", "\x80"})
    expect_errors(text, {"wg0.conf:1:1: error: not UTF-8 text; save the file as UTF-8"});
  expect_errors(std::string(limits::config_octets_max + 1, '\n'),
                {"wg0.conf:1:1: error: the file has 67108865 octets"});
}

BOOST_AUTO_TEST_CASE(one_peer_too_many_is_one_error) {
  std::string text = interface_head;
  for (std::uint32_t i = 1; i <= limits::peers_max + 2; ++i) {
    public_key key;
    std::memcpy(key.octets.data(), &i, sizeof i);
    key.octets.back() = 1; // nobody else's here
    text += "[Peer]\nPublicKey = " + to_base64(key) + "\n";
  }
  expect_errors(text, {"wg0.conf:131075:1: error: more than 65536 peers"});
}

BOOST_AUTO_TEST_CASE(of_many_errors_the_first_are_told) {
  std::string text = interface_head;
  for (std::size_t i = 0; i < 2 * limits::config_errors_max; ++i)
    text += "[Peer]\n";
  const std::vector<std::string> errors = errors_in(text);
  BOOST_TEST(errors.size() == limits::config_errors_max);
  BOOST_TEST(errors.back().find("more is wrong than is told here") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_error_and_no_note_gives_a_key_away) {
  const std::array<std::string, 20> words = {
      "PrivateKey", "ListenPort",   "FwMark",     "Address",    "DNS",
      "MTU",        "Table",        "PostUp",     "SaveConfig", "Foo",
      "PublicKey",  "PresharedKey", "AllowedIPs", "Endpoint",   "# Name",
      "[Foo]",      "[" + secret,   secret,       "[",          "PersistentKeepalive"};
  for (const std::string& section :
       {std::string(), interface_head, peer_head, secret + "\n", "[" + secret + "]\n"})
    for (const std::string& key : words)
      for (const std::string& value : {secret, "x" + secret, secret.substr(1), secret + "/32",
                                       secret + ":1", "[" + secret + "]:1"}) {
        const import_result parsed = read(section + key + " = " + value + "\n" + key + value);
        std::string told;
        if (const wg_quick_import* const good = std::get_if<wg_quick_import>(&parsed))
          for (const import_note& note : good->notes)
            told += to_string(note);
        else
          for (const config_error& error : std::get<std::vector<config_error>>(parsed))
            told += to_string(error);
        for (std::size_t i = 0; i + 6 <= secret.size(); ++i)
          BOOST_TEST(told.find(secret.substr(i, 6)) == std::string::npos, told);
      }
}

BOOST_AUTO_TEST_CASE(no_octets_crash_and_what_is_taken_is_whole) {
  std::mt19937 random(20261126); // NOLINT(cert-msc51-cpp): the same texts in every run
  const std::string client = interface_head + "DNS = 1.1.1.1\nTable = off\nPostUp = x\n" +
                             peer_head + "AllowedIPs = 0.0.0.0/0\n";
  std::size_t good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? server : client;
    const std::size_t changes = random() % 8;
    for (std::size_t i = 0; i < changes; ++i) {
      const std::size_t at = random() % text.size();
      const std::size_t other = random() % text.size();
      switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.insert(at, text.substr(other, random() % 80));
        break;
      case 2:
        text.erase(at, random() % 8);
        break;
      default:
        text.insert(at, 1, "\n\r#[]=,/: \t"[random() % 11]);
      }
    }
    const import_result parsed = read(text);
    if (const wg_quick_import* const taken = std::get_if<wg_quick_import>(&parsed)) {
      ++good;
      BOOST_REQUIRE(taken->result.interface.private_key);
      for (const peer_config& peer : taken->result.peers)
        BOOST_REQUIRE((peer.settings.key != public_key{} && !peer.settings.name.empty()));
      BOOST_REQUIRE(
          std::holds_alternative<wg_quick_import>(read(to_wg_quick(taken->result, keys::shown))));
    } else {
      for (const config_error& error : std::get<std::vector<config_error>>(parsed))
        BOOST_REQUIRE((error.where.line > 0 && error.where.column > 0 && !error.text.empty()));
    }
  }
  BOOST_TEST(good > 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
