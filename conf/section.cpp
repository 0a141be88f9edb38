#include "conf/section.hpp"

#include "conf/wording.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace troupe::conf {

void error_list::add(position at, std::string text) {
  if (errors_.size() + 1 == limits::config_errors_max)
    text = "more is wrong than is told here; mend the rest first";
  if (!full())
    errors_.push_back({{file_, at.line, at.column}, std::move(text)});
}

std::vector<config_error> error_list::take_sorted() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const config_error& left, const config_error& right) {
                     return std::tie(left.where.line, left.where.column) <
                            std::tie(right.where.line, right.where.column);
                   });
  return std::exchange(errors_, {});
}

void section::expect_private(position at) {
  if (errors_.others_can_read())
    error(at, "this file holds a key and others can read it; run: chmod go-r " + errors_.file());
}

void section::expect_only(std::span<const std::string_view> known) {
  for (const member& given : table_.members) {
    if (errors_.full())
      return;
    if (std::find(known.begin(), known.end(), given.key) == known.end())
      error(given.at,
            "unknown key " + shown(given.key) + " in " + title_ + suggestion(given.key, known));
  }
}

value* section::find(std::string_view key) {
  const std::vector<member>::iterator found =
      std::find_if(table_.members.begin(), table_.members.end(),
                   [&](const member& given) { return given.key == key; });
  return found == table_.members.end() ? nullptr : &found->content;
}

bool section::is(const value& given, std::string_view key, value::kind kind) {
  if (given.what == kind)
    return true;
  error(given.at, "`" + std::string(key) + "` must be " + std::string(kind_name(kind)) + ", not " +
                      std::string(kind_name(given.what)));
  return false;
}

value* section::find(std::string_view key, value::kind kind) {
  value* const given = find(key);
  return given != nullptr && is(*given, key, kind) ? given : nullptr;
}

std::optional<std::uint32_t> section::number(const value& given, std::string_view key,
                                             std::uint32_t min, std::uint32_t max) {
  if (!is(given, key, value::kind::integer))
    return std::nullopt;
  if (given.number >= std::int64_t{min} && given.number <= std::int64_t{max})
    return static_cast<std::uint32_t>(given.number);
  error(given.at, "`" + std::string(key) + "` is " + std::to_string(given.number) +
                      "; it must be from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::optional<std::uint32_t> section::number(std::string_view key, std::uint32_t min,
                                             std::uint32_t max) {
  const value* const given = find(key);
  return given == nullptr ? std::nullopt : number(*given, key, min, max);
}

std::optional<bool> section::boolean(std::string_view key) {
  const value* const given = find(key, value::kind::boolean);
  return given == nullptr ? std::nullopt : std::optional(given->number != 0);
}

value* section::strings(std::string_view key) {
  value* const given = find(key, value::kind::array);
  if (given == nullptr)
    return nullptr;
  std::vector<value>& items = given->items;
  items.erase(std::remove_if(items.begin(), items.end(),
                             [&](const value& item) {
                               if (item.what == value::kind::string)
                                 return false;
                               error(item.at, "`" + std::string(key) + "` must hold strings, not " +
                                                  std::string(kind_name(item.what)));
                               return true;
                             }),
              items.end());
  return given;
}

std::optional<std::size_t> section::choice(const value& given, std::string_view key,
                                           std::span<const std::string_view> words) {
  if (!is(given, key, value::kind::string))
    return std::nullopt;
  const std::span<const std::string_view>::iterator found =
      std::find(words.begin(), words.end(), given.text);
  if (found != words.end())
    return static_cast<std::size_t>(found - words.begin());
  std::string all;
  for (const std::string_view word : words)
    all += (all.empty() ? "\"" : ", \"") + std::string(word) + "\"";
  error(given.at,
        "`" + std::string(key) + "` is " + shown(given.text) + "; it must be one of " + all);
  return std::nullopt;
}

std::optional<std::size_t> section::choice(std::string_view key,
                                           std::span<const std::string_view> words) {
  const value* const given = find(key);
  return given == nullptr ? std::nullopt : choice(*given, key, words);
}

} // namespace troupe::conf
