// wg-quick files as texts, and what becomes of them.
#pragma once

#include "conf/wg_quick.hpp"
#include "tests/conf/toml_texts.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::conf {

using import_result = std::variant<wg_quick_import, std::vector<config_error>>;

inline const std::string interface_head = "[Interface]\nPrivateKey = " + secret + "\n"; // two lines
inline const std::string peer_head = "[Peer]\nPublicKey = " + key_a + "\n";             // two lines

inline import_result read(std::string_view text, const std::string& path = "wg0.conf") {
  return parse_wg_quick(path, text, derive);
}

inline wg_quick_import imported(std::string_view text) {
  import_result parsed = read(text);
  if (const std::vector<config_error>* const errors =
          std::get_if<std::vector<config_error>>(&parsed))
    BOOST_FAIL(to_string(errors->front()));
  return std::get<wg_quick_import>(parsed);
}

inline std::vector<std::string> lines_of(const std::vector<import_note>& notes) {
  std::vector<std::string> lines;
  for (const import_note& note : notes)
    lines.push_back(to_string(note));
  return lines;
}

inline std::vector<std::string> errors_in(std::string_view text,
                                          const std::string& path = "wg0.conf") {
  const import_result parsed = read(text, path);
  std::vector<std::string> lines;
  if (const std::vector<config_error>* const errors =
          std::get_if<std::vector<config_error>>(&parsed))
    for (const config_error& error : *errors)
      lines.push_back(to_string(error));
  return lines;
}

inline void expect_lines(const std::vector<std::string>& found,
                         const std::vector<std::string>& starts) {
  BOOST_TEST(found.size() == starts.size());
  for (std::size_t i = 0; i < std::min(found.size(), starts.size()); ++i)
    BOOST_TEST(found[i].substr(0, starts[i].size()) == starts[i]);
  for (std::size_t i = starts.size(); i < found.size(); ++i)
    BOOST_ERROR(found[i]);
}

/// The beginnings of all errors of a text.
inline void expect_errors(std::string_view text, const std::vector<std::string>& starts) {
  expect_lines(errors_in(text), starts);
}

inline std::vector<std::string> texts_of(const std::vector<ip_prefix>& prefixes) {
  std::vector<std::string> texts;
  for (const ip_prefix& prefix : prefixes)
    texts.push_back(to_string(prefix));
  return texts;
}

inline std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  for (const peer_config& peer : imported(interface_head + text).result.peers)
    names.push_back(peer.settings.name);
  return names;
}

inline void expect_same(const std::vector<std::string>& left,
                        const std::vector<std::string>& right) {
  BOOST_TEST(left == right, boost::test_tools::per_element());
}

inline std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

inline const std::string server = R"(# The office
[Interface]
Address = 10.20.0.1/24, fd20::1/64
Address = 10.30.0.1/16
ListenPort = 51820
PrivateKey = )" + secret + R"( # keep it
FwMark = 0xca6c
MTU = 1400

# Name = laptop
[Peer]
PublicKey = )" + key_a + R"(
PresharedKey = )" + secret +
                                  R"(
AllowedIPs = 10.20.0.2/32,fd20::2/128
AllowedIPs = 192.168.7.0/24
PersistentKeepalive = 25

[Peer]
# friendly_name=phone of Zoë
publickey=)" + key_b + R"(
allowedips = 10.20.0.3
endpoint = [2001:db8::7]:51820
persistentkeepalive = off

[Peer]
PublicKey = BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
AllowedIPs =
Endpoint = vpn.example.net:51821
)";

} // namespace troupe::conf
