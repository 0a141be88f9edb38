#include "conf/setting_list.hpp"

#include "conf/hook_setting.hpp"
#include "conf/instant.hpp"
#include "conf/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace troupe::conf {

namespace {

std::string hexadecimal(std::uint32_t number) {
  std::array<char, 8> digits{};
  const std::to_chars_result written =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return {digits.data(), written.ptr};
}

/// What may not stand in a string of TOML 1.0 as it is.
std::string escape_of(char c) {
  switch (c) {
  case '\b':
    return "\\b";
  case '\t':
    return "\\t";
  case '\n':
    return "\\n";
  case '\f':
    return "\\f";
  case '\r':
    return "\\r";
  case '"':
  case '\\':
    return {'\\', c};
  default:
    const std::string digits = hexadecimal(static_cast<unsigned char>(c));
    return "\\u" + std::string(4 - digits.size(), '0') + digits;
  }
}

bool needs_escape(char c) {
  const unsigned char octet = static_cast<unsigned char>(c);
  return octet < 0x20 || octet == 0x7f || c == '"' || c == '\\';
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (needs_escape(c))
      result += escape_of(c);
    else
      result += c;
  }
  return result + "\"";
}

std::string key_part(std::string_view text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return bare ? std::string(text) : quoted(text);
}

std::string value_of(bool flag) {
  return flag ? "true" : "false";
}

std::string value_of(std::uint32_t number) {
  return std::to_string(number);
}

std::string value_of(const std::string& text) {
  return quoted(text);
}

template <class Word>
std::string value_of(Word word) {
  return quoted(word_of(word));
}

std::string value_of(const cpu_choice& cpu) {
  if (cpu.how == pinning::fixed)
    return value_of(cpu.number);
  return quoted(cpu.how == pinning::none ? "none" : "auto");
}

/// A file has no finer unit than the microsecond.
std::string value_of(duration delay) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(delay).count();
  return quoted(microseconds % 1000 == 0 ? std::to_string(microseconds / 1000) + "ms"
                                         : std::to_string(microseconds) + "us");
}

/// One per line where there are many.
std::string array_of(const std::vector<std::string>& items) {
  constexpr std::size_t on_one_line_max = 4;
  const bool many = items.size() > on_one_line_max;
  std::string result = "[";
  for (const std::string& item : items) {
    if (many)
      result += "\n  ";
    else if (result.size() > 1)
      result += ", ";
    result += quoted(item);
    if (many)
      result += ",";
  }
  return result + (many ? "\n]" : "]");
}

std::string value_of(const std::vector<ip_prefix>& prefixes) {
  std::vector<std::string> texts;
  texts.reserve(prefixes.size());
  for (const ip_prefix& prefix : prefixes)
    texts.push_back(to_string(prefix));
  return array_of(texts);
}

/// A string where there is one, as most peers have it.
std::string value_of(const std::vector<endpoint_setting>& endpoints) {
  std::vector<std::string> texts;
  for (const endpoint_setting& each : endpoints)
    texts.push_back(each.text());
  return texts.size() == 1 ? quoted(texts.front()) : array_of(texts);
}

/// One per line where there are several.
std::string value_of(const hook_list& commands) {
  if (commands.size() == 1)
    return "[" + quoted(commands.front()) + "]";
  std::string result = "[";
  for (const std::string& command : commands)
    result += "\n  " + quoted(command) + ",";
  return result + (commands.empty() ? "]" : "\n]");
}

/// Says each setting of one table with its name, and whether it is the standard one.
class lister {
public:
  explicit lister(setting_sink& to) : to_(to) {}

  void line(std::string_view key, const std::string& value) { to_.setting(key, value, false); }

  template <class Value>
  void unless(const Value& standard, std::string_view key, const Value& value) {
    unless(standard, key, value, value_of(value));
  }
  template <class Value>
  void unless(const Value& standard, std::string_view key, const Value& value,
              const std::string& text) {
    to_.setting(key, text, value == standard);
  }

  void secret(std::string_view key, const secret_key& value, const std::string& file) {
    if (!value)
      to_.missing(key);
    else if (file.empty())
      to_.secret(key, value);
    else
      to_.secret_in_file(key, value, quoted(file));
  }

private:
  setting_sink& to_;
};

void list(const interface_config& from, lister to) {
  const interface_config standard{};
  to.line("name", value_of(from.name));
  to.secret("private_key", from.private_key, from.private_key_file);
  to.line("listen_port", value_of(std::uint32_t{from.listen_port}));
  to.line("addresses", value_of(from.addresses));
  to.line("mtu", value_of(from.mtu));
  to.unless(standard.fwmark, "fwmark", from.fwmark, quoted("0x" + hexadecimal(from.fwmark)));
  to.unless(standard.routes, "routes", from.routes);
  if (from.table)
    to.line("table", *from.table == main_route_table ? quoted("main") : value_of(*from.table));
  for (const hook_kind& kind : hook_kinds)
    to.unless(standard.commands.*kind.list, kind.key, from.commands.*kind.list);
}

void list(const tun_config& from, lister to) {
  const tun_config standard{};
  to.unless(standard.queues, "queues", from.queues);
  to.unless(standard.offload, "offload", from.offload);
  to.unless(standard.queue_length, "queue_length", from.queue_length);
}

void list(const udp_config& from, lister to) {
  const udp_config standard{};
  to.unless(standard.senders, "senders", from.senders);
  to.unless(standard.gso, "gso", from.gso);
  to.unless(standard.gro, "gro", from.gro);
  to.unless(standard.receive_buffer, "receive_buffer", from.receive_buffer);
  to.unless(standard.send_buffer, "send_buffer", from.send_buffer);
}

void list(const tunnel_config& from, lister to) {
  const tunnel_config standard{};
  to.unless(standard.cpu, "cpu", from.cpu);
  to.unless(standard.aead, "aead", from.aead);
}

void list(const credit_config& from, lister to) {
  const credit_config standard{};
  to.unless(standard.window, "window", from.window);
  to.unless(standard.target_delay, "target_delay", from.target_delay);
}

void list(const log_config& from, lister to) {
  const log_config standard{};
  to.unless(standard.level, "level", from.level);
  for (const auto& [actor, level] : from.actors)
    to.line("actors." + key_part(actor), value_of(level));
  to.unless(standard.format, "format", from.format);
  to.unless(standard.target, "target", from.target);
}

void list(const admin_config& from, lister to) {
  const admin_config standard{};
  to.unless(standard.group, "group", from.group);
  to.unless(standard.read_group, "read_group", from.read_group);
}

void list(const peer_config& from, lister to) {
  const peer_settings& settings = from.settings;
  const peer_config standard{};
  const std::string key = to_base64(settings.key);
  // A file may not use a key for a name. The peer has this one because another has the short form,
  // which is written; so it gets this one again.
  if (settings.name != key)
    to.line("name", value_of(settings.name));
  to.line("public_key", quoted(key));
  if (settings.preshared_key)
    to.secret("preshared_key", settings.preshared_key, from.preshared_key_file);
  to.unless(standard.settings.allowed_ips, "allowed_ips", settings.allowed_ips);
  if (!from.endpoints.empty())
    to.line("endpoint", value_of(from.endpoints));
  to.unless(standard.settings.persistent_keepalive_s, "persistent_keepalive",
            settings.persistent_keepalive_s,
            value_of(std::uint32_t{settings.persistent_keepalive_s}));
  to.unless(standard.enabled, "enabled", from.enabled);
  if (from.expires)
    to.line("expires", to_text(*from.expires));
}

} // namespace

void list_settings(const config& from, setting_sink& to) {
  to.table("interface");
  list(from.interface, lister(to));
  to.table("tun");
  list(from.tun, lister(to));
  to.table("udp");
  list(from.udp, lister(to));
  to.table("tunnel");
  list(from.tunnel, lister(to));
  to.table("credit");
  list(from.credit, lister(to));
  to.table("log");
  list(from.log, lister(to));
  to.table("admin");
  list(from.admin, lister(to));
}

void list_settings(const peer_config& from, setting_sink& to) {
  list(from, lister(to));
}

} // namespace troupe::conf
