#include "tools/text_table.hpp"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <cstdio>
#include <cwchar>

namespace troupe::tools {

std::string text_table::text() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const std::vector<std::string>& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  std::string out;
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      append_cell(out, row[i], i, widths[i]);
    out += '\n';
  }
  return out;
}

void text_table::append_cell(std::string& out, const std::string& cell, std::size_t column,
                             std::size_t width) const {
  const std::string filling(width - display_width(cell), ' ');
  if (column > 0)
    out += "  ";
  if (columns_[column] == align::right)
    out += filling;
  out += cell;
  if (columns_[column] == align::left && column + 1 < columns_.size())
    out += filling;
}

std::string human_octets(std::uint64_t octets) {
  if (octets < 1024)
    return std::to_string(octets) + " B";
  double value = static_cast<double>(octets);
  const char* unit = "";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}) {
    value /= 1024;
    unit = larger;
    if (value < 1023.95) // what rounds to 1024.0 belongs to the next unit
      break;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, unit);
  return text;
}

std::size_t display_width(const std::string& text) {
  // The C library's knowledge of characters, whatever locale the program runs in; kept for good.
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t former = ::uselocale(utf8);
  std::size_t width = 0;
  std::mbstate_t state{};
  for (std::size_t at = 0; at < text.size();) {
    wchar_t character = 0;
    const std::size_t taken = std::mbrtowc(&character, text.data() + at, text.size() - at, &state);
    if (taken == 0 || taken > text.size() - at) { // no character: one octet, one column
      state = {};
      ++width;
      ++at;
      continue;
    }
    const int columns = ::wcwidth(character);
    width += columns > 0 ? static_cast<std::size_t>(columns) : 0;
    at += taken;
  }
  ::uselocale(former);
  return width;
}

} // namespace troupe::tools
