#include "tools/key_commands.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "actors/system_random.hpp"
#include "crypto/primitives.hpp"
#include "tools/config_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>

namespace troupe::tools {

namespace {

/// Wiped whenever the scope ends. Reserved at once: growing would leave copies behind.
class secret_text {
public:
  secret_text() { text_.reserve(limits::key_input_octets_max); }
  secret_text(const secret_text&) = delete;
  secret_text& operator=(const secret_text&) = delete;
  ~secret_text() { wipe(text_); }

  std::string& operator*() { return text_; }
  std::string* operator->() { return &text_; }

private:
  std::string text_;
};

/// Not through stdio, whose buffer would keep it.
void write_line(std::string& text) {
  text += '\n';
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t done = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (done < 0 && errno != EINTR)
      throw std::system_error(errno, std::system_category(), "cannot write the key");
    written += done > 0 ? static_cast<std::size_t>(done) : 0;
  }
}

void warn_if_others_read_stdout() {
  struct stat target {};
  if (::fstat(STDOUT_FILENO, &target) == 0 && S_ISREG(target.st_mode) &&
      (target.st_mode & (S_IRGRP | S_IROTH)) != 0)
    std::fprintf(stderr, "troupectl: warning: others can read the file that the key is written to; "
                         "run: umask 077, and make a new key\n");
}

secret_key random_key() {
  return secret_key::make(
      [](std::span<std::uint8_t, key_octets> out) { actors::system_random().fill(out); });
}

/// RFC 7748, section 5.
secret_key clamped(const secret_key& key) {
  return secret_key::make([&key](std::span<std::uint8_t, key_octets> out) {
    const std::span<const std::uint8_t, key_octets> in = key.octets();
    std::copy(in.begin(), in.end(), out.begin());
    out.front() &= 0xf8;
    out.back() = static_cast<std::uint8_t>((out.back() & 0x7f) | 0x40);
  });
}

void print_secret(const secret_key& key) {
  warn_if_others_read_stdout();
  secret_text text;
  append_secret_base64(*text, key);
  write_line(*text);
}

/// What is longer than any key, with space around it, counts as nothing.
void read_stdin(secret_text& text) {
  text->resize(limits::key_input_octets_max);
  std::size_t filled = 0;
  while (filled < text->size()) {
    const ssize_t got = ::read(STDIN_FILENO, text->data() + filled, text->size() - filled);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw std::system_error(errno, std::system_category(), "cannot read the private key");
    if (got == 0)
      break;
    filled += static_cast<std::size_t>(got);
  }
  text->resize(filled < text->size() ? filled : 0);
}

std::string_view without_space_around(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

} // namespace

secret_key new_private_key() {
  return clamped(random_key());
}

std::string read_secret(const std::string& path) {
  secret_text text;
  if (path == "-") {
    read_stdin(text);
  } else {
    std::variant<conf::key_text, conf::key_unreadable> read = read_key_file(path);
    if (const conf::key_unreadable* const failure = std::get_if<conf::key_unreadable>(&read))
      throw std::runtime_error(path + ": " + failure->why);
    std::string& content = std::get<conf::key_text>(read).text;
    text->assign(content.size() <= limits::key_input_octets_max ? content : "");
    wipe(content);
  }
  const std::string_view key = without_space_around(*text);
  if (!secret_key_from_base64(key))
    throw std::runtime_error((path == "-" ? "what was read" : path) +
                             std::string(" is no key: 44 characters of base64 are wanted, as "
                                         "`troupectl genpsk` prints"));
  return std::string(key);
}

void generate_private_key() {
  print_secret(new_private_key());
}

void generate_preshared_key() {
  print_secret(random_key());
}

void derive_public_key() {
  crypto::init_primitives();
  secret_text text;
  read_stdin(text);
  const std::optional<secret_key> key = secret_key_from_base64(without_space_around(*text));
  if (!key)
    throw std::runtime_error("what was read is no private key: 44 characters of base64 are wanted, "
                             "as genkey prints them");
  std::string line = to_base64(crypto::derive_public(*key));
  write_line(line);
}

} // namespace troupe::tools
