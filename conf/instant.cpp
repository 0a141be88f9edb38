#include "conf/instant.hpp"

#include "conf/document.hpp"

#include <array>
#include <cstdio>
#include <variant>

namespace troupe::conf {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

/// What TOML has four digits for, in any offset.
constexpr sys_seconds first_of_all = sys_days(year{1970} / 1 / 1);
constexpr sys_seconds end_of_all = sys_days(year{9999} / 1 / 1);

} // namespace

std::string to_text(sys_seconds instant) {
  const sys_days day = floor<days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(instant - day);
  std::array<char, 64> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<sys_seconds> parse_instant(std::string_view text) {
  const std::variant<value, config_error> read =
      parse_document("", "instant = " + std::string(text));
  const value* const root = std::get_if<value>(&read);
  return root != nullptr && root->members.size() == 1 ? root->members.front().content.instant
                                                      : std::nullopt;
}

std::string expiry_fault(const std::optional<sys_seconds>& read) {
  if (!read)
    return "must be a date that there is, with a time and an offset, as 2027-01-01T00:00:00Z";
  if (*read < first_of_all || *read >= end_of_all)
    return "must be from 1970 to 9998";
  return {};
}

} // namespace troupe::conf
