#include "conf/wg_quick_text.hpp"

#include "messages/assert.hpp"
#include "messages/limits.hpp"

#include "conf/hook_setting.hpp"
#include "conf/instant.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace troupe::conf {

namespace {

/// A text that grows to no more than it was made for, so that no key stays behind in freed memory.
class file_text {
public:
  explicit file_text(std::size_t octets_max) : octets_max_(octets_max) {
    text_.reserve(octets_max);
  }

  void line(std::string_view whole) { text_.append(whole).append("\n"); }
  void setting(std::string_view key, std::string_view value) {
    text_.append(key).append(" = ").append(value).append("\n");
  }
  void number(std::string_view key, std::uint32_t value) { setting(key, std::to_string(value)); }
  void secret(std::string_view key, const secret_key& value) {
    text_.append(key).append(" = ");
    append_secret_base64(text_, value);
    text_.append("\n");
  }
  /// Nothing for an empty list.
  void prefixes(std::string_view key, const std::vector<ip_prefix>& values) {
    if (values.empty())
      return;
    text_.append(key).append(" = ");
    for (const ip_prefix& value : values)
      text_.append(&value == &values.front() ? "" : ", ").append(to_string(value));
    text_.append("\n");
  }

  std::string take() {
    TROUPE_ASSERT(text_.size() <= octets_max_);
    return std::move(text_);
  }

private:
  std::string text_;
  std::size_t octets_max_;
};

/// No less than a section with these will have.
std::size_t section_octets_max(const std::string& name, std::size_t prefixes,
                               const endpoint_setting* endpoint) {
  constexpr std::size_t section_octets = 1024;
  constexpr std::size_t prefix_octets = 64;
  return section_octets + 4 * name.size() + prefix_octets * prefixes +
         (endpoint != nullptr ? endpoint->host.size() : 0);
}

std::string hexadecimal(std::uint32_t number) {
  std::array<char, 2 * sizeof number> digits{};
  const std::to_chars_result end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return {digits.data(), end.ptr};
}

/// What a line of wg-quick cannot say as it is: it ends with the line, or with a `#`.
void append_hook(file_text& text, const hook_kind& kind, const std::string& command) {
  if (command.find_first_of("#\n\r") != std::string::npos)
    return text.line("# " + std::string(kind.wg_quick_key) +
                     ": left out, as its command has more than one line, or a # in it");
  text.setting(kind.wg_quick_key, command);
}

std::size_t hook_octets(const hooks& of) {
  constexpr std::size_t line_octets = 96;
  std::size_t octets = 0;
  for (const hook_kind& kind : hook_kinds)
    for (const std::string& command : of.*kind.list)
      octets += line_octets + command.size();
  return octets;
}

void append_interface(file_text& text, const interface_config& from, keys how) {
  text.line("[Interface]");
  if (!from.private_key)
    text.line("# PrivateKey: there is none yet");
  else if (how == keys::shown)
    text.secret("PrivateKey", from.private_key);
  else
    text.line("# PrivateKey: left out, as it was not asked for");
  if (from.listen_port != 0)
    text.number("ListenPort", from.listen_port);
  if (from.fwmark != 0)
    text.setting("FwMark", "0x" + hexadecimal(from.fwmark));
  text.prefixes("Address", from.addresses);
  text.number("MTU", from.mtu);
  if (from.routes == route_mode::off)
    text.setting("Table", "off");
  else if (from.table)
    text.number("Table", *from.table);
  for (const hook_kind& kind : hook_kinds)
    for (const std::string& command : from.commands.*kind.list)
      append_hook(text, kind, command);
}

void append_peer(file_text& text, const peer_config& from, keys how) {
  text.line("");
  if (!from.enabled)
    return text.line("# Left out, as it is not enabled: " + from.settings.name);
  if (from.expired)
    return text.line("# Left out, as it has expired: " + from.settings.name);
  text.line("[Peer]");
  if (from.expires)
    text.line("# expires " + to_text(*from.expires) + ", which wg-quick does not know of");
  // What is a key is no name when it comes back.
  if (from.settings.name != to_base64(from.settings.key))
    text.line("# Name = " + from.settings.name);
  text.setting("PublicKey", to_base64(from.settings.key));
  if (from.settings.preshared_key && how == keys::shown)
    text.secret("PresharedKey", from.settings.preshared_key);
  else if (from.settings.preshared_key)
    text.line("# PresharedKey: left out, as it was not asked for");
  text.prefixes("AllowedIPs", from.settings.allowed_ips);
  if (!from.endpoints.empty())
    text.setting("Endpoint", from.endpoints.front().text());
  if (from.settings.persistent_keepalive_s != 0)
    text.number("PersistentKeepalive", from.settings.persistent_keepalive_s);
}

std::vector<ip_prefix> hosts_of(const std::vector<ip_prefix>& prefixes) {
  std::vector<ip_prefix> hosts;
  for (const ip_prefix& prefix : prefixes)
    if (prefix.length == prefix.address.bits())
      hosts.push_back(prefix);
  return hosts;
}

std::vector<ip_prefix> networks_of(const std::vector<ip_prefix>& addresses) {
  std::vector<ip_prefix> networks;
  for (const ip_prefix& address : addresses)
    if (std::find(networks.begin(), networks.end(), masked(address)) == networks.end())
      networks.push_back(masked(address));
  return networks;
}

/// The [Interface] of the peer's machine.
void append_far_interface(file_text& text, const config& running, const peer_config& peer,
                          const secret_key& private_key) {
  text.line("[Interface]");
  if (private_key)
    text.secret("PrivateKey", private_key);
  else
    text.line("# PrivateKey = the one that belongs to " + to_base64(peer.settings.key));
  const std::vector<ip_prefix> hosts = hosts_of(peer.settings.allowed_ips);
  if (hosts.empty())
    text.line("# Address = which? There is no single host among the peer's allowed IPs");
  text.prefixes("Address", hosts);
  // A packet that fits one end must fit the other.
  if (running.interface.mtu != limits::mtu_default)
    text.number("MTU", running.interface.mtu);
}

/// What we are to the peer.
void append_own_peer(file_text& text, const config& running, const peer_config& peer,
                     const peer_file_facts& facts) {
  text.line("[Peer]");
  text.setting("PublicKey", to_base64(facts.own_key));
  if (peer.settings.preshared_key)
    text.secret("PresharedKey", peer.settings.preshared_key);
  const std::vector<ip_prefix> networks = networks_of(running.interface.addresses);
  if (networks.empty())
    text.line("# AllowedIPs = which? The interface has no address whose network it could be");
  text.prefixes("AllowedIPs", networks);
  if (facts.own_endpoint)
    text.setting("Endpoint", facts.own_endpoint->text());
  else
    text.line("# Endpoint = HOST:" +
              (running.interface.listen_port != 0 ? std::to_string(running.interface.listen_port)
                                                  : std::string("PORT")) +
              " where this machine is reached");
  if (peer.settings.persistent_keepalive_s != 0)
    text.number("PersistentKeepalive", peer.settings.persistent_keepalive_s);
}

} // namespace

std::string to_wg_quick(const config& running, keys how) {
  const interface_config& interface = running.interface;
  std::size_t octets_max = section_octets_max(interface.name, interface.addresses.size(), nullptr) +
                           hook_octets(interface.commands);
  for (const peer_config& peer : running.peers)
    octets_max += section_octets_max(peer.settings.name, peer.settings.allowed_ips.size(),
                                     peer.endpoints.empty() ? nullptr : &peer.endpoints.front());
  file_text text(octets_max);
  text.line("# Written by `troupectl export`. wg-quick names the interface as the file: " +
            interface.name + ".conf");
  append_interface(text, interface, how);
  for (const peer_config& peer : running.peers)
    append_peer(text, peer, how);
  return text.take();
}

std::string peer_wg_quick(const config& running, const peer_config& peer,
                          const peer_file_facts& facts) {
  const std::size_t prefixes =
      peer.settings.allowed_ips.size() + running.interface.addresses.size();
  file_text text(2 * section_octets_max(peer.settings.name, prefixes,
                                        facts.own_endpoint ? &*facts.own_endpoint : nullptr));
  text.line("# For " + peer.settings.name + ", a peer of " + running.interface.name +
            ". Written by `troupectl export`");
  append_far_interface(text, running, peer, facts.private_key);
  text.line("");
  append_own_peer(text, running, peer, facts);
  return text.take();
}

} // namespace troupe::conf
