// The configuration as data: what a TOML file, `wg` or troupectl want the router to be, whichever
// door it came through. Values only: nothing here reads, resolves, opens or logs.
#pragma once

#include "messages/address.hpp"
#include "messages/keys.hpp"
#include "messages/limits.hpp"
#include "messages/moment.hpp"
#include "messages/peer_settings.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::conf {

/// A place in a file, both counted from 1, columns in characters. Line 0: from no file.
struct location {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
};

struct endpoint_setting {
  /// As written, without the brackets of IPv6.
  std::string host;
  std::uint16_t port = 0;
  /// Unset: `host` is a name to be resolved.
  std::optional<endpoint> literal;

  /// `HOST:PORT` or `[V6]:PORT`, as it was written.
  [[nodiscard]] std::string text() const;
};

/// Two spellings of one address are the same endpoint; a name equals only itself.
bool same_endpoint(const endpoint_setting& left, const endpoint_setting& right);

bool same_endpoints(const std::vector<endpoint_setting>& left,
                    const std::vector<endpoint_setting>& right);

/// `HOST:PORT`, `1.2.3.4:PORT` or `[v6]:PORT`. Nothing when it is none of these; port 0 is none.
std::optional<endpoint_setting> parse_endpoint_setting(std::string_view text);
endpoint_setting literal_endpoint(const endpoint& where);

struct peer_config {
  peer_settings settings;
  /// Where the preshared key was read; empty: it was given in place, or there is none.
  std::string preshared_key_file;
  /// The one preferred first. Empty: the peer is one that calls us.
  std::vector<endpoint_setting> endpoints;
  bool enabled = true;
  /// Unset: never.
  std::optional<std::chrono::sys_seconds> expires;
  /// That moment has come: a fact, and no setting. See mark_expired.
  bool expired = false;
  location where;

  /// A peer that is not is kept, and absent from the tunnel, the routes and UAPI.
  [[nodiscard]] bool in_use() const { return enabled && !expired; }
};

enum class route_mode : std::uint8_t { off, automatic };

inline constexpr std::uint32_t main_route_table = 254;

using hook_list = std::vector<std::string>;

/// Commands of the shell, run around the interface's life; `%i` in them is its name.
struct hooks {
  hook_list pre_up;
  hook_list post_up;
  hook_list pre_down;
  hook_list post_down;

  friend bool operator==(const hooks&, const hooks&) = default;
};

struct interface_config {
  std::string name;
  /// Absent only before UAPI has brought one.
  secret_key private_key;
  /// Where it was read; empty: it was given in place.
  std::string private_key_file;
  std::uint16_t listen_port = 0; // 0: the kernel chooses
  /// With the host bits that make them addresses.
  std::vector<ip_prefix> addresses;
  std::uint32_t mtu = limits::mtu_default;
  std::uint32_t fwmark = 0; // 0: none
  /// Routes for the peers' allowed_ips.
  route_mode routes = route_mode::automatic;
  /// Unset: "auto", which is the main table, and for default routes one of their own: policy.hpp.
  std::optional<std::uint32_t> table;
  hooks commands;
};

struct tun_config {
  std::uint32_t queues = 1; // each with a reader and a writer thread
  /// Super-packets to and from the device, as far as the kernel has them.
  bool offload = true;
  std::uint32_t queue_length = 0; // packets; 0: what the device comes with
};

struct udp_config {
  std::uint32_t senders = 1;
  /// Joined datagrams, sent and received.
  bool gso = true;
  bool gro = true;
  /// Octets asked of the kernel; 0: troupe's own choice.
  std::uint32_t receive_buffer = 0;
  std::uint32_t send_buffer = 0;
};

enum class pinning : std::uint8_t { automatic, none, fixed };

struct cpu_choice {
  pinning how = pinning::automatic;
  std::uint32_t number = 0; // when fixed

  friend bool operator==(const cpu_choice&, const cpu_choice&) = default;
};

enum class aead_kind : std::uint8_t { automatic, ipsec_mb, libgcrypt, libsodium };

struct tunnel_config {
  cpu_choice cpu;
  aead_kind aead = aead_kind::automatic;
};

struct credit_config {
  /// Octets that a reader may have out; 0: "auto", found by measurement.
  std::uint32_t window = 0;
  /// For which "auto" looks.
  duration target_delay = limits::credit_target_delay;

  friend bool operator==(const credit_config&, const credit_config&) = default;
};

enum class log_level : std::uint8_t { trace, debug, info, warn, error, off };
enum class log_format : std::uint8_t { text, json };

struct log_config {
  log_level level = log_level::info;
  log_format format = log_format::text;
  /// "stderr", or the absolute path of a file.
  std::string target = "stderr";
  /// By actor name, with (`tun-reader/0`) or without (`tun-reader`: all of them) its number.
  std::map<std::string, log_level> actors;
};

struct admin_config {
  /// Whose members may change the configuration; empty: only root.
  std::string group;
  /// Whose members may read what runs, on a socket of their own; empty: there is none.
  std::string read_group;
};

struct config {
  interface_config interface;
  tun_config tun;
  udp_config udp;
  tunnel_config tunnel;
  credit_config credit;
  log_config log;
  admin_config admin;
  /// Keys and names are unique over all; a prefix belongs to one enabled peer at most. In the order
  /// of the files, then of arrival.
  std::vector<peer_config> peers;
};

/// What `trouped IFNAME` starts from: no addresses, no routes, everything comes over UAPI.
config bare_config(std::string interface_name);

/// The same with its keys in place, whatever becomes of the files that they came from.
config without_key_files(config whole);

/// Says of each peer whether its time is over by `now`.
void mark_expired(config& all, wall_time now);

/// When the next peer expires that is still in use.
std::optional<std::chrono::sys_seconds> next_expiry(const config& of);

/// The names of those that are expired in `after` and were not in `before`.
std::vector<std::string> newly_expired(const config& before, const config& after);

/// The name of a peer that nobody named: its key's first letters, or when these are `taken`, all of
/// them. Nobody else has that name, since a file may not use a key for one.
std::string default_name(const public_key& key,
                         const std::function<bool(const std::string&)>& taken);

/// A route to everything.
inline bool is_default_route(const ip_prefix& prefix) {
  return prefix.length == 0;
}

} // namespace troupe::conf
