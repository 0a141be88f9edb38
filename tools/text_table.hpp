// A table of text in columns, and how its cells are written.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace troupe::tools {

enum class align : std::uint8_t { left, right };

/// Rows of cells, the first row being the headings. The last column is never filled up.
class text_table {
public:
  explicit text_table(std::vector<align> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] std::string text() const;

private:
  void append_cell(std::string& out, const std::string& cell, std::size_t column,
                   std::size_t width) const;

  std::vector<align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// `0 B`, `1023 B`, `1.0 KiB`, ..., with one decimal, rounded.
std::string human_octets(std::uint64_t octets);
/// Columns that UTF-8 text takes on a terminal.
std::size_t display_width(const std::string& text);

} // namespace troupe::tools
