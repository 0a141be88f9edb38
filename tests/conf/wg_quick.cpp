#include "conf/wg_quick.hpp"

#include "conf/toml_text.hpp"
#include "tests/conf/same_config.hpp"
#include "tests/conf/wg_quick_texts.hpp"

using namespace troupe;
using namespace troupe::conf;

namespace {

void expect_server(const wg_quick_import& read) {
  const interface_config& interface = read.result.interface;
  BOOST_TEST(interface.name == "wg0");
  BOOST_TEST(interface.private_key.same_as(secret_key_from_base64(secret).value()));
  BOOST_TEST(interface.listen_port == 51820);
  BOOST_TEST(interface.fwmark == 0xca6cU);
  BOOST_TEST(interface.mtu == 1400U);
  BOOST_TEST((interface.routes == route_mode::automatic && !interface.table));
  expect_same(texts_of(interface.addresses), {"10.20.0.1/24", "fd20::1/64", "10.30.0.1/16"});

  BOOST_REQUIRE(read.result.peers.size() == 3U);
  const peer_config& laptop = read.result.peers[0];
  BOOST_TEST(laptop.settings.name == "laptop");
  BOOST_TEST(to_base64(laptop.settings.key) == key_a);
  BOOST_TEST(laptop.settings.preshared_key.same_as(secret_key_from_base64(secret).value()));
  expect_same(texts_of(laptop.settings.allowed_ips),
              {"10.20.0.2/32", "fd20::2/128", "192.168.7.0/24"});
  BOOST_TEST(laptop.settings.persistent_keepalive_s == 25);
  BOOST_TEST(laptop.endpoints.empty());
  BOOST_TEST(laptop.enabled);
  BOOST_TEST(laptop.where.line == 11U);

  const peer_config& phone = read.result.peers[1];
  BOOST_TEST(phone.settings.name == "phone of Zoë");
  BOOST_TEST(!phone.settings.preshared_key);
  expect_same(texts_of(phone.settings.allowed_ips), {"10.20.0.3/32"});
  BOOST_TEST(phone.endpoints.at(0).text() == "[2001:db8::7]:51820");
  BOOST_TEST(phone.settings.persistent_keepalive_s == 0);

  const peer_config& third = read.result.peers[2];
  BOOST_TEST(third.settings.name == "BAAAAAAA…");
  BOOST_TEST(third.settings.allowed_ips.empty());
  BOOST_TEST(third.endpoints.at(0).text() == "vpn.example.net:51821");
  BOOST_TEST(read.notes.empty());
}

} // namespace

BOOST_AUTO_TEST_SUITE(wg_quick)

BOOST_AUTO_TEST_CASE(a_server_with_three_peers_arrives_whole) {
  expect_server(imported(server));
}

BOOST_AUTO_TEST_CASE(line_ends_of_windows_and_a_byte_order_mark_change_nothing) {
  expect_server(imported("\xef\xbb\xbf" + replaced(server, "\n", "\r\n")));
  expect_errors("\xef\xbb\xbf[Interface]\r\nPrivateKey = " + secret + "\r\nMTU = 9\r\n",
                {"wg0.conf:3:7: error: `MTU` is `9`; it must be from 576 to 65472"});
}

BOOST_AUTO_TEST_CASE(a_client_keeps_its_default_route_and_its_commands) {
  const wg_quick_import client = imported(R"([Interface]
PrivateKey = )" + secret + R"(
Address = 10.200.100.8
DNS = 10.200.100.1, 2001:db8::53, corp.example
DNS = home.arpa
PostUp = iptables -I OUTPUT ! -o %i -j REJECT
PreDown = wg set wg0 private-key <(echo )" +
                                          secret + R"()
SaveConfig = true

[Peer]
PublicKey = )" + key_a + R"(
AllowedIPs = 10.0.0.0/8, 0.0.0.0/0, ::/0
Endpoint = demo.wireguard.com:51820
)");
  expect_same(texts_of(client.result.interface.addresses), {"10.200.100.8/32"});
  expect_same(texts_of(client.result.peers.at(0).settings.allowed_ips),
              {"10.0.0.0/8", "0.0.0.0/0", "::/0"});
  BOOST_TEST((client.result.interface.routes == route_mode::automatic));
  BOOST_TEST(client.result.interface.commands.post_up ==
             hook_list{"iptables -I OUTPUT ! -o %i -j REJECT"});
  BOOST_TEST(client.result.interface.commands.pre_down.size() == 1U);
  const std::vector<std::string> notes = lines_of(client.notes);
  expect_lines(notes, {"wg0.conf:4:1: note: `DNS`: troupe leaves name resolution alone; to set it, "
                       "add to post_up: `resolvectl dns wg0 10.200.100.1 2001:db8::53` and "
                       "`resolvectl domain wg0` with these domains",
                       "wg0.conf:5:1: note: `DNS`: troupe leaves name resolution alone; to set it, "
                       "add to post_up: `resolvectl domain wg0` with these domains",
                       "wg0.conf:7:1: note: `PreDown`: troupe runs commands by /bin/sh, and this "
                       "one looks like bash's",
                       "wg0.conf:8:1: note: `SaveConfig`: troupe never writes its file"});
  for (const std::string& note : notes)
    BOOST_TEST(note.find(secret.substr(0, 8)) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_imported_is_a_file_of_ours) {
  for (const std::string& text :
       {server, interface_head + "MTU = 1400\nTable = 7\n",
        interface_head + peer_head +
            "AllowedIPs = 10.1.2.3/8, ::/0\n[Peer]\nPublicKey = " + key_b}) {
    const conf::config imported_one = imported(text).result;
    const std::string toml = to_toml(imported_one, keys::shown);
    expect_same(accepted(parse(toml)), imported_one, toml);
  }
}

BOOST_AUTO_TEST_CASE(commands_come_in_their_order_and_within_bounds) {
  const hooks read = imported(interface_head + "PostUp = a %i\nPreUp = b\nPostUp = c; d\n"
                                               "PostDown = e # f\nPreDown =\n")
                         .result.interface.commands;
  BOOST_TEST(read.pre_up == hook_list{"b"});
  BOOST_TEST(read.post_up == (hook_list{"a %i", "c; d"}));
  BOOST_TEST(read.post_down == hook_list{"e"});
  BOOST_TEST(read.pre_down.empty());
  std::string many;
  for (std::size_t i = 0; i <= limits::hooks_max; ++i)
    many += "PreUp = x\n";
  expect_errors(interface_head + many, {"wg0.conf:67:9: error: `PreUp` has more than 64 commands"});
}

BOOST_AUTO_TEST_CASE(a_table_says_where_routes_go) {
  const auto interface = [](const std::string& lines) {
    return imported(interface_head + lines).result.interface;
  };
  BOOST_TEST(interface("Table = 1234\n").table.value() == 1234U);
  BOOST_TEST(interface("Table = main\n").table.value() == main_route_table);
  BOOST_TEST(!interface("Table = auto\n").table);
  BOOST_TEST((interface("Table = off\n").routes == route_mode::off));
  const std::string default_route = peer_head + "AllowedIPs = 0.0.0.0/0\n";
  for (const std::string table : {"off", "auto", "main", "1234"})
    BOOST_TEST(imported(interface_head + "Table = " + table + "\n" + default_route).notes.empty());
  expect_errors(interface_head + "FwMark = 0xfe\n" + default_route,
                {"wg0.conf:3:10: error: `FwMark` is 254, and the table of that number"});
}

BOOST_AUTO_TEST_CASE(host_bits_of_allowed_ips_go_as_with_wg_and_are_noted) {
  const wg_quick_import read =
      imported(interface_head + peer_head + "AllowedIPs = 10.192.124.1/24, 10.192.124.7/24\n");
  expect_same(texts_of(read.result.peers.at(0).settings.allowed_ips), {"10.192.124.0/24"});
  expect_lines(lines_of(read.notes),
               {"wg0.conf:5:14: note: 10.192.124.1/24 stands for 10.192.124.0/24 here, as for "
                "`wg`; if only that host was meant, write 10.192.124.1",
                "wg0.conf:5:31: note: 10.192.124.7/24 stands for 10.192.124.0/24"});
}

BOOST_AUTO_TEST_CASE(off_and_all_zero_stand_for_none) {
  const conf::config read = imported(interface_head + "FwMark = OFF\nListenPort = 0\n" + peer_head +
                                     "PersistentKeepalive = Off\nPresharedKey = " + zero + "\n")
                                .result;
  BOOST_TEST(read.interface.fwmark == 0U);
  BOOST_TEST(read.peers.at(0).settings.persistent_keepalive_s == 0);
  BOOST_TEST(!read.peers.at(0).settings.preshared_key);
  expect_errors("[Interface]\nPrivateKey = " + zero,
                {"wg0.conf:2:14: error: `PrivateKey` is all zero, which stands for no key"});
}

BOOST_AUTO_TEST_CASE(names_come_from_comments_before_and_in_a_peer) {
  const std::string peer_b = "[Peer]\nPublicKey = " + key_b + "\n";
  expect_same(names_in("# Name = a\n" + peer_head + "\n#name=b\n" + peer_b), {"a", "b"});
  expect_same(names_in(peer_head + "# NAME = a\n\n# Name = b\n\n" + peer_b), {"a", "b"});
  expect_same(names_in("[Peer] # Name = a\nPublicKey = " + key_a + "\n# Name = b\n" + peer_b),
              {"a", "b"});
  expect_same(
      names_in("[Peer]\nPublicKey = " + key_a + " # friendly_name = a\n" + peer_b + "# Name = b"),
      {"a", "b"});
  expect_same(names_in("# BEGIN_PEER a\n" + peer_head + "# END_PEER a\n### Client b\n" + peer_b),
              {"a", "b"});
  expect_same(names_in("### begin a ###\n" + peer_head + "### end a ###\n"), {"a"});
}

BOOST_AUTO_TEST_CASE(names_of_others_are_no_peers_names) {
  const std::string by_key = "AQAAAAAA…";
  expect_same(names_in("# Name = the interface\n\n" + peer_head), {by_key});
  expect_same(names_in("# Name = the interface\nMTU = 1420\n" + peer_head), {by_key});
  expect_same(names_in("#[Peer]\n# Name = gone\n#PublicKey = x\n" + peer_head), {by_key});
  expect_same(names_in("# a client = b\n" + peer_head), {by_key});
}

BOOST_AUTO_TEST_CASE(a_name_that_cannot_be_one_is_a_note) {
  const std::string peer_b = "[Peer]\nPublicKey = " + key_b + "\n";
  const wg_quick_import twice =
      imported(interface_head + "# Name = a\n" + peer_head + "# Name = a\n" + peer_b);
  BOOST_TEST(twice.result.peers.at(1).settings.name == "AgAAAAAA…");
  expect_lines(lines_of(twice.notes), {"wg0.conf:6:10: note: the peer is named by its key, as "
                                       "another one is called `a` already"});
  for (const std::string& bad : {secret, std::string(65, 'x'), std::string("a\x1b[m")}) {
    const wg_quick_import read = imported(interface_head + "# Name = " + bad + "\n" + peer_head);
    BOOST_TEST(read.result.peers.at(0).settings.name == "AQAAAAAA…");
    const std::vector<std::string> notes = lines_of(read.notes);
    expect_lines(notes, {"wg0.conf:3:10: note: the peer is named by its key, as this comment"});
    BOOST_TEST(notes.at(0).find(bad.substr(0, 8)) == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_interface_is_named_by_the_file) {
  const auto name = [](const std::string& path) {
    return std::get<wg_quick_import>(read(interface_head, path)).result.interface.name;
  };
  BOOST_TEST(name("/etc/wireguard/wgnet0.conf") == "wgnet0");
  BOOST_TEST(name("./a.b.conf") == "a.b");
  for (const std::string path : {"wg0.txt", "home vpn.conf", ".conf", "conf", "", "a/", "-x.conf",
                                 "default.conf", "sixteen-letters-.conf"})
    expect_lines(errors_in(interface_head, path), {path + ":1:1: error: the file's name "});
}

BOOST_AUTO_TEST_SUITE_END()
