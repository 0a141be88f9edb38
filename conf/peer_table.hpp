// The [[peer]] tables of all files, and what must be unique over them.
#pragma once

#include "conf/config.hpp"
#include "conf/key_setting.hpp"
#include "conf/section.hpp"
#include "conf/toml.hpp"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::conf {

class peer_table {
public:
  /// `read_key` outlives the table.
  explicit peer_table(const key_reader& read_key) : read_key_(read_key) {}

  /// The interface's own key is no peer's.
  void refuse(const public_key& own) { own_key_ = own; }

  /// Reads the [[peer]] tables of one file; its errors go to `errors`.
  void read_all(section& root, error_list& errors);
  /// The peers, each with a name. The table is empty afterwards.
  std::vector<peer_config> take();

private:
  void read(value& table, error_list& errors);
  void read_expires(section& from, peer_config& peer);
  void read_name(section& from, peer_config& peer);
  void read_key_pair(section& from, peer_config& peer);
  void read_endpoints(section& from, peer_config& peer);
  void read_endpoint(section& from, const value& given, peer_config& peer);
  void read_allowed_ips(section& from, peer_config& peer);
  /// The prefix, unless it is an error.
  std::optional<ip_prefix> read_prefix(section& from, const value& given);

  const key_reader& read_key_;
  std::optional<public_key> own_key_;
  std::vector<peer_config> peers_;
  // Who has what only one may have: numbers in `peers_`.
  std::unordered_map<std::string, std::size_t> number_by_name_;
  std::unordered_map<public_key, std::size_t> number_by_key_;
  /// Enabled peers only: a disabled one may be the substitute of another.
  std::map<ip_prefix, std::size_t> number_by_prefix_;
};

} // namespace troupe::conf
