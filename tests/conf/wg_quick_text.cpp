#include "conf/wg_quick_text.hpp"

#include "messages/limits.hpp"

#include "conf/wg_quick.hpp"
#include "tests/conf/same_config.hpp"
#include "tests/conf/toml_texts.hpp"

using namespace troupe;
using namespace troupe::conf;

namespace {

const std::string running_text = head + R"(listen_port = 51820
addresses = ["10.20.0.1/24", "fd20::1/64", "10.20.0.9/24"]
mtu = 1380
fwmark = 51820
table = 1234
post_up = ["a %i", "b"]
pre_down = "c"
[[peer]]
name = "laptop # 2"
public_key = ")" + key_a + R"("
preshared_key = ")" + secret + R"("
allowed_ips = ["10.20.0.2/32", "fd20::2", "192.168.7.0/24"]
endpoint = "[2001:db8::7]:51820"
persistent_keepalive = 25
[[peer]]
name = "spare"
public_key = "BQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
enabled = false
[[peer]]
public_key = ")" + key_b + R"("
)";

conf::config running() {
  return accepted(parse(running_text));
}

conf::config imported(const std::string& text) {
  const std::variant<wg_quick_import, std::vector<config_error>> parsed =
      parse_wg_quick("troupe0.conf", text, derive);
  if (const std::vector<config_error>* const errors =
          std::get_if<std::vector<config_error>>(&parsed))
    BOOST_FAIL(to_string(errors->front()));
  BOOST_TEST(std::get<wg_quick_import>(parsed).notes.empty());
  return std::get<wg_quick_import>(parsed).result;
}

peer_file_facts facts() {
  return {public_key_from_base64(own_key).value(), parse_endpoint_setting("vpn.example.net:7"),
          secret_key_from_base64(key_b).value()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(wg_quick_text)

BOOST_AUTO_TEST_CASE(a_file_of_all_reads_as_wg_quick_wants_it) {
  const std::string expected =
      R"(# Written by `troupectl export`. wg-quick names the interface as the file: troupe0.conf
[Interface]
PrivateKey = )" +
      secret + R"(
ListenPort = 51820
FwMark = 0xca6c
Address = 10.20.0.1/24, fd20::1/64, 10.20.0.9/24
MTU = 1380
Table = 1234
PostUp = a %i
PostUp = b
PreDown = c

[Peer]
# Name = laptop # 2
PublicKey = )" +
      key_a + R"(
PresharedKey = )" +
      secret + R"(
AllowedIPs = 10.20.0.2/32, fd20::2/128, 192.168.7.0/24
Endpoint = [2001:db8::7]:51820
PersistentKeepalive = 25

# Left out, as it is not enabled: spare

[Peer]
# Name = AgAAAAAA…
PublicKey = )" +
      key_b + "\n";
  BOOST_TEST(to_wg_quick(running(), keys::shown) == expected);
}

BOOST_AUTO_TEST_CASE(what_is_exported_is_imported_the_same) {
  conf::config before = running();
  const std::string text = to_wg_quick(before, keys::shown);
  before.peers.erase(before.peers.begin() + 1); // is not enabled
  expect_same(imported(text), before, text);
}

BOOST_AUTO_TEST_CASE(commands_that_wg_quick_would_cut_are_left_out_and_noted) {
  conf::config odd = running();
  odd.interface.commands.post_up = {"a # b", "c\nd", std::string(limits::hook_octets_max, 'e')};
  const std::string text = to_wg_quick(odd, keys::shown);
  BOOST_TEST(text.find("a # b") == std::string::npos);
  BOOST_TEST(text.find("\nd") == std::string::npos);
  BOOST_TEST(text.find("\n# PostUp: left out, as its command") != std::string::npos);
  odd.interface.commands.post_up.erase(odd.interface.commands.post_up.begin(),
                                       odd.interface.commands.post_up.begin() + 2);
  BOOST_TEST((imported(text).interface.commands == odd.interface.commands));
}

BOOST_AUTO_TEST_CASE(keys_are_there_only_when_asked_for) {
  const std::string text = to_wg_quick(running(), keys::left_out);
  BOOST_TEST(text.find(secret) == std::string::npos);
  BOOST_TEST(text.find("\n# PrivateKey: left out") != std::string::npos);
  BOOST_TEST(text.find("\n# PresharedKey: left out") != std::string::npos);
  BOOST_TEST(to_wg_quick(bare_config("wg0"), keys::shown)
                 .find("[Interface]\n# PrivateKey: there is none yet\nMTU = 1420\nTable = off\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_file_for_a_peer_is_the_tunnel_from_its_side) {
  const conf::config all = running();
  const std::string expected =
      R"(# For laptop # 2, a peer of troupe0. Written by `troupectl export`
[Interface]
PrivateKey = )" +
      key_b + R"(
Address = 10.20.0.2/32, fd20::2/128
MTU = 1380

[Peer]
PublicKey = )" +
      own_key + R"(
PresharedKey = )" +
      secret + R"(
AllowedIPs = 10.20.0.0/24, fd20::/64
Endpoint = vpn.example.net:7
PersistentKeepalive = 25
)";
  BOOST_TEST(peer_wg_quick(all, all.peers.at(0), facts()) == expected);
}

BOOST_AUTO_TEST_CASE(the_file_for_a_peer_is_taken_on_its_side) {
  const conf::config all = running();
  const std::string text = peer_wg_quick(all, all.peers.at(0), facts());
  const auto far_key = [](const secret_key&) { return public_key_from_base64(key_a).value(); };
  const std::variant<wg_quick_import, std::vector<config_error>> parsed =
      parse_wg_quick("laptop.conf", text, far_key);
  const conf::config& far = std::get<wg_quick_import>(parsed).result;
  BOOST_TEST(far.interface.private_key.same_as(facts().private_key));
  BOOST_REQUIRE(far.peers.size() == 1U);
  BOOST_TEST((far.peers[0].settings.key == facts().own_key));
  BOOST_TEST(far.peers[0].settings.preshared_key.same_as(all.peers[0].settings.preshared_key));
  BOOST_TEST(far.peers[0].settings.persistent_keepalive_s == 25);
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_is_a_comment_in_its_place) {
  conf::config all = running();
  all.interface.addresses.clear();
  all.interface.mtu = limits::mtu_default;
  const std::string expected = R"(# For AgAAAAAA…, a peer of troupe0. Written by `troupectl export`
[Interface]
# PrivateKey = the one that belongs to )" +
                               key_b + R"(
# Address = which? There is no single host among the peer's allowed IPs

[Peer]
PublicKey = )" + own_key + R"(
# AllowedIPs = which? The interface has no address whose network it could be
# Endpoint = HOST:51820 where this machine is reached
)";
  BOOST_TEST(peer_wg_quick(all, all.peers.at(2), {facts().own_key, {}, {}}) == expected);
}

BOOST_AUTO_TEST_SUITE_END()
