#include "conf/peer_table.hpp"

#include "conf/instant.hpp"
#include "conf/wording.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace troupe::conf {

namespace {

constexpr std::array<std::string_view, 9> peer_keys = {
    "name",        "public_key", "preshared_key",        "preshared_key_file",
    "allowed_ips", "endpoint",   "persistent_keepalive", "enabled",
    "expires"};

std::string place_of(const peer_config& peer) {
  return peer.where.file + ":" + std::to_string(peer.where.line);
}

} // namespace

void peer_table::read_all(section& root, error_list& errors) {
  value* const given = root.find("peer");
  if (given == nullptr)
    return;
  if (given->what != value::kind::array) {
    errors.add(given->at, "a peer is written under [[peer]], in double brackets");
    return;
  }
  for (value& table : given->items) {
    if (table.what != value::kind::table)
      errors.add(table.at,
                 "a peer is a table under [[peer]], not " + std::string(kind_name(table.what)));
    else if (peers_.size() < limits::peers_max)
      read(table, errors);
    else
      return errors.add(table.at, "more than " + std::to_string(limits::peers_max) + " peers");
  }
}

void peer_table::read(value& table, error_list& errors) {
  section from(table, "[[peer]]", errors);
  from.expect_only(peer_keys);
  peer_config peer;
  peer.where = {errors.file(), table.at.line, table.at.column};
  peer.enabled = from.boolean("enabled").value_or(true);
  read_expires(from, peer);
  read_name(from, peer);
  read_key_pair(from, peer);
  read_endpoints(from, peer);
  peer.settings.persistent_keepalive_s = static_cast<std::uint16_t>(
      from.number("persistent_keepalive", 0, std::numeric_limits<std::uint16_t>::max())
          .value_or(0));
  read_allowed_ips(from, peer);
  peers_.push_back(std::move(peer));
}

void peer_table::read_name(section& from, peer_config& peer) {
  value* const given = from.find("name", value::kind::string);
  if (given == nullptr)
    return;
  if (given->text.empty() || given->text.size() > limits::peer_name_octets_max ||
      !prints(given->text))
    return from.error(given->at, "`name` must be 1 to " +
                                     std::to_string(limits::peer_name_octets_max) +
                                     " octets of printing text");
  if (secret_key_from_base64(given->text) || secret_key_from_hex(given->text)) {
    wipe(given->text);
    return from.error(given->at, "`name` is a key; names are shown everywhere, choose another");
  }
  const auto [known, fresh] = number_by_name_.try_emplace(given->text, peers_.size());
  if (!fresh)
    return from.error(given->at, "the name " + shown(given->text) + " belongs to the peer at " +
                                     place_of(peers_[known->second]) + "; names are unique");
  peer.settings.name = given->text;
}

void peer_table::read_key_pair(section& from, peer_config& peer) {
  secret_setting secret = read_secret(from, "preshared_key", read_key_);
  peer.settings.preshared_key = secret.key;
  peer.preshared_key_file = std::move(secret.file);
  const value* const given = from.find("public_key");
  if (given == nullptr)
    return from.error(from.at(), "the peer has no `public_key`; add the one that `wg show` or "
                                 "`troupectl pubkey` prints on its side");
  const std::optional<public_key> key = read_public_key(from, "public_key");
  if (!key)
    return;
  if (key == own_key_)
    return from.error(given->at, "this is the interface's own key; give the one that `wg show` or "
                                 "`troupectl pubkey` prints on the peer's side");
  const auto [known, fresh] = number_by_key_.try_emplace(*key, peers_.size());
  if (!fresh)
    from.error(given->at, "this `public_key` belongs to the peer at " +
                              place_of(peers_[known->second]) + "; join the two, or take one out");
  peer.settings.key = *key;
}

void peer_table::read_expires(section& from, peer_config& peer) {
  const value* const given = from.find("expires");
  if (given == nullptr)
    return;
  peer.expires = given->instant;
  if (const std::string fault = expiry_fault(peer.expires); !fault.empty())
    from.error(given->at, "`expires` " + fault +
                              ", without quotation marks; leave it out for a peer that never does");
}

void peer_table::read_endpoints(section& from, peer_config& peer) {
  const value* const given = from.find("endpoint");
  if (given == nullptr)
    return;
  if (given->what == value::kind::string)
    return read_endpoint(from, *given, peer);
  if (given->what != value::kind::array || given->items.empty())
    return from.error(given->at, "`endpoint` must be a string, or an array of strings, the one "
                                 "preferred first");
  if (given->items.size() > limits::endpoints_per_peer_max)
    return from.error(given->at, "`endpoint` lists " + std::to_string(given->items.size()) +
                                     "; a peer has at most " +
                                     std::to_string(limits::endpoints_per_peer_max));
  for (const value& item : given->items)
    if (item.what == value::kind::string)
      read_endpoint(from, item, peer);
    else
      from.error(item.at, "`endpoint` must hold strings, not " + std::string(kind_name(item.what)));
}

void peer_table::read_endpoint(section& from, const value& given, peer_config& peer) {
  const std::optional<endpoint_setting> read = parse_endpoint_setting(given.text);
  if (const std::string_view fault = endpoint_fault(given.text, read); !fault.empty())
    return from.error(given.at, "`endpoint` is " + shown(given.text) + std::string(fault));
  const bool twice =
      std::any_of(peer.endpoints.begin(), peer.endpoints.end(),
                  [&](const endpoint_setting& known) { return same_endpoint(known, *read); });
  if (twice)
    return from.error(given.at, "`endpoint` has " + shown(given.text) + " twice; keep one");
  peer.endpoints.push_back(*read);
}

std::optional<ip_prefix> peer_table::read_prefix(section& from, const value& given) {
  const std::optional<ip_prefix> prefix =
      given.text.find('\0') == std::string::npos ? parse_ip_prefix(given.text) : std::nullopt;
  if (!prefix) {
    from.error(given.at, shown(given.text) + " is no prefix; write it as 10.0.0.0/24 or fd00::/64");
    return std::nullopt;
  }
  if (masked(*prefix) != *prefix) {
    const ip_prefix whole{prefix->address, static_cast<std::uint8_t>(prefix->address.bits())};
    from.error(given.at, shown(given.text) + " has bits set behind its length; did you mean " +
                             to_string(masked(*prefix)) + " or " + to_string(whole) + "?");
    return std::nullopt;
  }
  return prefix;
}

void peer_table::read_allowed_ips(section& from, peer_config& peer) {
  value* const given = from.strings("allowed_ips");
  if (given == nullptr)
    return;
  const std::size_t own_number = peers_.size();
  peer.settings.allowed_ips.reserve(given->items.size());
  for (const value& item : given->items) {
    const std::optional<ip_prefix> prefix = read_prefix(from, item);
    if (!prefix)
      continue;
    peer.settings.allowed_ips.push_back(*prefix);
    if (!peer.enabled)
      continue;
    const auto [known, fresh] = number_by_prefix_.try_emplace(*prefix, own_number);
    if (fresh)
      continue;
    if (known->second == own_number) {
      from.error(item.at, to_string(*prefix) + " is listed twice for this peer; keep one");
      continue;
    }
    const peer_config& owner = peers_[known->second];
    from.error(item.at,
               to_string(*prefix) + " belongs to the peer " +
                   (owner.settings.name.empty() ? "without a name" : shown(owner.settings.name)) +
                   " at " + place_of(owner) +
                   "; a prefix has one peer, take it out of one of the two");
  }
}

std::vector<peer_config> peer_table::take() {
  const auto taken = [this](const std::string& name) { return number_by_name_.count(name) != 0; };
  for (peer_config& peer : peers_) {
    if (peer.settings.name.empty())
      peer.settings.name = default_name(peer.settings.key, taken);
    number_by_name_.try_emplace(peer.settings.name);
  }
  return std::exchange(peers_, {});
}

} // namespace troupe::conf
