// One table of the document, read by key and type. Decides what a wrong type, an unknown key and a
// number out of range are told; the meaning of the keys is its callers' business.
#pragma once

#include "messages/limits.hpp"

#include "conf/config_error.hpp"
#include "conf/document.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::conf {

/// The errors of one file, in whatever order they are found: the first of them, if they are many.
class error_list {
public:
  explicit error_list(std::string file, bool others_can_read = false, bool kept_by_daemon = false)
      : file_(std::move(file)), others_can_read_(others_can_read), kept_by_daemon_(kept_by_daemon) {
  }

  void add(position at, std::string text);
  [[nodiscard]] bool full() const { return errors_.size() >= limits::config_errors_max; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] bool others_can_read() const { return others_can_read_; }
  [[nodiscard]] bool kept_by_daemon() const { return kept_by_daemon_; }
  /// By position; the list is empty afterwards.
  std::vector<config_error> take_sorted();

private:
  std::string file_;
  bool others_can_read_;
  bool kept_by_daemon_;
  std::vector<config_error> errors_;
};

class section {
public:
  /// `table` and `errors` outlive the section. `title` is what errors call it: `[udp]`.
  section(value& table, std::string title, error_list& errors)
      : table_(table), title_(std::move(title)), errors_(errors) {}

  [[nodiscard]] position at() const { return table_.at; }
  void error(position at, std::string text) { errors_.add(at, std::move(text)); }
  /// See source_file.
  [[nodiscard]] bool kept_by_daemon() const { return errors_.kept_by_daemon(); }
  /// An error if others can read the file in which a secret stands at `at`.
  void expect_private(position at);

  /// An error for each key that is none of these.
  void expect_only(std::span<const std::string_view> known);

  /// All of these return nothing when the key is absent, or when it is wrong and now an error.
  value* find(std::string_view key);
  value* find(std::string_view key, value::kind kind);
  std::optional<std::uint32_t> number(std::string_view key, std::uint32_t min, std::uint32_t max);
  std::optional<bool> boolean(std::string_view key);
  /// Only strings are left in it.
  value* strings(std::string_view key);
  /// The index of the string in `words`.
  std::optional<std::size_t> choice(std::string_view key, std::span<const std::string_view> words);
  std::optional<std::size_t> choice(const value& given, std::string_view key,
                                    std::span<const std::string_view> words);
  std::optional<std::uint32_t> number(const value& given, std::string_view key, std::uint32_t min,
                                      std::uint32_t max);

private:
  bool is(const value& given, std::string_view key, value::kind kind);

  value& table_;
  std::string title_;
  error_list& errors_;
};

} // namespace troupe::conf
