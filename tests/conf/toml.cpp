#include "conf/toml.hpp"

#include "conf/instant.hpp"
#include "tests/conf/toml_texts.hpp"

#include <array>
#include <map>

using namespace troupe;
using namespace troupe::conf;

BOOST_AUTO_TEST_SUITE(toml)

BOOST_AUTO_TEST_CASE(every_key_arrives_where_it_belongs) {
  const conf::config read = accepted(parse(every_key));
  const interface_config& interface = read.interface;
  BOOST_TEST(interface.name == "troupe0");
  BOOST_TEST(interface.private_key.same_as(secret_key_from_base64(secret).value()));
  BOOST_TEST(interface.listen_port == 51820);
  BOOST_REQUIRE(interface.addresses.size() == 2U);
  BOOST_TEST(to_string(interface.addresses[0]) == "10.20.0.1/24");
  BOOST_TEST(interface.mtu == 1400U);
  BOOST_TEST(interface.fwmark == 0xca6cU);
  BOOST_TEST((interface.routes == route_mode::off));
  BOOST_TEST(interface.table.value() == 1234U);
  BOOST_TEST(interface.commands.pre_up == hook_list{"modprobe tun"});
  BOOST_TEST(interface.commands.post_up.size() == 2U);
  BOOST_TEST(interface.commands.pre_down == hook_list{"true"});
  BOOST_TEST(interface.commands.post_down == hook_list{"iptables -D INPUT -i %i -j ACCEPT"});
  BOOST_TEST(read.tun.queues == 4U);
  BOOST_TEST(!read.tun.offload);
  BOOST_TEST(read.tun.queue_length == 500U);
  BOOST_TEST(read.udp.senders == 2U);
  BOOST_TEST(!read.udp.gso);
  BOOST_TEST(!read.udp.gro);
  BOOST_TEST(read.udp.receive_buffer == 4194304U);
  BOOST_TEST(read.udp.send_buffer == 2097152U);
  BOOST_TEST((read.tunnel.cpu == cpu_choice{pinning::fixed, 3}));
  BOOST_TEST((read.tunnel.aead == aead_kind::ipsec_mb));
  BOOST_TEST(read.credit.window == 262144U);
  BOOST_TEST((read.credit.target_delay == std::chrono::microseconds(1500)));
  BOOST_TEST((read.log.level == log_level::warn));
  BOOST_TEST((read.log.format == log_format::json));
  BOOST_TEST(read.log.target == "/var/log/troupe.log");
  BOOST_TEST((read.log.actors.at("tunnel") == log_level::trace));
  BOOST_TEST((read.log.actors.at("tun-reader/0") == log_level::debug));
  BOOST_TEST(read.admin.group == "netadmin");
  BOOST_REQUIRE(read.peers.size() == 1U);
  const peer_config& laptop = read.peers.front();
  BOOST_TEST(laptop.settings.name == "laptop");
  BOOST_TEST(to_base64(laptop.settings.key) == key_a);
  BOOST_TEST(laptop.settings.preshared_key.same_as(secret_key_from_base64(key_b).value()));
  BOOST_REQUIRE(laptop.settings.allowed_ips.size() == 3U);
  BOOST_TEST(to_string(laptop.settings.allowed_ips[2]) == "fd20::2/128");
  BOOST_TEST(laptop.endpoints.at(0).text() == "vpn.example.net:51820");
  BOOST_TEST(to_text(laptop.expires.value()) == "2027-01-01T00:00:00Z");
  BOOST_TEST(laptop.settings.persistent_keepalive_s == 25);
  BOOST_TEST(!laptop.enabled);
  BOOST_TEST(laptop.where.file == "t.toml");
  BOOST_TEST(laptop.where.line == 38U);
}

BOOST_AUTO_TEST_CASE(what_is_left_out_has_a_default) {
  const conf::config read = accepted(parse(head));
  BOOST_TEST(read.interface.listen_port == 0);
  BOOST_TEST(read.interface.mtu == 1420U);
  BOOST_TEST(read.interface.fwmark == 0U);
  BOOST_TEST((read.interface.routes == route_mode::automatic));
  BOOST_TEST(!read.interface.table.has_value());
  BOOST_TEST(read.tun.queues == 1U);
  BOOST_TEST(read.tun.offload);
  BOOST_TEST(read.udp.senders == 1U);
  BOOST_TEST(read.udp.gso);
  BOOST_TEST(read.udp.gro);
  BOOST_TEST((read.tunnel.cpu == cpu_choice{}));
  BOOST_TEST((read.tunnel.aead == aead_kind::automatic));
  BOOST_TEST(read.log.target == "stderr");
  BOOST_TEST(read.peers.empty());
}

BOOST_AUTO_TEST_CASE(numbers_may_be_words) {
  const conf::config read =
      accepted(parse(head + "fwmark = \"off\"\ntable = \"main\"\n[tunnel]\ncpu = \"none\"\n"));
  BOOST_TEST(read.interface.fwmark == 0U);
  BOOST_TEST(read.interface.table.value() == main_route_table);
  BOOST_TEST((read.tunnel.cpu == cpu_choice{pinning::none, 0}));
  const auto aead_of = [](const std::string& word) {
    return accepted(parse(head + "[tunnel]\naead = \"" + word + "\"\n")).tunnel.aead;
  };
  BOOST_TEST((aead_of("auto") == aead_kind::automatic));
  BOOST_TEST((aead_of("libgcrypt") == aead_kind::libgcrypt));
  BOOST_TEST((aead_of("libsodium") == aead_kind::libsodium));
  BOOST_TEST(accepted(parse(head + "fwmark = 4294967295\n")).interface.fwmark == 0xffffffffU);
}

BOOST_AUTO_TEST_CASE(five_mistakes_are_five_located_errors_in_order) {
  const std::vector<std::string> lines = errors_of(parse("[interface]\n"
                                                         "name = \"troupe0\"\n"
                                                         "private_key = \"" +
                                                         secret +
                                                         "\"\n"
                                                         "lisen_port = 51820\n"
                                                         "mtu = 99999\n"
                                                         "[[peer]]\n"
                                                         "public_key = \"short\"\n"
                                                         "allowed_ips = [\"10.0.0.1/24\"]\n"
                                                         "endpoint = \"nowhere\"\n"));
  BOOST_REQUIRE(lines.size() == 5U);
  BOOST_TEST(lines[0] == "t.toml:4:1: error: unknown key `lisen_port` in [interface]; did you mean "
                         "`listen_port`?");
  BOOST_TEST(lines[1] == "t.toml:5:7: error: `mtu` is 99999; it must be from 576 to 65472");
  BOOST_TEST(begins(lines[2], "t.toml:7:14: error: `public_key` has 5 characters; a key is 44"));
  BOOST_TEST(lines[3] ==
             "t.toml:8:16: error: `10.0.0.1/24` has bits set behind its length; did you "
             "mean 10.0.0.0/24 or 10.0.0.1/32?");
  BOOST_TEST(lines[4] == "t.toml:9:12: error: `endpoint` is `nowhere`; write it as HOST:PORT, "
                         "192.0.2.1:51820 or [2001:db8::1]:51820");
}

BOOST_AUTO_TEST_CASE(a_syntax_error_stands_alone) {
  const std::vector<std::string> lines =
      errors_of(parse("[interface]\nunknown = 1\nmtu = \n", {{"d.toml", "x = 1\n"}}));
  BOOST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(begins(lines[0], "t.toml:3:"));
}

BOOST_AUTO_TEST_CASE(keys_of_later_versions_are_unknown) {
  for (const char* text :
       {"[credit]\nfloor = 1", "[udp]\nreceivers = 2", "[admin]\nwrite_group = \"x\""})
    BOOST_TEST(holds(error_of(head + text), "unknown key "), text);
  BOOST_TEST(holds(error_of(head + "[log]\ntarget = \"journal\""), "absolute path"));
}

BOOST_AUTO_TEST_CASE(the_unknown_is_an_error_wherever_it_stands) {
  BOOST_TEST(holds(error_of(head + "[logs]\nlevel = \"info\""), "did you mean `log`?"));
  BOOST_TEST(holds(error_of(head + "[[peers]]\nname = \"x\""), "did you mean `peer`?"));
  BOOST_TEST(holds(error_of("mtu = 1\n" + head), "unknown key `mtu` in the file"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "allowed_ip = []")), "did you mean `allowed_ips`?"));
  BOOST_TEST(holds(error_of(head + "[log]\nactors.tunel = \"info\""), "did you mean `tunnel`?"));
  BOOST_TEST(holds(error_of(head + "[log]\nlevel = \"verbose\""), "must be one of \"trace\""));
}

BOOST_AUTO_TEST_CASE(actors_are_named_with_or_without_their_number) {
  for (const char* name :
       {"supervisor", "tun-reader", "\"tun-reader/0\"", "\"tun-writer/12\"", "\"udp-sender/3\"",
        "\"udp-receiver/v4\"", "\"udp-receiver/v6\"", "udp-receiver", "handshaker",
        "\"handshaker/1\"", "admin", "uapi", "resolver"})
    accepted(parse(head + "[log.actors]\n" + name + " = \"off\"\n"));
  for (const char* name : {"\"tunnel/0\"", "\"tun-reader/\"", "\"tun-reader/x\"", "metrics",
                           "\"udp-receiver/0\"", "\"tun-reader/0/0\""})
    BOOST_TEST(holds(error_of(head + "[log.actors]\n" + name + " = \"off\"\n"), "no actor"), name);
}

BOOST_AUTO_TEST_CASE(commands_are_one_or_several) {
  const hooks read =
      accepted(parse(head + "pre_up = \"one %i\"\npost_down = [\"a\", \"b\\nc\"]\npost_up = []\n"))
          .interface.commands;
  BOOST_TEST(read.pre_up == hook_list{"one %i"});
  BOOST_TEST(read.post_down == (hook_list{"a", "b\nc"}));
  BOOST_TEST((read.post_up.empty() && read.pre_down.empty()));
  std::string many;
  for (std::size_t i = 0; i <= limits::hooks_max; ++i)
    many += "\"x\", ";
  BOOST_TEST(holds(error_of(head + "pre_up = [" + many + "]\n"), "has more than 64 commands"));
}

BOOST_AUTO_TEST_CASE(a_mark_of_the_kernels_tables_is_wrong_only_where_it_names_a_table) {
  const std::string mark = head + "fwmark = 255\n";
  const std::string everything = "allowed_ips = [\"0.0.0.0/0\"]";
  accepted(parse(mark + peer(key_a, "allowed_ips = [\"10.0.0.0/8\"]")));
  accepted(parse(mark + peer(key_a, everything + "\nenabled = false")));
  accepted(parse(mark + "routes = \"off\"\n" + peer(key_a, everything)));
  accepted(parse(mark + "table = 7\n" + peer(key_a, everything)));
  BOOST_TEST(holds(error_of(mark + peer(key_a, everything)), "choose another mark"));
}

BOOST_AUTO_TEST_CASE(wrong_types_and_ranges_are_told) {
  // setting, where its value stands, what is said
  const std::vector<std::array<std::string, 3>> rows = {
      {"listen_port = 65536", "4:15", "from 0 to 65535"},
      {"listen_port = -1", "4:15", "from 0 to 65535"},
      {"listen_port = \"51820\"", "4:15", "must be an integer, not a string"},
      {"mtu = 575", "4:7", "from 576"},
      {"mtu = 1420.5", "4:7", "not a number with a fraction"},
      {"fwmark = \"0x100000000\"", "4:10", "32 bits"},
      {"fwmark = \"0x\"", "4:10", "32 bits"},
      {"fwmark = \"5\"", "4:10", "32 bits"},
      {"fwmark = 4294967296", "4:10", "from 0 to 4294967295"},
      {"fwmark = true", "4:10", "32 bits"},
      {"routes = \"on\"", "4:10", "one of \"off\", \"auto\""},
      {"table = 0", "4:9", "from 1"},
      {"table = \"local\"", "4:9", "\"main\""},
      {"post_up = 1", "4:11", "must be a string or an array of strings, not an integer"},
      {"post_up = [\"x\", 1]", "4:17", "must hold strings, not an integer"},
      {"pre_down = \" \"", "4:12", "holds an empty command"},
      {"pre_up = \"a\\u0000b\"", "4:10", "zero octet in it; no command has one"},
      {"post_down = \"" + std::string(limits::hook_octets_max + 1, 'x') + "\"", "4:13",
       "put it into a script"},
      {"fwmark = 254\n" + peer(key_a, "allowed_ips = [\"::/0\"]"), "4:10",
       "`fwmark` is 254, and the table of that number"},
      {"addresses = \"10.0.0.1/24\"", "4:13", "must be an array"},
      {"addresses = [1]", "4:14", "must hold strings, not an integer"},
      {"addresses = [\"10.0.0.1\"]", "4:14", "10.0.0.1/24 or the like"},
      {"addresses = [\"10.0.0.1/24\", \"10.0.0.1/32\"]", "4:29", "given twice"},
      {"addresses = [\"10.0.0.1/33\"]", "4:14", "is no address"},
      {"addresses = [\"fd00::1/64\"]\nmtu = 1279", "5:7", "at least 1280"},
      {"[tun]\nqueue_length = 0", "5:16", "from 1"},
      {"[tun]\nqueues = 0", "5:10", "from 1 to 16"},
      {"[tun]\nqueues = 17", "5:10", "from 1 to 16"},
      {"[tun]\noffload = 1", "5:11", "`offload` must be"},
      {"[udp]\nsenders = 17", "5:11", "from 1 to 16"},
      {"[udp]\ngso = \"on\"", "5:7", "`gso` must be"},
      {"[udp]\nsend_buffer = 8192", "5:15", "from 212992"},
      {"[udp]\ngro = 0", "5:7", "`gro` must be"},
      {"[tunnel]\naead = \"aes\"", "5:8", "\"libsodium\""},
      {"[tunnel]\ncpu = \"fast\"", "5:7", "\"none\""},
      {"[tunnel]\ncpu = 5000", "5:7", "from 0 to 1023"},
      {"[credit]\nwindow = 1000", "5:10", "from 65536"},
      {"[credit]\nwindow = \"large\"", "5:10", "\"auto\""},
      {"[credit]\ntarget_delay = 5", "5:16", "from \"100us\""},
      {"[credit]\ntarget_delay = \"99us\"", "5:16", "from \"100us\""},
      {"[credit]\ntarget_delay = \"2s\"", "5:16", "from \"100us\""},
      {"[credit]\ntarget_delay = \"-1ms\"", "5:16", "from \"100us\""},
      {"[credit]\ntarget_delay = \"1001ms\"", "5:16", "from \"100us\""},
      {"[admin]\ngroup = \"\"", "5:9", "name of a group"},
      {"[log]\nactors = 1", "5:10", "must be a table"},
      {"[log]\ntarget = \"x.log\"", "5:10", "absolute path"}};
  for (const auto& [setting, where, said] : rows) {
    const std::string error = error_of(head + setting + "\n");
    BOOST_TEST(begins(error, "t.toml:" + where + ": error: "), error);
    BOOST_TEST(holds(error, said), error);
  }
  BOOST_TEST(holds(error_of("udp = 1\n" + head), "`udp` must be a table"));
}

BOOST_AUTO_TEST_CASE(an_interface_needs_a_name_and_a_key) {
  BOOST_TEST(begins(error_of(""), "t.toml:1:1: error: there is no [interface]"));
  const std::vector<std::string> lines = errors_of(parse("\n[interface]\n"));
  BOOST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(begins(lines[0], "t.toml:2:1: error: [interface] has no `name`"));
  BOOST_TEST(begins(lines[1], "t.toml:2:1: error: [interface] has no private key"));
  for (const char* name : {"", "sixteen_letters_", "a/b", "a b", ".", "..", "wg\\u0000"})
    BOOST_TEST(holds(error_of("[interface]\nname = \"" + std::string(name) +
                              "\"\nprivate_key = \"" + secret + "\""),
                     "an interface has 1 to 15"));
}

BOOST_AUTO_TEST_CASE(keys_come_from_files_as_they_are_named) {
  const std::map<std::string, std::string> files = {{"keys/own", secret + "\n"},
                                                    {"keys/psk", "  " + key_b + "\r\n"},
                                                    {"keys/bad", secret + "x"},
                                                    {"keys/empty", "\n"}};
  const key_reader read_key =
      [&](const std::string& path) -> std::variant<key_text, key_unreadable> {
    if (files.count(path) == 0)
      return key_unreadable{"no such file; make it"};
    return key_text{files.at(path), path};
  };
  const std::string own = "[interface]\nname = \"t\"\nprivate_key_file = ";
  const conf::config read = accepted(parse(
      own + "\"keys/own\"\n" + peer(key_a, "preshared_key_file = \"keys/psk\""), {}, read_key));
  BOOST_TEST(read.interface.private_key.same_as(secret_key_from_base64(secret).value()));
  BOOST_TEST(read.peers[0].settings.preshared_key.same_as(secret_key_from_base64(key_b).value()));
  const auto error = [&](const std::string& path) {
    return errors_of(parse(own + "\"" + path + "\"", {}, read_key)).at(0);
  };
  BOOST_TEST(error("none") ==
             "t.toml:3:20: error: `private_key_file` `none`: no such file; make it");
  BOOST_TEST(holds(error("keys/bad"), "has 45 characters"));
  BOOST_TEST(holds(error("keys/empty"), "is empty"));
  BOOST_TEST(holds(error(""), "must be the path"));
  BOOST_TEST(!holds(error(secret), secret.substr(0, 8)));
  BOOST_TEST(holds(error_of(head + "private_key_file = \"keys/own\""), "both `private_key` and"));
}

BOOST_AUTO_TEST_CASE(no_error_repeats_a_key_wherever_it_was_put) {
  for (const std::string& wrong :
       {secret.substr(1), secret + "A", "'" + secret, secret.substr(0, 43)}) {
    for (const std::string& text :
         {"[interface]\nname = \"x\"\nprivate_key = \"" + wrong + "\"",
          "[interface]\nname = \"" + wrong + "\"\nprivate_key = \"" + secret + "\"",
          head + "private_key_file = \"" + wrong + "\"", head + "addresses = [\"" + wrong + "\"]",
          head + "fwmark = \"" + wrong + "\"", head + "routes = \"" + wrong + "\"",
          head + "\"" + wrong + "\" = 1", head + "[log]\ntarget = \"" + wrong + "\"",
          head + "[log.actors]\n\"" + wrong + "\" = \"info\"", head + peer(wrong),
          head + peer(key_a, "preshared_key = \"" + wrong + "\""),
          head + peer(key_a, "preshared_key_file = \"" + wrong + "\""),
          head + peer(key_a, "endpoint = \"" + wrong + "\""),
          head + peer(key_a, "allowed_ips = [\"" + wrong + "\"]")}) {
      const std::vector<std::string> lines = errors_of(parse(text));
      BOOST_TEST(!lines.empty(), text);
      for (const std::string& line : lines)
        for (std::size_t i = 0; i + 6 <= secret.size(); ++i)
          BOOST_TEST(!holds(line, secret.substr(i, 6)), line);
    }
  }
  BOOST_TEST(holds(error_of(head + peer(key_a, "name = \"" + secret + "\"")), "`name` is a key"));
}

BOOST_AUTO_TEST_CASE(endpoint_that_is_no_host_or_on_no_interface_is_refused) {
  for (const char* nobody : {"0.0.0.0:1", "255.255.255.255:1", "224.0.0.1:1", "[ff02::1]:1"})
    BOOST_TEST(holds(error_of(head + peer(key_a, "endpoint = \"" + std::string(nobody) + "\"")),
                     "no address of one host"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "endpoint = \"[fe80::1%no-such-if]:1\"")),
                   "an interface that is there"));
}

BOOST_AUTO_TEST_CASE(zero_keys_are_refused) {
  BOOST_TEST(
      holds(error_of("[interface]\nname = \"t\"\nprivate_key = \"" + zero + "\""), "all zero"));
  BOOST_TEST(holds(error_of(head + peer(zero)), "all zero"));
  BOOST_TEST(holds(error_of(head + peer(key_a, "preshared_key = \"" + zero + "\"")), "all zero"));
}

BOOST_AUTO_TEST_CASE(large_files_are_read_whole) {
  std::string text = head + peer(key_a, "allowed_ips = [");
  for (unsigned i = 0; i < 130'560; ++i)
    text += "\"10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
            std::to_string(i & 255) + "\",\n";
  text += "]\n";
  for (unsigned i = 0; i < 10'000; ++i) {
    public_key key;
    store_le32(key.octets.data(), i + 1000);
    text += peer(to_base64(key), "allowed_ips = [\"fd00::" + std::to_string(i % 10'000) + "\"]");
  }
  const conf::config read = accepted(parse(text));
  BOOST_TEST(read.peers.size() == 10'001U);
  BOOST_TEST(read.peers[0].settings.allowed_ips.size() == 130'560U);
}

BOOST_AUTO_TEST_CASE(a_date_that_is_no_moment_is_refused_with_the_cure) {
  for (const char* const wrong :
       {"2027-01-01T00:00:00", "2027-01-01", "00:00:00", "\"2027-01-01T00:00:00Z\"", "7"})
    BOOST_TEST(error_of(head + peer(key_a, std::string("expires = ") + wrong)) ==
               "t.toml:6:11: error: `expires` must be a date that there is, with a time and an "
               "offset, as 2027-01-01T00:00:00Z, without quotation marks; leave it out for a peer "
               "that never does");
  for (const char* const wrong : {"1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"})
    BOOST_TEST(holds(error_of(head + peer(key_a, std::string("expires = ") + wrong)),
                     "must be from 1970 to 9998, without quotation marks; leave it out"));
  for (const char* const wrong : {"2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z",
                                  "2027-01-01T24:00:00Z", "2027-01-01T00:00:00+25:00"})
    BOOST_TEST(holds(error_of(head + peer(key_a, std::string("expires = ") + wrong)),
                     "there is no such date or time; write one as 2027-01-01T00:00:00Z"));
}

BOOST_AUTO_TEST_CASE(an_endpoint_is_one_or_a_list) {
  const auto read = [](const std::string& endpoint) {
    return accepted(parse(head + peer(key_a, "endpoint = " + endpoint))).peers.at(0).endpoints;
  };
  BOOST_TEST(read("\"192.0.2.1:7\"").size() == 1);
  BOOST_TEST(read("[\"192.0.2.1:7\"]").size() == 1);
  BOOST_TEST(read("[\"b.example:7\", \"a.example:7\"]").at(0).host == "b.example");
}

BOOST_AUTO_TEST_CASE(a_list_of_endpoints_is_as_strict_as_one) {
  const auto error = [](const std::string& endpoint) {
    return error_of(head + peer(key_a, "endpoint = " + endpoint));
  };
  for (const char* const wrong : {"7", "[]"})
    BOOST_TEST(holds(error(wrong), "t.toml:6:12: error: `endpoint` must be a string, or an array"));
  BOOST_TEST(
      holds(error("[\"192.0.2.1:7\", 7]"), "t.toml:6:28: error: `endpoint` must hold strings"));
  BOOST_TEST(holds(error("[\"192.0.2.1\"]"), "write it as HOST:PORT"));
  BOOST_TEST(holds(error("[\"[::1]:7\", \"[0::1]:7\"]"), "`endpoint` has `[0::1]:7` twice"));
  std::string many = "[";
  for (int i = 0; i < 9; ++i)
    many += "\"192.0.2." + std::to_string(i) + ":7\",";
  BOOST_TEST(holds(error(many + "]"), "`endpoint` lists 9; a peer has at most 8"));
}

BOOST_AUTO_TEST_SUITE_END()
