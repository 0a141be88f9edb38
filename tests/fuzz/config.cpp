// Any octets as configuration files: the main file, and behind each zero octet a drop-in.
#include "messages/limits.hpp"

#include "conf/toml.hpp"
#include "tests/fuzz/target.hpp"

#include <set>

namespace troupe::fuzz {

using namespace conf;

std::vector<octets> seeds() {
  const std::string interface =
      "[interface]\nname = \"troupe0\"\nprivate_key_file = \"good.key\"\n";
  const std::string peer =
      "[[peer]]\npublic_key = \"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
  return {
      from_text(interface),
      from_text(interface + peer + "allowed_ips = [\"10.0.0.2/32\", \"fd00::/64\"]\n"),
      from_text(interface +
                "listen_port = 51820\naddresses = [\"10.20.0.1/24\"]\nmtu = 1420\n"
                "fwmark = 0x10\nroutes = \"off\"\ntable = \"auto\"\n"
                "pre_up = \"x %i\"\npost_down = [\"y\", \"z\"]\n"
                "[tun]\nqueue_length = 500\n[udp]\nsenders = 2\n"
                "receive_buffer = 4194304\nsend_buffer = 1048576\n"
                "[tunnel]\ncpu = 3\n"
                "[log]\nlevel = \"info\"\nformat = \"json\"\ntarget = \"stderr\"\n"
                "actors.tunnel = \"trace\"\n[admin]\ngroup = \"wheel\"\n" +
                peer +
                "name = \"laptop\"\npreshared_key_file = \"missing.key\"\n"
                "endpoint = \"vpn.example.net:51820\"\npersistent_keepalive = 25\n"
                "enabled = false\n"),
      from_text(interface + '\0' + peer + "endpoint = \"[2001:db8::1]:51820\"\n" + '\0' + peer),
      from_text(interface + "x = [[[1, 2], {a.b = \"\"\"c\"\"\"}]]\ny = 1979-05-27T07:32:00Z\n"),
  };
}

namespace {

std::variant<key_text, key_unreadable> read_key(const std::string& path) {
  if (path == "good.key")
    return key_text{"mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=\n", path};
  return key_unreadable{"no such file"};
}

/// A key that mutations of the seeds' peer reach easily.
public_key derive(const secret_key&) {
  public_key own;
  own.octets[0] = 2;
  return own;
}

/// Leaves the main file's text in `text`.
std::vector<source_file> split_drop_ins(octets& text) {
  std::vector<source_file> drop_ins;
  const octets::iterator main_end = std::find(text.begin(), text.end(), std::uint8_t{0});
  for (octets::iterator at = main_end; at != text.end();) {
    const octets::iterator end = std::find(at + 1, text.end(), std::uint8_t{0});
    drop_ins.push_back({"drop-in-" + std::to_string(drop_ins.size()), {at + 1, end}});
    at = end;
  }
  text.erase(main_end, text.end());
  return drop_ins;
}

void check(const conf::config& accepted) {
  const public_key own = derive(accepted.interface.private_key);
  TROUPE_ASSERT(accepted.interface.mtu >= limits::mtu_min);
  TROUPE_ASSERT(accepted.interface.mtu <= limits::mtu_max);
  TROUPE_ASSERT(accepted.interface.private_key);
  std::set<public_key> keys;
  std::set<std::string> names;
  std::set<ip_prefix> prefixes;
  for (const peer_config& peer : accepted.peers) {
    TROUPE_ASSERT(peer.settings.key != own);
    TROUPE_ASSERT(keys.insert(peer.settings.key).second);
    TROUPE_ASSERT(!peer.settings.name.empty() && names.insert(peer.settings.name).second);
    for (const ip_prefix& prefix : peer.settings.allowed_ips) {
      TROUPE_ASSERT(prefix == masked(prefix));
      TROUPE_ASSERT(!peer.enabled || prefixes.insert(prefix).second);
    }
  }
}

void check(const std::vector<config_error>& errors) {
  TROUPE_ASSERT(!errors.empty());
  for (const config_error& error : errors) {
    TROUPE_ASSERT(!error.text.empty());
    const std::string line = to_string(error);
    TROUPE_ASSERT(std::none_of(line.begin(), line.end(),
                               [](char letter) { return letter >= 0 && letter < ' '; }));
  }
}

} // namespace

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe::conf;
  troupe::fuzz::octets rest(data, data + size);
  const drop_in_files drop_ins{troupe::fuzz::split_drop_ins(rest), {}};
  const auto read_drop_ins = [&drop_ins](const std::string&) { return drop_ins; };
  const source_file main{"main.toml", {rest.begin(), rest.end()}};
  const std::variant<config, std::vector<config_error>> parsed =
      parse_config(main, read_drop_ins, troupe::fuzz::read_key, troupe::fuzz::derive);
  if (const config* const accepted = std::get_if<config>(&parsed))
    troupe::fuzz::check(*accepted);
  else
    troupe::fuzz::check(std::get<std::vector<config_error>>(parsed));
  return 0;
}
