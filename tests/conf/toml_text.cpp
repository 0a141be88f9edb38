#include "conf/toml_text.hpp"

#include "conf/hook_setting.hpp"
#include "tests/conf/same_config.hpp"
#include "tests/conf/toml_texts.hpp"

#include <array>
#include <random>
#include <set>

using namespace troupe;
using namespace troupe::conf;

namespace {

void expect_round_trip(const conf::config& from) {
  const std::string text = to_toml(from, keys::shown);
  const result parsed = parse(text);
  BOOST_TEST_CONTEXT(text) {
    expect_same(from, accepted(parsed), text);
  }
}

/// Configurations that a file may hold, with more of the unusual than files have.
class maker {
public:
  explicit maker(std::uint32_t seed) : random_(seed) {}

  conf::config make() {
    conf::config result;
    interface(result.interface);
    result.tun = {seldom(1U, 16U), likely(), seldom(0U, limits::tun_queue_length_max)};
    result.udp.senders = seldom(1U, 16U);
    result.udp.gso = likely();
    result.udp.gro = likely();
    result.udp.receive_buffer = seldom(0U, limits::socket_buffer_octets_max);
    if (coin())
      result.udp.send_buffer =
          number(limits::udp_send_buffer_octets_min, limits::socket_buffer_octets_max);
    if (coin())
      result.tunnel.cpu = {pinning::fixed, number(0, limits::cpu_number_max)};
    else if (coin())
      result.tunnel.cpu = {pinning::none, 0};
    result.tunnel.aead = static_cast<aead_kind>(number(0, 3));
    if (coin())
      result.credit.window = number(limits::credit_window_min, 0xffffffff);
    if (coin())
      result.credit.target_delay = std::chrono::microseconds(number(100, 1'000'000));
    log(result.log);
    if (coin())
      result.admin.group = words(40);
    const std::uint32_t peers = number(0, 30);
    for (std::uint32_t i = 0; i < peers; ++i)
      result.peers.push_back(peer());
    return result;
  }

private:
  std::uint32_t number(std::uint32_t min, std::size_t max) {
    return std::uniform_int_distribution<std::uint32_t>(min,
                                                        static_cast<std::uint32_t>(max))(random_);
  }
  bool coin() { return number(0, 1) == 0; }
  bool likely() { return number(0, 3) != 0; }
  std::uint32_t seldom(std::uint32_t standard, std::uint32_t max) {
    return coin() ? standard : number(std::max(standard, 1U), max);
  }
  template <std::size_t N>
  std::string any_of(const std::array<const char*, N>& all) {
    return all.at(number(0, N - 1));
  }

  /// Printing text, all of which a name may hold.
  std::string letters(std::size_t octets_max) {
    static constexpr std::array<const char*, 28> all = {
        "a", "Z", "0", "\"",     "\\",     "'", " ",          "#",         "=",       "[",
        "]", "{", "}", ",",      ".",      "%", "\\n",        "/",         "\\u0041", "\"\"\"",
        "ü", "ß", "€", "\u00a0", "\u2028", "…", "\U0001f9ea", "\U0010ffff"};
    std::string text = any_of(all);
    for (std::uint32_t left = number(0, 20); left != 0; --left)
      if (const std::string more = any_of(all); text.size() + more.size() <= octets_max)
        text += more;
    return text;
  }

  /// With control characters, as paths and groups may have them, but never zero.
  std::string words(std::size_t octets_max) {
    std::string text = letters(octets_max);
    for (std::uint32_t left = number(0, 4); left != 0; --left)
      text += likely() ? static_cast<char>(number(1, 31)) : '\x7f';
    return text + letters(octets_max);
  }

  secret_key secret() {
    return secret_key::make([this](std::span<std::uint8_t, key_octets> octets) {
      for (std::uint8_t& octet : octets)
        octet = static_cast<std::uint8_t>(number(0, 255));
    });
  }

  ip_address address() {
    byte_array<16> octets{};
    for (std::uint8_t& octet : octets)
      octet = coin() ? std::uint8_t{0} : static_cast<std::uint8_t>(number(0, 255));
    if (number(0, 9) == 0)
      std::fill_n(octets.begin() + 10, 2, std::uint8_t{0xff});
    return coin() ? make_ipv4(octets.data()) : make_ipv6(octets.data());
  }

  ip_prefix any_prefix(std::uint32_t length_min) {
    const ip_address where = address();
    return {where, static_cast<std::uint8_t>(number(length_min, where.bits()))};
  }

  void interface(interface_config& result) {
    result.name = any_of(std::array{"t", "troupe0", "_=+.-", "fifteen.letters"});
    result.private_key = secret();
    result.listen_port = static_cast<std::uint16_t>(number(0, 65535));
    std::set<ip_address> taken = {{{}, ip_family::v4}, {{}, ip_family::v6}}; // by nobody
    for (std::uint32_t left = number(0, 8); left != 0; --left)
      if (const ip_prefix own = any_prefix(0); taken.insert(own.address).second)
        result.addresses.push_back(own);
    if (coin())
      result.mtu = number(result.addresses.empty() ? limits::mtu_min : 1280, limits::mtu_max);
    if (coin())
      result.fwmark = number(256, 0xffffffff);
    for (const hook_kind& kind : hook_kinds)
      for (std::uint32_t left = number(0, 2); left != 0; --left)
        (result.commands.*kind.list).push_back("x" + words(100));
    result.routes = coin() ? route_mode::off : route_mode::automatic;
    if (coin())
      result.table = coin() ? main_route_table : number(1, 0xffffffff);
  }

  void log(log_config& result) {
    result.level = static_cast<log_level>(number(0, 5));
    result.format = static_cast<log_format>(number(0, 1));
    if (coin())
      result.target = "/" + words(100);
    for (std::uint32_t left = number(0, 4); left != 0; --left)
      result.actors[any_of(std::array{"tunnel", "tun-reader", "tun-writer/12", "udp-sender/3",
                                      "udp-receiver/v6", "uapi"})] =
          static_cast<log_level>(number(0, 5));
  }

  endpoint_setting remote() {
    const std::string port = ":" + std::to_string(number(1, 65535));
    if (coin())
      return parse_endpoint_setting(
                 any_of(std::array{"vpn.example.net", "Rooted.example.", "a_b-c", "x", "192.0.2.7",
                                   "[2001:DB8:0::1]", "[::ffff:192.0.2.1]", "[fe80::1%lo]",
                                   "[fe80::0:1%4294967295]", "[fe80::1%0]"}) +
                 port)
          .value();
    endpoint where{address(), static_cast<std::uint16_t>(number(1, 65535)), 0};
    where.address.octets[0] = static_cast<std::uint8_t>(number(1, 223));
    if (where.address.family == ip_family::v6 && coin())
      where.scope_id = number(1, 0xffffffff);
    return literal_endpoint(where); // as UAPI brings them
  }

  peer_config peer() {
    peer_config result;
    peer_settings& settings = result.settings;
    result.enabled = likely();
    if (coin()) // up to the end of 9998
      result.expires = std::chrono::sys_seconds(std::chrono::seconds(
          std::uint64_t{number(0, 0xffffffff)} * 253'370'764'799 / 0xffffffff));
    while (settings.name.empty() || !names_.insert(settings.name).second)
      settings.name = letters(limits::peer_name_octets_max);
    for (std::uint8_t& octet : settings.key.octets)
      octet = static_cast<std::uint8_t>(number(0, 255));
    if (coin())
      settings.preshared_key = secret();
    for (std::uint32_t left = coin() ? number(0, 3) : number(0, 12); left != 0; --left) {
      const ip_prefix next = masked(any_prefix(0));
      if (!result.enabled || prefixes_.insert(next).second)
        settings.allowed_ips.push_back(next);
    }
    if (coin())
      settings.persistent_keepalive_s = static_cast<std::uint16_t>(number(0, 65535));
    for (std::uint32_t left = coin() ? number(0, limits::endpoints_per_peer_max) : 1; left != 0;
         --left) {
      const endpoint_setting next = remote();
      const bool known =
          std::any_of(result.endpoints.begin(), result.endpoints.end(),
                      [&](const endpoint_setting& each) { return same_endpoint(each, next); });
      if (!known)
        result.endpoints.push_back(next);
    }
    return result;
  }

  std::mt19937 random_;
  std::set<std::string> names_;
  std::set<ip_prefix> prefixes_; // of enabled peers
};

} // namespace

BOOST_AUTO_TEST_SUITE(toml_text)

BOOST_AUTO_TEST_CASE(every_key_is_written_in_the_order_of_the_table) {
  const conf::config read = accepted(parse(every_key));
  BOOST_TEST(to_toml(read, keys::shown) == R"([interface]
name = "troupe0"
private_key = ")" + secret + R"("
listen_port = 51820
addresses = ["10.20.0.1/24", "fd20::1/64"]
mtu = 1400
fwmark = "0xca6c"
routes = "off"
table = 1234
pre_up = ["modprobe tun"]
post_up = [
  "iptables -A INPUT -i %i -j ACCEPT",
  "resolvectl dns %i 10.20.0.53",
]
pre_down = ["true"]
post_down = ["iptables -D INPUT -i %i -j ACCEPT"]

[tun]
queues = 4
offload = false
queue_length = 500

[udp]
senders = 2
gso = false
gro = false
receive_buffer = 4194304
send_buffer = 2097152

[tunnel]
cpu = 3
aead = "ipsec-mb"

[credit]
window = 262144
target_delay = "1500us"

[log]
level = "warn"
actors."tun-reader/0" = "debug"
actors.tunnel = "trace"
format = "json"
target = "/var/log/troupe.log"

[admin]
group = "netadmin"

[[peer]]
name = "laptop"
public_key = ")" + key_a + R"("
preshared_key = ")" + key_b + R"("
allowed_ips = ["10.20.0.2/32", "0.0.0.0/0", "fd20::2/128"]
endpoint = ["vpn.example.net:51820", "[2001:db8::1]:7"]
persistent_keepalive = 25
enabled = false
expires = 2027-01-01T00:00:00Z
)");
  expect_round_trip(read);
}

BOOST_AUTO_TEST_CASE(defaults_are_not_written) {
  BOOST_TEST(to_toml(accepted(parse(head + peer(key_a, "name = \"a\""))), keys::shown) ==
             head + "listen_port = 0\naddresses = []\nmtu = 1420\n\n" +
                 "[[peer]]\nname = \"a\"\npublic_key = \"" + key_a + "\"\n");
}

BOOST_AUTO_TEST_CASE(random_configurations_come_back_the_same) {
  constexpr std::uint32_t rounds = 300;
  for (std::uint32_t seed = 0; seed < rounds; ++seed)
    expect_round_trip(maker(seed).make());
}

BOOST_AUTO_TEST_CASE(many_keys_are_shown_in_a_text_that_never_moves) {
  conf::config large = accepted(parse(head));
  for (std::uint32_t i = 1000; i < 6000; ++i) {
    peer_config& added = large.peers.emplace_back();
    store_le32(added.settings.key.octets.data(), i);
    added.settings.name = std::to_string(i);
    added.settings.preshared_key = secret_key::copy_of(added.settings.key.octets);
  }
  expect_same(large, accepted(parse(to_toml(large, keys::shown))), "5000 peers");
}

BOOST_AUTO_TEST_CASE(what_a_daemon_keeps_has_keys_and_where_they_came_from) {
  conf::config from = accepted(parse(every_key));
  from.interface.private_key_file = "/etc/troupe/troupe0.key";
  from.peers[0].preshared_key_file = "/etc/troupe/laptop.psk";
  source_file kept{"t.toml", to_toml(from, keys::shown_with_files)};
  const auto read = [&kept] {
    return parse_config(
        kept, [](const std::string&) { return drop_in_files{}; }, no_key_files, derive);
  };
  BOOST_TEST(errors_of(read()).size() == 2U);
  kept.kept_by_daemon = true;
  expect_same(from, accepted(read()), kept.text);
}

BOOST_AUTO_TEST_CASE(without_keys_a_comment_stands_for_each_and_no_part_of_one) {
  const conf::config whole = accepted(parse(every_key));
  const std::string text = to_toml(whole, keys::left_out);
  for (const std::string& hidden : {secret, key_b, revealed(whole.interface.private_key),
                                    revealed(whole.peers[0].settings.preshared_key)}) {
    constexpr std::size_t part = 8;
    for (std::size_t i = 0; i + part <= hidden.size(); ++i)
      if (const std::string piece = hidden.substr(i, part); piece.find_first_not_of("0A=") < part)
        BOOST_TEST(!holds(text, piece), text);
  }
  const std::string comment = "# private_key is not shown\n";
  BOOST_TEST(holds(text, comment));
  BOOST_TEST(holds(text, "# preshared_key is not shown\n"));
  BOOST_TEST(holds(error_of(text), "[interface] has no private key"));

  std::string completed = text;
  completed.replace(completed.find(comment), comment.size(), "private_key = \"" + secret + "\"\n");
  conf::config keyless = whole;
  keyless.peers[0].settings.preshared_key = {};
  expect_same(accepted(parse(completed)), keyless, completed);
}

BOOST_AUTO_TEST_CASE(an_interface_that_waits_for_its_key_says_so) {
  const conf::config bare = bare_config("troupe0");
  const std::string text = "[interface]\nname = \"troupe0\"\n# there is no private_key\n"
                           "listen_port = 0\naddresses = []\nmtu = 1420\nroutes = \"off\"\n";
  BOOST_TEST(to_toml(bare, keys::shown) == text);
  BOOST_TEST(to_toml(bare, keys::left_out) == text);
}

BOOST_AUTO_TEST_CASE(peers_that_nobody_named_keep_the_names_they_have) {
  const std::string twin = key_a.substr(0, 8) + "B" + key_a.substr(9);
  conf::config read = accepted(parse(head + peer(twin) + peer(key_a) + peer(key_b)));
  BOOST_TEST(read.peers[0].settings.name == "AQAAAAAA…");
  BOOST_TEST(read.peers[1].settings.name == key_a);
  expect_round_trip(read);
  std::swap(read.peers[0], read.peers[1]);
  expect_round_trip(read);
  BOOST_TEST(!holds(to_toml(read, keys::shown), "name = \"" + key_a));
}

BOOST_AUTO_TEST_CASE(strings_are_escaped_as_toml_wants_them) {
  conf::config odd = accepted(parse(head));
  odd.log.target = "/\"\\\b\t\n\f\r\x01\x1f\x7fü…'";
  const std::string text = to_toml(odd, keys::left_out);
  BOOST_TEST(holds(text, R"(target = "/\"\\\b\t\n\f\r\u0001\u001f\u007fü…')"), text);
  expect_round_trip(odd);
}

BOOST_AUTO_TEST_CASE(more_than_four_prefixes_stand_below_each_other) {
  const auto listed = [](const std::string& prefixes) {
    const std::string setting = "allowed_ips = [" + prefixes + "]";
    const std::string text = to_toml(accepted(parse(head + peer(key_a, setting))), keys::left_out);
    return text.substr(text.find("allowed_ips"));
  };
  const std::string four = "\"10.0.0.1/32\", \"10.0.0.2/32\", \"10.0.0.3/32\", \"10.0.0.4/32\"";
  BOOST_TEST(listed(four) == "allowed_ips = [" + four + "]\n");
  BOOST_TEST(listed(four + ", \"fd00::/64\"") ==
             "allowed_ips = [\n  \"10.0.0.1/32\",\n  \"10.0.0.2/32\",\n  \"10.0.0.3/32\",\n"
             "  \"10.0.0.4/32\",\n  \"fd00::/64\",\n]\n");
}

BOOST_AUTO_TEST_CASE(settings_with_several_spellings_have_one) {
  const auto text_of = [](const std::string& settings) {
    return to_toml(accepted(parse(head + settings)), keys::left_out);
  };
  BOOST_TEST(holds(text_of("table = 254"), "table = \"main\"\n"));
  BOOST_TEST(holds(text_of("post_up = \"x\""), "post_up = [\"x\"]\n"));
  BOOST_TEST(holds(text_of("pre_up = [\"x\", \"y\"]"), "pre_up = [\n  \"x\",\n  \"y\",\n]\n"));
  BOOST_TEST(holds(text_of("fwmark = 51820"), "fwmark = \"0xca6c\"\n"));
  BOOST_TEST(holds(text_of("[tunnel]\ncpu = \"none\""), "cpu = \"none\"\n"));
  BOOST_TEST(holds(text_of("[tunnel]\ncpu = 0"), "cpu = 0\n"));
  BOOST_TEST(holds(text_of("[credit]\ntarget_delay = \"5000us\""), "target_delay = \"5ms\"\n"));
  for (const std::string same : {"fwmark = \"off\"", "table = \"auto\"", "routes = \"auto\"",
                                 "[credit]\nwindow = \"auto\"", "[credit]\ntarget_delay = \"4ms\"",
                                 "[tunnel]\ncpu = \"auto\"", "[udp]\nreceive_buffer = 0", "[log]"})
    BOOST_TEST(text_of(same) == text_of(""));
}

BOOST_AUTO_TEST_SUITE_END()
