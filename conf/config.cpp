#include "conf/config.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace troupe::conf {

namespace {

/// RFC 1123 letters, and the underscore that real names have. A last label of digits only is an
/// address gone wrong, never a name.
bool is_host_name(std::string_view text) {
  constexpr std::size_t dns_name_octets_max = 253;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (text.empty() || text.size() > dns_name_octets_max || text.front() == '.' ||
      text.front() == '-' || text.find("..") != std::string_view::npos ||
      !std::all_of(text.begin(), text.end(), allowed))
    return false;
  const std::string_view rooted = text.back() == '.' ? text.substr(0, text.size() - 1) : text;
  const std::string_view last = rooted.substr(rooted.rfind('.') + 1);
  return last.find_first_not_of("0123456789") != std::string_view::npos;
}

} // namespace

std::string endpoint_setting::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool same_endpoint(const endpoint_setting& left, const endpoint_setting& right) {
  if (left.literal && right.literal)
    return *left.literal == *right.literal;
  return !left.literal && !right.literal && left.host == right.host && left.port == right.port;
}

bool same_endpoints(const std::vector<endpoint_setting>& left,
                    const std::vector<endpoint_setting>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_endpoint);
}

std::optional<endpoint_setting> parse_endpoint_setting(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (const std::optional<endpoint> literal = parse_endpoint(text)) {
    if (host.front() == '[')
      host = host.substr(1, host.size() - 2);
    return endpoint_setting{std::string(host), literal->port, literal};
  }
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data() + colon + 1, end, port);
  if (read.ec != std::errc{} || read.ptr != end || port == 0 || !is_host_name(host))
    return std::nullopt;
  return endpoint_setting{std::string(host), port, std::nullopt};
}

endpoint_setting literal_endpoint(const endpoint& where) {
  std::string host = to_string(where.address);
  if (where.scope_id != 0)
    host += "%" + std::to_string(where.scope_id);
  return {host, where.port, where};
}

config bare_config(std::string interface_name) {
  config result;
  result.interface.name = std::move(interface_name);
  result.interface.routes = route_mode::off;
  return result;
}

config without_key_files(config whole) {
  whole.interface.private_key_file.clear();
  for (peer_config& peer : whole.peers)
    peer.preshared_key_file.clear();
  return whole;
}

void mark_expired(config& all, wall_time now) {
  const std::chrono::sys_seconds by_now = std::chrono::floor<std::chrono::seconds>(now);
  for (peer_config& peer : all.peers)
    peer.expired = peer.expires && *peer.expires <= by_now;
}

std::optional<std::chrono::sys_seconds> next_expiry(const config& of) {
  std::optional<std::chrono::sys_seconds> next;
  for (const peer_config& peer : of.peers)
    if (peer.in_use() && peer.expires && (!next || *peer.expires < *next))
      next = peer.expires;
  return next;
}

std::vector<std::string> newly_expired(const config& before, const config& after) {
  std::unordered_set<public_key> known;
  for (const peer_config& peer : before.peers)
    if (peer.expired)
      known.insert(peer.settings.key);
  std::vector<std::string> names;
  for (const peer_config& peer : after.peers)
    if (peer.expired && known.count(peer.settings.key) == 0)
      names.push_back(peer.settings.name);
  return names;
}

std::string default_name(const public_key& key,
                         const std::function<bool(const std::string&)>& taken) {
  std::string name = short_name(key);
  return taken(name) ? to_base64(key) : name;
}

} // namespace troupe::conf
