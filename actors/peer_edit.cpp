#include "actors/peer_edit.hpp"

#include "messages/keys.hpp"

#include "conf/instant.hpp"
#include "conf/wording.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

/// What is wrong, as an exception within this file: each setting is one line above.
struct misuse {
  std::string text;
};

const std::string& text_of(const json& params, const char* key) {
  const json& value = params.at(key);
  if (!value.is_string())
    throw misuse{std::string(key) + " must be a text"};
  return value.get_ref<const std::string&>();
}

public_key key_of(const json& params, const char* key) {
  const std::string& text = text_of(params, key);
  const std::optional<public_key> found = public_key_from_base64(text);
  if (!found)
    throw misuse{std::string(key) + " " + conf::key_fault(text)};
  return *found;
}

std::vector<ip_prefix> prefixes_of(const json& params) {
  const json& list = params["allowed_ips"];
  if (!list.is_array())
    throw misuse{"allowed_ips must be a list"};
  std::vector<ip_prefix> result;
  for (const json& each : list) {
    const std::optional<ip_prefix> prefix =
        each.is_string() ? parse_ip_prefix(each.get_ref<const std::string&>()) : std::nullopt;
    if (!prefix)
      throw misuse{(each.is_string() ? conf::shown(each.get_ref<const std::string&>())
                                     : std::string("an allowed_ip")) +
                   " is no prefix; write it as 10.0.0.0/24 or fd00::/64"};
    result.push_back(*prefix);
  }
  return result;
}

conf::endpoint_setting endpoint_of(const json& given) {
  if (!given.is_string())
    throw misuse{"endpoint must be a text, or a list of texts"};
  const std::string& text = given.get_ref<const std::string&>();
  const std::optional<conf::endpoint_setting> read = conf::parse_endpoint_setting(text);
  if (const std::string_view fault = conf::endpoint_fault(text, read); !fault.empty())
    throw misuse{"endpoint is " + conf::shown(text) + std::string(fault)};
  return *read;
}

/// "" takes them away. How many there may be, a file may say.
void set_endpoints(const json& params, conf::peer_config& peer) {
  const json& given = params["endpoint"];
  peer.endpoints.clear();
  if (given.is_array())
    std::transform(given.begin(), given.end(), std::back_inserter(peer.endpoints), endpoint_of);
  else if (given != "")
    peer.endpoints.push_back(endpoint_of(given));
}

/// "" takes it away.
void set_preshared_key(json& params, conf::peer_config& peer) {
  peer.preshared_key_file.clear();
  const std::string& text = text_of(params, "preshared_key");
  const std::optional<secret_key> key = secret_key_from_base64(text);
  if (!text.empty() && !key)
    throw misuse{"preshared_key " + conf::key_fault(text)};
  peer.settings.preshared_key = key.value_or(secret_key{});
  wipe(params["preshared_key"].get_ref<std::string&>());
}

void set_keepalive(const json& params, conf::peer_config& peer) {
  const json& value = params["persistent_keepalive"];
  constexpr int most = std::numeric_limits<std::uint16_t>::max();
  if (!value.is_number_integer() || value < 0 || value > most)
    throw misuse{"persistent_keepalive must be a number of seconds from 0 to " +
                 std::to_string(most)};
  peer.settings.persistent_keepalive_s = value.get<std::uint16_t>();
}

/// "never" takes it away.
void set_expires(const json& params, conf::peer_config& peer) {
  const std::string& text = text_of(params, "expires");
  peer.expires = conf::parse_instant(text);
  if (text == "never")
    return;
  if (const std::string fault = conf::expiry_fault(peer.expires); !fault.empty())
    throw misuse{"expires " + fault + "; for a peer that never does, write never"};
}

void enable(conf::peer_config& peer) {
  if (peer.expired)
    throw misuse{"the peer " + peer.settings.name +
                 " has expired; `troupectl peer set` it a later date with --expires, or never"};
  peer.enabled = true;
}

void set_name(const json& params, conf::peer_config& peer, const conf::config& in) {
  const std::string& name = text_of(params, "name");
  for (const conf::peer_config& each : in.peers)
    if (&each != &peer && each.settings.name == name)
      throw misuse{"another peer is called " + name + " already"};
  peer.settings.name = name;
}

/// `in`: the configuration that the peer is, or will be, in.
void set(json& params, conf::peer_config& peer, const conf::config& in) {
  if (params.contains("name"))
    set_name(params, peer, in);
  if (params.contains("allowed_ips"))
    peer.settings.allowed_ips = prefixes_of(params);
  if (params.contains("endpoint"))
    set_endpoints(params, peer);
  if (params.contains("preshared_key"))
    set_preshared_key(params, peer);
  if (params.contains("persistent_keepalive"))
    set_keepalive(params, peer);
  if (params.contains("expires"))
    set_expires(params, peer);
  if (params.contains("enabled")) {
    if (!params["enabled"].is_boolean())
      throw misuse{"enabled must be true or false"};
    if (params["enabled"] == true && !params.contains("expires"))
      enable(peer);
    else
      peer.enabled = params["enabled"];
  }
}

void add(json& params, conf::config& to) {
  if (!params.contains("public_key"))
    throw misuse{"a new peer needs its public_key"};
  conf::peer_config peer;
  peer.settings.key = key_of(params, "public_key");
  for (const conf::peer_config& each : to.peers)
    if (each.settings.key == peer.settings.key)
      throw misuse{"the peer " + each.settings.name + " has this public key already"};
  peer.settings.name = conf::default_name(peer.settings.key, [&](const std::string& name) {
    return std::any_of(to.peers.begin(), to.peers.end(),
                       [&](const conf::peer_config& each) { return each.settings.name == name; });
  });
  set(params, peer, to);
  to.peers.push_back(std::move(peer));
}

/// Its place in the configuration.
std::size_t place_of(const json& params, const conf::config& in) {
  const std::string wanted = params.contains("peer") ? text_of(params, "peer") : "";
  const std::optional<public_key> key = public_key_from_base64(wanted);
  const auto found =
      std::find_if(in.peers.begin(), in.peers.end(), [&](const conf::peer_config& each) {
        return each.settings.name == wanted || (key && each.settings.key == *key);
      });
  if (found == in.peers.end())
    throw misuse{"no peer is called " + conf::shown(wanted) +
                 ", and none has that public key; `troupectl peers` lists them"};
  return static_cast<std::size_t>(found - in.peers.begin());
}

} // namespace

std::variant<conf::config, std::string> edit_peer(const conf::config& from,
                                                  const std::string& method, json& params) {
  try {
    conf::config edited = from;
    if (method == "peer.add") {
      add(params, edited);
      return edited;
    }
    const auto peer = edited.peers.begin() + static_cast<std::ptrdiff_t>(place_of(params, edited));
    if (method == "peer.remove")
      edited.peers.erase(peer);
    else if (method == "peer.enable")
      enable(*peer);
    else if (method == "peer.disable")
      peer->enabled = false;
    else
      set(params, *peer, edited);
    return edited;
  } catch (const misuse& fault) {
    return fault.text;
  }
}

std::variant<const conf::peer_config*, std::string> find_peer(const conf::config& in,
                                                              const json& params) {
  try {
    return &in.peers[place_of(params, in)];
  } catch (const misuse& fault) {
    return fault.text;
  }
}

} // namespace troupe::actors
