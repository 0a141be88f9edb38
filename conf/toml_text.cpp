#include "conf/toml_text.hpp"

#include "messages/assert.hpp"

#include "conf/setting_list.hpp"

#include <string_view>

namespace troupe::conf {

namespace {

/// Appends to a text. A table's heading comes with its first line, or not at all.
class text_sink final : public setting_sink {
public:
  /// `text` outlives the sink.
  text_sink(std::string& text, keys how) : text_(text), how_(how) {}

  void table(std::string_view name) override { heading_ = "[" + std::string(name) + "]"; }
  void next_peer() { heading_ = "[[peer]]"; }

  void setting(std::string_view key, const std::string& value, bool standard) override {
    if (standard)
      return;
    open();
    text_.append(key).append(" = ").append(value).append("\n");
  }

  void secret(std::string_view key, const secret_key& value) override {
    open();
    if (how_ == keys::left_out) {
      text_.append("# ").append(key).append(" is not shown\n");
      return;
    }
    text_.append(key).append(" = \"");
    append_secret_base64(text_, value);
    text_.append("\"\n");
  }

  void secret_in_file(std::string_view key, const secret_key& value,
                      const std::string& file) override {
    if (how_ == keys::shown_with_files)
      secret(key, value);
    setting(std::string(key) + "_file", file, false);
  }

  void missing(std::string_view key) override {
    open();
    text_.append("# there is no ").append(key).append("\n");
  }

private:
  void open() {
    if (heading_.empty())
      return;
    text_.append(text_.empty() ? "" : "\n").append(heading_).append("\n");
    heading_.clear();
  }

  std::string& text_;
  keys how_;
  std::string heading_;
};

} // namespace

std::string to_toml(const config& from, keys how) {
  /// By which the line of a key is longer than the comment in its place, at most.
  constexpr std::size_t secret_octets_max = 64;
  std::string text;
  if (how != keys::left_out)
    text.reserve(to_toml(from, keys::left_out).size() +
                 (from.peers.size() + 1) * secret_octets_max);
  const std::size_t room = text.capacity();
  text_sink to(text, how);
  list_settings(from, to);
  for (const peer_config& peer : from.peers) {
    to.next_peer();
    list_settings(peer, to);
  }
  // A text that had moved would have left its keys behind in freed memory.
  TROUPE_ASSERT(how == keys::left_out || text.capacity() == room);
  return text;
}

} // namespace troupe::conf
