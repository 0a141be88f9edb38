#include "conf/wg_quick_reader.hpp"

#include "messages/limits.hpp"

#include "conf/policy.hpp"
#include "conf/wording.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace troupe::conf {

namespace {

constexpr std::array<std::string_view, 2> sections = {"[Interface]", "[Peer]"};

/// Why a name cannot be one, or nothing.
std::string_view name_fault(std::string_view name) {
  if (name.empty() || name.size() > limits::peer_name_octets_max || !prints(name))
    return "a name is up to 64 octets of printing text";
  if (secret_key_from_base64(name) || secret_key_from_hex(name))
    return "a key is no name, as names are shown everywhere";
  return {};
}

static_assert(limits::peer_name_octets_max == 64, "said in name_fault");

} // namespace

wg_quick_reader::wg_quick_reader(std::string interface_name, error_list& errors) : errors_(errors) {
  import_.result.interface.name = std::move(interface_name);
}

std::string wg_quick_reader::quoted(std::string_view key) {
  return std::string("`").append(key).append("`");
}

std::span<const wg_quick_reader::rule> wg_quick_reader::interface_rules() {
  using self = wg_quick_reader;
  static constexpr std::array<rule, 12> rules = {{{"PrivateKey", &self::read_private_key},
                                                  {"ListenPort", &self::read_listen_port},
                                                  {"FwMark", &self::read_fwmark},
                                                  {"Address", &self::read_addresses, true},
                                                  {"DNS", &self::read_dns, true},
                                                  {"MTU", &self::read_mtu},
                                                  {"Table", &self::read_table},
                                                  {"PreUp", &self::read_hook, true},
                                                  {"PostUp", &self::read_hook, true},
                                                  {"PreDown", &self::read_hook, true},
                                                  {"PostDown", &self::read_hook, true},
                                                  {"SaveConfig", &self::read_save_config}}};
  return rules;
}

std::span<const wg_quick_reader::rule> wg_quick_reader::peer_rules() {
  using self = wg_quick_reader;
  static constexpr std::array<rule, 5> rules = {{{"PublicKey", &self::read_public_key},
                                                 {"PresharedKey", &self::read_preshared_key},
                                                 {"AllowedIPs", &self::read_allowed_ips, true},
                                                 {"Endpoint", &self::read_endpoint},
                                                 {"PersistentKeepalive", &self::read_keepalive}}};
  return rules;
}

void wg_quick_reader::note(position at, std::string text) {
  import_.notes.push_back({{errors_.file(), at.line, at.column}, std::move(text)});
}

void wg_quick_reader::read(const wg_quick_line& line) {
  switch (line.what) {
  case wg_quick_line::kind::blank:
    // A name right behind a peer's lines is its own; behind those of a peer that has one it must
    // be the next one's.
    if (!apart_ && (place_ != place::peer || peer().settings.name.empty()))
      claim_name();
    apart_ = true;
    struck_out_ = false;
    return;
  case wg_quick_line::kind::comment:
    return hear_comment(line);
  case wg_quick_line::kind::section:
    close_section();
    open_section(line);
    break;
  case wg_quick_line::kind::setting:
    read_setting(line);
    break;
  case wg_quick_line::kind::other:
    if (in_section(line))
      error(line.at(line.key), "this is neither KEY = VALUE nor [Interface] or [Peer]; put a # in "
                               "front of it if it is a comment");
    break;
  }
  apart_ = false;
  struck_out_ = false;
  claim_name();
  hear_comment(line);
  claim_name();
}

void wg_quick_reader::open_section(const wg_quick_line& line) {
  section_at_ = line.at(line.key);
  place_ = place::ignored;
  if (same_word(line.value, "Interface")) {
    pending_name_ = {};
    if (has_interface_)
      return error(section_at_, "a second [Interface]; a file is for one, join the two");
    has_interface_ = true;
    place_ = place::interface;
  } else if (!same_word(line.value, "Peer")) {
    interface_missed_ = true;
    error(section_at_, "unknown section " + shown(line.key) + suggestion(line.key, sections));
  } else if (import_.result.peers.size() == limits::peers_max) {
    if (!std::exchange(full_, true))
      error(section_at_, "more than " + std::to_string(limits::peers_max) + " peers");
  } else {
    place_ = place::peer;
    import_.result.peers.emplace_back().where = {errors_.file(), section_at_.line,
                                                 section_at_.column};
  }
}

void wg_quick_reader::close_section() {
  if (place_ == place::interface) {
    if (seen_.count("PrivateKey") == 0)
      error(section_at_, "[Interface] has no `PrivateKey`; write it here for the import, even if a "
                         "command sets it otherwise");
    if (const std::string fault = mtu_fault(import_.result.interface); mtu_at_ && !fault.empty())
      error(*mtu_at_, "`MTU` " + fault);
  }
  if (place_ == place::peer && seen_.count("PublicKey") == 0)
    error(section_at_, "[Peer] has no `PublicKey`; add the one that `wg show` or `troupectl "
                       "pubkey` prints on its side");
  seen_.clear();
}

bool wg_quick_reader::in_section(const wg_quick_line& line) {
  if (place_ == place::before && !std::exchange(interface_missed_, true))
    error(line.at(line.key), "a file of wg-quick begins with [Interface]; this stands before it");
  return place_ == place::interface || place_ == place::peer;
}

void wg_quick_reader::read_setting(const wg_quick_line& line) {
  if (!in_section(line))
    return;
  const std::span<const rule> rules = place_ == place::peer ? peer_rules() : interface_rules();
  const std::span<const rule>::iterator found = std::find_if(
      rules.begin(), rules.end(), [&](const rule& each) { return same_word(each.key, line.key); });
  if (found == rules.end())
    return unknown_key(line);
  const auto [first, fresh] = seen_.try_emplace(found->key, line.number);
  if (!fresh && !found->repeatable)
    return error(line.at(line.key), quoted(found->key) + " is given twice, first in line " +
                                        std::to_string(first->second) + "; keep one");
  (this->*found->read)({found->key, line.value, line});
}

void wg_quick_reader::unknown_key(const wg_quick_line& line) {
  const bool in_peer = place_ == place::peer;
  for (const rule& other : in_peer ? interface_rules() : peer_rules())
    if (same_word(other.key, line.key))
      return error(line.at(line.key),
                   quoted(other.key) + " belongs to " +
                       (in_peer ? "[Interface], not to [Peer]" : "[Peer], not to [Interface]"));
  std::vector<std::string_view> known;
  for (const rule& each : in_peer ? peer_rules() : interface_rules())
    known.push_back(each.key);
  error(line.at(line.key), "unknown key " + shown(line.key) + " in " +
                               (in_peer ? "[Peer]" : "[Interface]") + suggestion(line.key, known));
}

void wg_quick_reader::hear_comment(const wg_quick_line& line) {
  const std::size_t first = line.comment.find_first_not_of(" \t");
  if (line.what == wg_quick_line::kind::comment && first != std::string_view::npos &&
      line.comment[first] == '[')
    struck_out_ = true;
  const std::string_view name = peer_name_in(line.comment);
  if (name.empty() || struck_out_)
    return;
  pending_name_ = name;
  pending_name_at_ = line.at(name);
}

void wg_quick_reader::claim_name() {
  const std::string_view name = std::exchange(pending_name_, {});
  if (name.empty() || place_ != place::peer || !peer().settings.name.empty())
    return;
  if (const std::string_view fault = name_fault(name); !fault.empty())
    note(pending_name_at_, "the peer is named by its key, as this comment holds no name for it: " +
                               std::string(fault));
  else if (!names_.emplace(name).second)
    note(pending_name_at_, "the peer is named by its key, as another one is called " + shown(name) +
                               " already; names are unique");
  else
    peer().settings.name = name;
}

wg_quick_import wg_quick_reader::take(const key_deriver& derive) {
  if (!apart_)
    claim_name();
  close_section();
  interface_config& interface = import_.result.interface;
  if (!has_interface_ && !interface_missed_)
    error({}, "there is no [Interface]; it needs at least `PrivateKey`");
  if (interface.private_key) {
    const std::unordered_map<public_key, position>::iterator own =
        place_by_key_.find(derive(interface.private_key));
    if (own != place_by_key_.end())
      error(own->second, "this is the interface's own key; give the one that `wg show` or "
                         "`troupectl pubkey` prints on the peer's side");
  }
  if (const std::string fault = mark_fault(import_.result); !fault.empty())
    error(fwmark_at_, "`FwMark` " + fault);
  const auto taken = [this](const std::string& name) { return names_.count(name) != 0; };
  for (peer_config& each : import_.result.peers) {
    if (each.settings.name.empty())
      each.settings.name = default_name(each.settings.key, taken);
    names_.insert(each.settings.name);
  }
  std::stable_sort(import_.notes.begin(), import_.notes.end(),
                   [](const import_note& left, const import_note& right) {
                     return std::tie(left.where.line, left.where.column) <
                            std::tie(right.where.line, right.where.column);
                   });
  return std::move(import_);
}

} // namespace troupe::conf
