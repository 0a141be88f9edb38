// Configurations as texts, and what becomes of them.
#pragma once

#include "messages/keys.hpp"

#include "conf/toml.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <variant>
#include <vector>

namespace troupe::conf {

inline const std::string secret = "mDIYPpnBoVVWuuEWVRoXrY7TYPMpS01Vc6mVm5ZTI0s=";
inline const std::string key_a = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
inline const std::string key_b = "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// The public key of `secret`, as far as these tests know.
inline const std::string own_key = "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
inline const std::string zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
inline const std::string head =
    "[interface]\nname = \"troupe0\"\nprivate_key = \"" + secret + "\"\n"; // three lines

/// Each with another value than its default.
inline const std::string every_key = R"([interface]
name = "troupe0"
private_key = ")" + secret + R"("
listen_port = 51820
addresses = ["10.20.0.1/24", "fd20::1/64"]
mtu = 1400
fwmark = "0xca6c"
routes = "off"
table = 1234
pre_up = "modprobe tun"
post_up = ["iptables -A INPUT -i %i -j ACCEPT", "resolvectl dns %i 10.20.0.53"]
pre_down = ["true"]
post_down = "iptables -D INPUT -i %i -j ACCEPT"
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
format = "json"
target = "/var/log/troupe.log"
actors.tunnel = "trace"
actors."tun-reader/0" = "debug"
[admin]
group = "netadmin"
[[peer]]
name = "laptop"
public_key = ")" + key_a + R"("
preshared_key = ")" + key_b + R"("
allowed_ips = ["10.20.0.2/32", "0.0.0.0/0", "fd20::2"]
endpoint = ["vpn.example.net:51820", "[2001:db8::1]:7"]
persistent_keepalive = 25
enabled = false
expires = 2027-01-01T01:00:00+01:00
)";

using result = std::variant<conf::config, std::vector<config_error>>;

inline std::variant<key_text, key_unreadable> no_key_files(const std::string&) {
  return key_unreadable{"no such file; make it with `troupectl genkey`"};
}

/// Whatever the private key is.
inline public_key derive(const secret_key&) {
  return public_key_from_base64(own_key).value();
}

inline result parse(const std::string& text, const std::vector<source_file>& drop_ins = {},
                    const key_reader& read_key = no_key_files) {
  const auto read_drop_ins = [&drop_ins](const std::string&) {
    return drop_in_files{drop_ins, {}};
  };
  return parse_config({"t.toml", text}, read_drop_ins, read_key, derive);
}

inline conf::config accepted(const result& parsed) {
  if (const std::vector<config_error>* const errors =
          std::get_if<std::vector<config_error>>(&parsed))
    BOOST_FAIL(to_string(errors->front()));
  return std::get<conf::config>(parsed);
}

inline std::vector<std::string> errors_of(const result& parsed) {
  std::vector<std::string> lines;
  if (const std::vector<config_error>* const errors =
          std::get_if<std::vector<config_error>>(&parsed))
    for (const config_error& error : *errors)
      lines.push_back(to_string(error));
  return lines;
}

/// The only error, for texts that have one.
inline std::string error_of(const std::string& text) {
  const std::vector<std::string> lines = errors_of(parse(text));
  BOOST_TEST(lines.size() == 1U, text);
  return lines.empty() ? "" : lines.front();
}

inline bool begins(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string peer(const std::string& key, const std::string& rest = "") {
  return "[[peer]]\npublic_key = \"" + key + "\"\n" + rest + "\n";
}

} // namespace troupe::conf
