// The settings of a wg-quick file as they come, line by line, and what must be unique over them.
#pragma once

#include "conf/section.hpp"
#include "conf/wg_quick.hpp"
#include "conf/wg_quick_lines.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace troupe::conf {

class wg_quick_reader {
public:
  /// `errors` outlives the reader. `interface_name` may be wrong, if that is an error already.
  wg_quick_reader(std::string interface_name, error_list& errors);

  /// Its text outlives the reader.
  void read(const wg_quick_line& line);
  /// After the last line; the reader is empty afterwards. Worth something if `errors` is empty.
  wg_quick_import take(const key_deriver& derive);

private:
  enum class place : std::uint8_t { before, interface, peer, ignored };

  struct setting {
    std::string_view key; // as wg-quick spells it
    std::string_view value;
    const wg_quick_line& line;

    [[nodiscard]] position at() const { return line.at(value); }
  };

  struct rule {
    std::string_view key;
    void (wg_quick_reader::*read)(const setting&);
    bool repeatable = false;
  };

  static std::string quoted(std::string_view key);
  static std::span<const rule> interface_rules();
  static std::span<const rule> peer_rules();

  void open_section(const wg_quick_line& line);
  void close_section();
  /// Whether it stands where it is to be looked at.
  bool in_section(const wg_quick_line& line);
  void read_setting(const wg_quick_line& line);
  void unknown_key(const wg_quick_line& line);

  void hear_comment(const wg_quick_line& line);
  void claim_name();

  void read_private_key(const setting& from);
  void read_listen_port(const setting& from);
  void read_fwmark(const setting& from);
  void read_addresses(const setting& from);
  void read_mtu(const setting& from);
  void read_table(const setting& from);
  void read_dns(const setting& from);
  void read_hook(const setting& from);
  void read_save_config(const setting& from);

  void read_public_key(const setting& from);
  void read_preshared_key(const setting& from);
  void read_allowed_ips(const setting& from);
  void read_allowed_ip(const setting& from, std::string_view word);
  void read_endpoint(const setting& from);
  void read_keepalive(const setting& from);

  /// Nothing when it is wrong and now an error. All zero is no key, as for wg(8).
  std::optional<secret_key> read_secret(const setting& from);
  std::optional<std::uint32_t> read_number(const setting& from, std::uint32_t min,
                                           std::uint32_t max, std::string_view also = "");
  void error(position at, std::string text) { errors_.add(at, std::move(text)); }
  void note(position at, std::string text);
  peer_config& peer() { return import_.result.peers.back(); }

  error_list& errors_;
  wg_quick_import import_;

  place place_ = place::before;
  position section_at_;
  /// The present section's settings, with their lines.
  std::map<std::string_view, unsigned> seen_;
  bool has_interface_ = false;
  bool interface_missed_ = false; // an error says already where it should be
  bool full_ = false;             // an error says already that there are too many peers
  std::set<ip_address> own_addresses_;
  std::optional<position> mtu_at_;
  position fwmark_at_;

  /// A name in a comment whose peer is not known yet.
  std::string_view pending_name_;
  position pending_name_at_;
  bool apart_ = true;       // a blank line is between the section and where we are
  bool struck_out_ = false; // in a section that is commented out
  std::unordered_set<std::string> names_;

  std::unordered_map<public_key, position> place_by_key_;
  struct owner {
    std::size_t peer = 0; // its index
    unsigned line = 0;
  };
  std::map<ip_prefix, owner> owner_by_prefix_;
};

} // namespace troupe::conf
