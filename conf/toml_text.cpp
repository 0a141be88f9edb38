#include "conf/toml_text.hpp"

#include "messages/assert.hpp"

#include "conf/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

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
std::string value_of(const std::vector<ip_prefix>& prefixes) {
  constexpr std::size_t on_one_line_max = 4;
  const bool many = prefixes.size() > on_one_line_max;
  std::string result = "[";
  for (const ip_prefix& prefix : prefixes) {
    if (many)
      result += "\n  ";
    else if (result.size() > 1)
      result += ", ";
    result += quoted(to_string(prefix));
    if (many)
      result += ",";
  }
  return result + (many ? "\n]" : "]");
}

/// One table at the end of the text. Its heading comes with its first line, or not at all.
class table_writer {
public:
  /// `text` outlives the writer.
  table_writer(std::string& text, std::string heading)
      : text_(text), heading_(std::move(heading)) {}

  void comment(std::string_view said) {
    open();
    text_.append("# ").append(said).append("\n");
  }

  void line(std::string_view key, std::string_view value) {
    open();
    text_.append(key).append(" = ").append(value).append("\n");
  }

  template <class Value>
  void unless(const Value& standard, std::string_view key, const Value& value) {
    if (value != standard)
      line(key, value_of(value));
  }

  void secret(std::string_view key, const secret_key& value, keys how) {
    if (how == keys::left_out)
      return comment(std::string(key) + " is not shown");
    open();
    text_.append(key).append(" = \"");
    append_secret_base64(text_, value);
    text_.append("\"\n");
  }

private:
  void open() {
    if (heading_.empty())
      return;
    text_.append(text_.empty() ? "" : "\n").append(heading_).append("\n");
    heading_.clear();
  }

  std::string& text_;
  std::string heading_;
};

void write(const interface_config& from, keys how, std::string& text) {
  const interface_config standard{};
  table_writer to(text, "[interface]");
  to.line("name", value_of(from.name));
  if (from.private_key)
    to.secret("private_key", from.private_key, how);
  else
    to.comment("there is no private_key");
  to.line("listen_port", value_of(std::uint32_t{from.listen_port}));
  to.line("addresses", value_of(from.addresses));
  to.line("mtu", value_of(from.mtu));
  if (from.fwmark != standard.fwmark)
    to.line("fwmark", quoted("0x" + hexadecimal(from.fwmark)));
  to.unless(standard.routes, "routes", from.routes);
  if (from.table)
    to.line("table", *from.table == main_route_table ? quoted("main") : value_of(*from.table));
}

void write(const tun_config& from, std::string& text) {
  const tun_config standard{};
  table_writer to(text, "[tun]");
  to.unless(standard.queues, "queues", from.queues);
  to.unless(standard.offload, "offload", from.offload);
  to.unless(standard.queue_length, "queue_length", from.queue_length);
}

void write(const udp_config& from, std::string& text) {
  const udp_config standard{};
  table_writer to(text, "[udp]");
  to.unless(standard.senders, "senders", from.senders);
  to.unless(standard.gso, "gso", from.gso);
  to.unless(standard.gro, "gro", from.gro);
  to.unless(standard.receive_buffer, "receive_buffer", from.receive_buffer);
  to.unless(standard.send_buffer, "send_buffer", from.send_buffer);
}

void write(const tunnel_config& from, std::string& text) {
  const tunnel_config standard{};
  table_writer to(text, "[tunnel]");
  to.unless(standard.cpu, "cpu", from.cpu);
  to.unless(standard.aead, "aead", from.aead);
}

void write(const credit_config& from, std::string& text) {
  const credit_config standard{};
  table_writer to(text, "[credit]");
  to.unless(standard.window, "window", from.window);
  to.unless(standard.target_delay, "target_delay", from.target_delay);
}

void write(const log_config& from, std::string& text) {
  const log_config standard{};
  table_writer to(text, "[log]");
  to.unless(standard.level, "level", from.level);
  for (const auto& [actor, level] : from.actors)
    to.line("actors." + key_part(actor), value_of(level));
  to.unless(standard.format, "format", from.format);
  to.unless(standard.target, "target", from.target);
}

void write(const admin_config& from, std::string& text) {
  const admin_config standard{};
  table_writer to(text, "[admin]");
  to.unless(standard.group, "group", from.group);
}

void write(const peer_config& from, keys how, std::string& text) {
  const peer_settings& settings = from.settings;
  const peer_config standard{};
  const std::string key = to_base64(settings.key);
  table_writer to(text, "[[peer]]");
  // A file may not use a key for a name. The peer has this one because another has the short form,
  // which is written; so it gets this one again.
  if (settings.name != key)
    to.line("name", value_of(settings.name));
  to.line("public_key", quoted(key));
  if (settings.preshared_key)
    to.secret("preshared_key", settings.preshared_key, how);
  to.unless(standard.settings.allowed_ips, "allowed_ips", settings.allowed_ips);
  if (from.remote)
    to.line("endpoint", value_of(from.remote->text()));
  if (settings.persistent_keepalive_s != 0)
    to.line("persistent_keepalive", value_of(std::uint32_t{settings.persistent_keepalive_s}));
  to.unless(standard.enabled, "enabled", from.enabled);
}

} // namespace

std::string to_toml(const config& from, keys how) {
  /// By which the line of a key is longer than the comment in its place, at most.
  constexpr std::size_t secret_octets_max = 64;
  std::string text;
  if (how == keys::shown)
    text.reserve(to_toml(from, keys::left_out).size() +
                 (from.peers.size() + 1) * secret_octets_max);
  const std::size_t room = text.capacity();
  write(from.interface, how, text);
  write(from.tun, text);
  write(from.udp, text);
  write(from.tunnel, text);
  write(from.credit, text);
  write(from.log, text);
  write(from.admin, text);
  for (const peer_config& peer : from.peers)
    write(peer, how, text);
  // A text that had moved would have left its keys behind in freed memory.
  TROUPE_ASSERT(how == keys::left_out || text.capacity() == room);
  return text;
}

} // namespace troupe::conf
