// Any octets as a wg-quick file; what is taken is written as one again, and taken again.
#include "messages/limits.hpp"

#include "conf/wg_quick.hpp"
#include "conf/wg_quick_text.hpp"
#include "tests/fuzz/target.hpp"

#include <set>

namespace troupe::fuzz {

using namespace conf;

std::vector<octets> seeds() {
  const std::string interface =
      "[Interface]\nPrivateKey = mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=\n";
  const std::string peer = "[Peer]\nPublicKey = AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
  return {
      from_text(interface),
      from_text(interface +
                "ListenPort = 51820\nAddress = 10.20.0.1/24, fd20::1/64\nMTU = 1400\n"
                "FwMark = 0xca6c\nTable = 1234\nSaveConfig = false\n\n# Name = laptop\n" +
                peer +
                "PresharedKey = mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=\n"
                "AllowedIPs = 10.20.0.2/32, fd20::2/64\nEndpoint = [2001:db8::1]:51820\n"
                "PersistentKeepalive = 25\n"),
      from_text(interface + "DNS = 1.1.1.1, home.arpa\r\nPostUp = x %i\r\n" + peer +
                "# friendly_name=a\r\nAllowedIPs = 0.0.0.0/0\r\nEndpoint = vpn.example.net:1\r\n"),
  };
}

namespace {

using outcome = std::variant<wg_quick_import, std::vector<config_error>>;

/// A key that mutations of the seeds' peer reach easily.
public_key derive(const secret_key&) {
  public_key own;
  own.octets[0] = 2;
  return own;
}

void check_line(const std::string& line) {
  TROUPE_ASSERT(!line.empty() && std::none_of(line.begin(), line.end(), [](char letter) {
    return letter >= 0 && letter < ' ';
  }));
}

void check(const wg_quick_import& taken) {
  const public_key own = derive(taken.result.interface.private_key);
  TROUPE_ASSERT(taken.result.interface.private_key);
  TROUPE_ASSERT(taken.result.interface.mtu >= limits::mtu_min);
  std::set<public_key> keys;
  std::set<std::string> names;
  std::set<ip_prefix> prefixes;
  for (const peer_config& peer : taken.result.peers) {
    TROUPE_ASSERT(peer.settings.key != own && peer.settings.key != public_key{});
    TROUPE_ASSERT(keys.insert(peer.settings.key).second);
    TROUPE_ASSERT(!peer.settings.name.empty() && names.insert(peer.settings.name).second);
    for (const ip_prefix& prefix : peer.settings.allowed_ips)
      TROUPE_ASSERT(prefix == masked(prefix) && prefixes.insert(prefix).second);
  }
  for (const import_note& note : taken.notes)
    check_line(to_string(note));
}

void check_again(const conf::config& first) {
  const outcome again = parse_wg_quick("wg0.conf", to_wg_quick(first, keys::shown), derive);
  const wg_quick_import* const taken = std::get_if<wg_quick_import>(&again);
  TROUPE_ASSERT(taken != nullptr && taken->result.peers.size() == first.peers.size());
  TROUPE_ASSERT(taken->notes.empty());
  for (std::size_t i = 0; i < first.peers.size(); ++i) {
    const peer_settings& before = first.peers[i].settings;
    const peer_settings& after = taken->result.peers[i].settings;
    TROUPE_ASSERT(after.name == before.name && after.key == before.key);
    TROUPE_ASSERT(after.allowed_ips == before.allowed_ips);
    TROUPE_ASSERT(after.preshared_key.same_as(before.preshared_key));
    TROUPE_ASSERT(after.persistent_keepalive_s == before.persistent_keepalive_s);
  }
}

} // namespace

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe::conf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const troupe::fuzz::outcome parsed = parse_wg_quick("wg0.conf", text, troupe::fuzz::derive);
  if (const wg_quick_import* const taken = std::get_if<wg_quick_import>(&parsed)) {
    troupe::fuzz::check(*taken);
    troupe::fuzz::check_again(taken->result);
  } else {
    for (const config_error& error : std::get<std::vector<config_error>>(parsed))
      troupe::fuzz::check_line(to_string(error));
  }
  return 0;
}
