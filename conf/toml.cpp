#include "conf/toml.hpp"

#include "messages/interface_name.hpp"

#include "conf/document.hpp"
#include "conf/hook_setting.hpp"
#include "conf/key_setting.hpp"
#include "conf/peer_table.hpp"
#include "conf/policy.hpp"
#include "conf/section.hpp"
#include "conf/wording.hpp"
#include "conf/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

namespace troupe::conf {

namespace {

constexpr std::array<std::string_view, 8> root_keys = {"interface", "tun", "udp",   "tunnel",
                                                       "credit",    "log", "admin", "peer"};
constexpr std::array<std::string_view, 13> interface_keys = {
    "name",   "private_key", "private_key_file", "listen_port", "addresses", "mtu",      "fwmark",
    "routes", "table",       "pre_up",           "post_up",     "pre_down",  "post_down"};
constexpr std::array<std::string_view, 3> tun_keys = {"queues", "offload", "queue_length"};
constexpr std::array<std::string_view, 5> udp_keys = {"senders", "gso", "gro", "receive_buffer",
                                                      "send_buffer"};
constexpr std::array<std::string_view, 2> tunnel_keys = {"cpu", "aead"};
constexpr std::array<std::string_view, 2> credit_keys = {"window", "target_delay"};
constexpr std::array<std::string_view, 4> log_keys = {"level", "format", "target", "actors"};
constexpr std::array<std::string_view, 2> admin_keys = {"group", "read_group"};
constexpr std::array<std::string_view, 1> drop_in_keys = {"peer"};

constexpr std::array<std::string_view, 4> numbered_actors = {"tun-reader", "tun-writer",
                                                             "udp-sender", "handshaker"};

constexpr std::uint32_t any = std::numeric_limits<std::uint32_t>::max();

void read_addresses(section& from, std::vector<ip_prefix>& addresses) {
  const value* const given = from.strings("addresses");
  if (given == nullptr)
    return;
  if (given->items.size() > limits::addresses_max)
    return from.error(given->at, "`addresses` lists " + std::to_string(given->items.size()) +
                                     "; an interface has at most " +
                                     std::to_string(limits::addresses_max));
  std::set<ip_address> seen;
  for (const value& item : given->items) {
    const std::optional<ip_prefix> address =
        item.text.find('\0') == std::string::npos ? parse_ip_prefix(item.text) : std::nullopt;
    if (!address)
      from.error(item.at, shown(item.text) +
                              " is no address; write it with its network's length, as 10.0.0.1/24");
    else if (item.text.find('/') == std::string::npos)
      from.error(item.at, shown(item.text) + " lacks its network's length; write " + item.text +
                              "/24 or the like, or " + to_string(*address) + " for no network");
    else if (address->address == ip_address{{}, address->address.family})
      from.error(item.at, to_string(address->address) +
                              " is nobody's address, and the kernel would "
                              "take it and do nothing");
    else if (!seen.insert(address->address).second)
      from.error(item.at, "the address " + to_string(address->address) + " is given twice");
    else
      addresses.push_back(*address);
  }
}

void check_mtu_for_ipv6(section& from, const interface_config& read) {
  const value* const mtu = from.find("mtu");
  if (const std::string fault = mtu_fault(read); mtu != nullptr && !fault.empty())
    from.error(mtu->at, "`mtu` " + fault);
}

std::uint32_t read_fwmark(section& from) {
  const value* const given = from.find("fwmark");
  if (given == nullptr)
    return 0;
  if (given->what == value::kind::integer)
    return from.number(*given, "fwmark", 0, any).value_or(0);
  if (given->what == value::kind::string && given->text == "off")
    return 0;
  if (given->what == value::kind::string && given->text.substr(0, 2) == "0x") {
    std::uint32_t mark = 0;
    const char* const end = given->text.data() + given->text.size();
    const std::from_chars_result read = std::from_chars(given->text.data() + 2, end, mark, 16);
    if (read.ec == std::errc{} && read.ptr == end)
      return mark;
  }
  from.error(given->at, "`fwmark` must be a number of 32 bits, \"0x...\" or \"off\"");
  return 0;
}

std::optional<std::uint32_t> read_table(section& from) {
  const value* const given = from.find("table");
  if (given == nullptr)
    return std::nullopt;
  if (given->what == value::kind::integer)
    return from.number(*given, "table", 1, any);
  if (given->what == value::kind::string && given->text == "main")
    return main_route_table;
  if (given->what != value::kind::string || given->text != "auto")
    from.error(given->at, "`table` must be \"auto\", \"main\" or the number of a routing table");
  return std::nullopt;
}

void read_interface(section& from, interface_config& result, const key_reader& read_key) {
  from.expect_only(interface_keys);
  const value* const name = from.find("name", value::kind::string);
  if (from.find("name") == nullptr)
    from.error(from.at(), "[interface] has no `name`; add one, as name = \"troupe0\"");
  else if (name != nullptr && is_interface_name(name->text))
    result.name = name->text;
  else if (name != nullptr)
    from.error(name->at,
               "`name` is " + shown(name->text) +
                   "; an interface has 1 to 15 letters, digits or any of _=+.-, and no - in "
                   "front");
  secret_setting key = read_secret(from, "private_key", read_key);
  if (!key.given)
    from.error(from.at(), "[interface] has no private key; add `private_key_file` with the path "
                          "of a file made by `troupectl genkey`");
  result.private_key = key.key;
  result.private_key_file = std::move(key.file);
  result.listen_port = static_cast<std::uint16_t>(
      from.number("listen_port", 0, std::numeric_limits<std::uint16_t>::max()).value_or(0));
  read_addresses(from, result.addresses);
  result.mtu = from.number("mtu", limits::mtu_min, limits::mtu_max).value_or(result.mtu);
  check_mtu_for_ipv6(from, result);
  result.fwmark = read_fwmark(from);
  if (const std::optional<std::size_t> mode = from.choice("routes", route_modes))
    result.routes = static_cast<route_mode>(*mode);
  result.table = read_table(from);
  read_hooks(from, result.commands);
}

void read_tunnel(section& from, tunnel_config& result) {
  from.expect_only(tunnel_keys);
  if (const std::optional<std::size_t> kind = from.choice("aead", aead_kinds))
    result.aead = static_cast<aead_kind>(*kind);
  const value* const given = from.find("cpu");
  if (given == nullptr)
    return;
  if (given->what == value::kind::integer) {
    if (const std::optional<std::uint32_t> number =
            from.number(*given, "cpu", 0, limits::cpu_number_max))
      result.cpu = {pinning::fixed, *number};
  } else if (given->what == value::kind::string && given->text == "none") {
    result.cpu = {pinning::none, 0};
  } else if (given->what != value::kind::string || given->text != "auto") {
    from.error(given->at, "`cpu` must be \"auto\", \"none\" or the number of a processor");
  }
}

/// A number of `us` or `ms` within the limits of credit.target_delay.
std::optional<duration> delay_of(std::string_view text) {
  if (text.size() < 3)
    return std::nullopt;
  const std::string_view unit = text.substr(text.size() - 2);
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size() - unit.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end || (unit != "us" && unit != "ms"))
    return std::nullopt;
  const duration found = unit == "us" ? duration(std::chrono::microseconds(number))
                                      : std::chrono::milliseconds(number);
  if (found < limits::credit_target_delay_min || found > limits::credit_target_delay_max)
    return std::nullopt;
  return found;
}

void read_credit(section& from, credit_config& result) {
  from.expect_only(credit_keys);
  const value* const window = from.find("window");
  if (window != nullptr && window->what == value::kind::integer)
    result.window =
        from.number(*window, "window", std::uint32_t{limits::credit_window_min}, any).value_or(0);
  else if (window != nullptr && (window->what != value::kind::string || window->text != "auto"))
    from.error(window->at, "`window` must be \"auto\" or a number of octets");
  const value* const delay = from.find("target_delay");
  if (delay == nullptr)
    return;
  const std::optional<duration> found =
      delay->what == value::kind::string ? delay_of(delay->text) : std::nullopt;
  if (found)
    result.target_delay = *found;
  else
    from.error(delay->at, "`target_delay` must be a time from \"100us\" to \"1000ms\"");
}

bool is_actor(std::string_view name) {
  const std::size_t slash = name.find('/');
  const std::string_view base = name.substr(0, slash);
  if (std::find(actors.begin(), actors.end(), base) == actors.end())
    return false;
  if (slash == std::string_view::npos)
    return true;
  const std::string_view which = name.substr(slash + 1);
  if (base == "udp-receiver")
    return which == "v4" || which == "v6";
  constexpr std::size_t digits_max = 3;
  return std::find(numbered_actors.begin(), numbered_actors.end(), base) != numbered_actors.end() &&
         !which.empty() && which.size() <= digits_max &&
         which.find_first_not_of("0123456789") == std::string_view::npos;
}

void read_log(section& from, log_config& result, error_list& errors) {
  from.expect_only(log_keys);
  if (const std::optional<std::size_t> level = from.choice("level", log_levels))
    result.level = static_cast<log_level>(*level);
  if (const std::optional<std::size_t> format = from.choice("format", log_formats))
    result.format = static_cast<log_format>(*format);
  const value* const target = from.find("target", value::kind::string);
  if (target != nullptr && target->text != "stderr" &&
      (target->text.substr(0, 1) != "/" || target->text.find('\0') != std::string::npos))
    from.error(target->at, "`target` is " + shown(target->text) +
                               "; it must be \"stderr\" or the absolute path of a file");
  else if (target != nullptr)
    result.target = target->text;
  value* const table = from.find("actors", value::kind::table);
  if (table == nullptr)
    return;
  section levels(*table, "[log] actors", errors);
  for (const member& given : table->members) {
    if (errors.full())
      return;
    if (!is_actor(given.key))
      levels.error(given.at,
                   "no actor is called " + shown(given.key) + suggestion(given.key, actors));
    else if (const std::optional<std::size_t> level =
                 levels.choice(given.content, given.key, log_levels))
      result.actors[given.key] = static_cast<log_level>(*level);
  }
}

void read_group(section& from, std::string_view key, std::string& result) {
  const value* const group = from.find(key, value::kind::string);
  if (group == nullptr)
    return;
  if (group->text.empty() || group->text.find('\0') != std::string::npos)
    from.error(group->at, "`" + std::string(key) + "` must be the name of a group");
  result = group->text;
}

void read_admin(section& from, admin_config& result) {
  from.expect_only(admin_keys);
  read_group(from, "group", result.group);
  read_group(from, "read_group", result.read_group);
}

/// The section under `key`, for whoever finds a table there.
std::optional<section> open(section& root, std::string_view key, error_list& errors) {
  value* const table = root.find(key, value::kind::table);
  return table == nullptr
             ? std::nullopt
             : std::optional<section>(std::in_place, *table, "[" + std::string(key) + "]", errors);
}

/// All but the peers.
config read_settings(section& root, error_list& errors, const key_reader& read_key) {
  config result;
  root.expect_only(root_keys);
  if (root.find("interface") == nullptr)
    root.error({}, "there is no [interface]; it needs at least `name` and `private_key_file`");
  if (std::optional<section> from = open(root, "interface", errors))
    read_interface(*from, result.interface, read_key);
  if (std::optional<section> from = open(root, "tun", errors)) {
    constexpr std::uint32_t queues_max = std::uint32_t{limits::tun_queues_max};
    from->expect_only(tun_keys);
    result.tun.queues = from->number("queues", 1, queues_max).value_or(1);
    result.tun.offload = from->boolean("offload").value_or(true);
    result.tun.queue_length =
        from->number("queue_length", 1, limits::tun_queue_length_max).value_or(0);
  }
  if (std::optional<section> from = open(root, "udp", errors)) {
    constexpr std::uint32_t senders_max = std::uint32_t{limits::udp_senders_max};
    constexpr std::uint32_t octets_max = limits::socket_buffer_octets_max;
    from->expect_only(udp_keys);
    result.udp.senders = from->number("senders", 1, senders_max).value_or(1);
    result.udp.gso = from->boolean("gso").value_or(true);
    result.udp.gro = from->boolean("gro").value_or(true);
    result.udp.receive_buffer = from->number("receive_buffer", 0, octets_max).value_or(0);
    result.udp.send_buffer =
        from->number("send_buffer", limits::udp_send_buffer_octets_min, octets_max).value_or(0);
  }
  if (std::optional<section> from = open(root, "tunnel", errors))
    read_tunnel(*from, result.tunnel);
  if (std::optional<section> from = open(root, "credit", errors))
    read_credit(*from, result.credit);
  if (std::optional<section> from = open(root, "log", errors))
    read_log(*from, result.log, errors);
  if (std::optional<section> from = open(root, "admin", errors))
    read_admin(*from, result.admin);
  return result;
}

/// For what is wrong with it only beside the peers.
position place_of_fwmark(section& root) {
  value* const interface = root.find("interface");
  if (interface != nullptr)
    for (const member& each : interface->members)
      if (each.key == "fwmark")
        return each.content.at;
  return {};
}

/// With what is wrong with the file itself.
error_list errors_of(const source_file& file) {
  error_list errors(file.path, file.others_can_read, file.kept_by_daemon);
  if (file.others_can_write)
    errors.add({}, "others can write this file; run: chmod go-w " + file.path);
  return errors;
}

/// What is wrong with further files is told when many are mended.
void append(std::vector<config_error>& all, std::vector<config_error> more) {
  if (all.size() < limits::config_errors_max)
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

/// One document for each file; where one is no TOML, its error instead. Wipes the texts.
std::vector<value> parse_all(std::vector<source_file>& files, std::vector<config_error>& errors) {
  std::vector<value> documents;
  for (source_file& each : files) {
    std::variant<value, config_error> parsed = parse_document(each.path, each.text);
    wipe(each.text);
    if (config_error* const failure = std::get_if<config_error>(&parsed))
      errors.push_back(std::move(*failure));
    else
      documents.push_back(std::move(std::get<value>(parsed)));
  }
  return documents;
}

} // namespace

std::variant<config, std::vector<config_error>> parse_config(const source_file& main,
                                                             const drop_in_reader& read_drop_ins,
                                                             const key_reader& read_key,
                                                             const key_deriver& derive) {
  std::variant<value, config_error> parsed = parse_document(main.path, main.text);
  if (config_error* const failure = std::get_if<config_error>(&parsed))
    return std::vector<config_error>{std::move(*failure)};
  error_list main_errors = errors_of(main);
  section root(std::get<value>(parsed), "the file", main_errors);
  config result = read_settings(root, main_errors, read_key);
  const position fwmark_at = place_of_fwmark(root);

  drop_in_files drop_ins;
  if (!result.interface.name.empty())
    drop_ins = read_drop_ins(result.interface.name);
  std::vector<config_error> errors;
  std::vector<value> documents = parse_all(drop_ins.files, errors);
  if (!errors.empty())
    return errors;

  peer_table peers(read_key);
  if (result.interface.private_key)
    peers.refuse(derive(result.interface.private_key));
  peers.read_all(root, main_errors);
  append(errors, main_errors.take_sorted());
  append(errors, std::move(drop_ins.faults));
  for (std::size_t i = 0; i < documents.size(); ++i) {
    error_list own_errors = errors_of(drop_ins.files[i]);
    section drop_in(documents[i], "a drop-in, which may add [[peer]] and nothing else", own_errors);
    drop_in.expect_only(drop_in_keys);
    peers.read_all(drop_in, own_errors);
    append(errors, own_errors.take_sorted());
  }
  result.peers = peers.take();
  if (const std::string fault = mark_fault(result); !fault.empty())
    errors.push_back({{main.path, fwmark_at.line, fwmark_at.column}, "`fwmark` " + fault});
  if (!errors.empty())
    return errors;
  return result;
}

} // namespace troupe::conf
