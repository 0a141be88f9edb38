// The values of wg-quick's settings. Each that is wrong is one error, at the value or at the word
// of a list that is.
#include "messages/limits.hpp"

#include "conf/hook_setting.hpp"
#include "conf/wg_quick_reader.hpp"
#include "conf/wording.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace troupe::conf {

namespace {

constexpr std::uint32_t any = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t any_port = std::numeric_limits<std::uint16_t>::max();

/// Decimal, or hexadecimal behind `0x`.
std::optional<std::uint32_t> parse_number(std::string_view text) {
  const bool hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  const std::string_view digits = text.substr(hex ? 2 : 0);
  std::uint32_t number = 0;
  const char* const end = digits.data() + digits.size();
  const std::from_chars_result read = std::from_chars(digits.data(), end, number, hex ? 16 : 10);
  return read.ec == std::errc{} && read.ptr == end ? std::optional(number) : std::nullopt;
}

} // namespace

std::optional<std::uint32_t> wg_quick_reader::read_number(const setting& from, std::uint32_t min,
                                                          std::uint32_t max,
                                                          std::string_view also) {
  const std::optional<std::uint32_t> number = parse_number(from.value);
  if (number && *number >= min && *number <= max)
    return number;
  error(from.at(), quoted(from.key) + " is " + shown(from.value) + "; it must be from " +
                       std::to_string(min) + " to " + std::to_string(max) + std::string(also));
  return std::nullopt;
}

std::optional<secret_key> wg_quick_reader::read_secret(const setting& from) {
  std::optional<secret_key> key = secret_key_from_base64(from.value);
  if (!key)
    error(from.at(), quoted(from.key) + " " + key_fault(from.value) +
                         "; `troupectl genkey` and `troupectl genpsk` print whole ones");
  else if (key->same_as(secret_key::copy_of(byte_array<key_octets>{})))
    key = secret_key{};
  return key;
}

void wg_quick_reader::read_private_key(const setting& from) {
  const std::optional<secret_key> key = read_secret(from);
  if (key && !*key)
    error(from.at(), quoted(from.key) + " is all zero, which stands for no key; `troupectl genkey` "
                                        "prints one");
  import_.result.interface.private_key = key.value_or(secret_key{});
}

void wg_quick_reader::read_listen_port(const setting& from) {
  import_.result.interface.listen_port =
      static_cast<std::uint16_t>(read_number(from, 0, any_port).value_or(0));
}

void wg_quick_reader::read_fwmark(const setting& from) {
  if (!same_word(from.value, "off"))
    import_.result.interface.fwmark = read_number(from, 0, any, " or off").value_or(0);
  fwmark_at_ = from.at();
}

void wg_quick_reader::read_addresses(const setting& from) {
  std::vector<ip_prefix>& addresses = import_.result.interface.addresses;
  for (const std::string_view word : words_of(from.value)) {
    const std::optional<ip_prefix> address = parse_ip_prefix(word);
    if (!address)
      error(from.line.at(word),
            shown(word) + " is no address; write it with its network's length, as 10.0.0.1/24");
    else if (!own_addresses_.insert(address->address).second)
      error(from.line.at(word),
            "the address " + to_string(address->address) + " is given twice; keep one");
    else
      addresses.push_back(*address);
  }
}

void wg_quick_reader::read_mtu(const setting& from) {
  const std::optional<std::uint32_t> mtu = read_number(from, limits::mtu_min, limits::mtu_max);
  if (!mtu)
    return;
  import_.result.interface.mtu = *mtu;
  mtu_at_ = from.at();
}

void wg_quick_reader::read_table(const setting& from) {
  interface_config& interface = import_.result.interface;
  if (same_word(from.value, "off"))
    interface.routes = route_mode::off;
  else if (same_word(from.value, "main"))
    interface.table = main_route_table;
  else if (parse_number(from.value))
    interface.table = read_number(from, 1, any);
  else if (!same_word(from.value, "auto"))
    error(from.at(), quoted(from.key) + " is " + shown(from.value) +
                         "; it must be auto, off, main or the number of a routing table (see "
                         "/etc/iproute2/rt_tables)");
}

/// Only what is an address is repeated, and search domains are not.
void wg_quick_reader::read_dns(const setting& from) {
  const std::string& name = import_.result.interface.name;
  std::string servers;
  bool domains = false;
  for (const std::string_view word : words_of(from.value)) {
    const std::optional<ip_address> server = parse_ip_address(word);
    const bool should_be_one = word.find(':') != std::string_view::npos ||
                               word.find_first_not_of("0123456789.") == std::string_view::npos;
    if (server)
      servers.append(" ").append(to_string(*server));
    else if (should_be_one)
      error(from.line.at(word), shown(word) + " is neither the address of a server nor a domain");
    else
      domains = true;
  }
  std::string commands;
  if (!servers.empty())
    commands.append("`resolvectl dns ").append(name).append(servers).append("`");
  if (domains)
    commands.append(commands.empty() ? "" : " and ")
        .append("`resolvectl domain ")
        .append(name)
        .append("` with these domains");
  if (!commands.empty())
    note(from.line.at(from.line.key),
         "`DNS`: troupe leaves name resolution alone; to set it, add to post_up: " + commands);
}

/// A command may hold a key, and is not repeated.
void wg_quick_reader::read_hook(const setting& from) {
  if (from.value.empty())
    return;
  const auto kind = std::find_if(hook_kinds.begin(), hook_kinds.end(), [&](const hook_kind& each) {
    return each.wg_quick_key == from.key;
  });
  hook_list& list = import_.result.interface.commands.*kind->list;
  if (const std::string fault = hook_fault(list, from.value); !fault.empty())
    return error(from.at(), quoted(from.key) + fault);
  list.emplace_back(from.value);
  constexpr std::array<std::string_view, 4> of_bash = {"<(", ">(", "<<<", "[["};
  if (std::any_of(of_bash.begin(), of_bash.end(), [&](std::string_view each) {
        return from.value.find(each) != std::string_view::npos;
      }))
    note(from.line.at(from.line.key),
         quoted(from.key) + ": troupe runs commands by /bin/sh, and this one looks like bash's; "
                            "put it into a script that begins with #!/bin/bash, and name that");
}

void wg_quick_reader::read_save_config(const setting& from) {
  if (same_word(from.value, "true"))
    note(from.line.at(from.line.key),
         "`SaveConfig`: troupe never writes its file at the end by itself; put what shall stay "
         "into the file");
  else if (!same_word(from.value, "false"))
    error(from.at(), quoted(from.key) + " is " + shown(from.value) + "; it must be true or false");
}

/// A public key that is wrong may be the private one in the wrong place.
void wg_quick_reader::read_public_key(const setting& from) {
  const std::optional<public_key> key = public_key_from_base64(from.value);
  if (!key)
    return error(from.at(), quoted(from.key) + " " + key_fault(from.value) +
                                "; `wg show` on the other side prints it whole");
  if (*key == public_key{})
    return error(from.at(), quoted(from.key) + " is all zero, which is nobody's key");
  const auto [known, fresh] = place_by_key_.try_emplace(*key, from.at());
  if (!fresh)
    return error(from.at(), "this `PublicKey` belongs to the peer in line " +
                                std::to_string(known->second.line) +
                                "; join the two, or take one out");
  peer().settings.key = *key;
}

void wg_quick_reader::read_preshared_key(const setting& from) {
  peer().settings.preshared_key = read_secret(from).value_or(secret_key{});
}

void wg_quick_reader::read_allowed_ips(const setting& from) {
  for (const std::string_view word : words_of(from.value))
    read_allowed_ip(from, word);
}

void wg_quick_reader::read_allowed_ip(const setting& from, std::string_view word) {
  const position at = from.line.at(word);
  const std::optional<ip_prefix> given = parse_ip_prefix(word);
  if (!given)
    return error(at, shown(word) + " is no prefix; write it as 10.0.0.0/24 or fd00::/64");
  const ip_prefix prefix = masked(*given);
  const std::size_t index = import_.result.peers.size() - 1;
  const auto [known, fresh] = owner_by_prefix_.try_emplace(prefix, owner{index, from.line.number});
  // In one peer the same prefix twice means what it means once.
  if (!fresh && known->second.peer != index)
    return error(at, to_string(prefix) + " belongs to another peer, in line " +
                         std::to_string(known->second.line) +
                         "; a prefix has one peer, take it out of one of the two");
  if (prefix != *given)
    note(at, to_string(*given) + " stands for " + to_string(prefix) +
                 " here, as for `wg`; if only that host was meant, write " +
                 to_string(given->address));
  if (!fresh)
    return;
  peer().settings.allowed_ips.push_back(prefix);
}

void wg_quick_reader::read_endpoint(const setting& from) {
  const std::optional<endpoint_setting> read = parse_endpoint_setting(from.value);
  if (const std::string_view fault = endpoint_fault(from.value, read); !fault.empty())
    return error(from.at(), quoted(from.key) + " is " + shown(from.value) + std::string(fault));
  peer().endpoints = {*read};
}

void wg_quick_reader::read_keepalive(const setting& from) {
  if (!same_word(from.value, "off"))
    peer().settings.persistent_keepalive_s =
        static_cast<std::uint16_t>(read_number(from, 0, any_port, " seconds, or off").value_or(0));
}

} // namespace troupe::conf
