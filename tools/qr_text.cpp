#include "tools/qr_text.hpp"

#include <qrencode.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace troupe::tools {

namespace {

/// The light frame that a reader needs (ISO/IEC 18004 section 6.3.8).
constexpr int quiet_zone = 4;

void wipe_and_free(QRcode* code) {
  std::memset(code->data, 0,
              static_cast<std::size_t>(code->width) * static_cast<std::size_t>(code->width));
  QRcode_free(code);
}

} // namespace

std::string qr_text(const std::string& text) {
  const std::unique_ptr<QRcode, void (*)(QRcode*)> code(
      QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_L), wipe_and_free);
  if (!code)
    throw std::runtime_error("the file is too long for a QR code");
  const int width = code->width;
  const auto is_dark = [&](int row, int column) {
    return row >= 0 && column >= 0 && row < width && column < width &&
           (code->data[row * width + column] & 1) != 0;
  };
  constexpr const char* black_on_white = "\033[38;2;0;0;0;48;2;255;255;255m";
  constexpr const char* as_before = "\033[0m";
  std::string out;
  for (int row = -quiet_zone; row < width + quiet_zone; row += 2) {
    out += black_on_white;
    for (int column = -quiet_zone; column < width + quiet_zone; ++column) {
      const bool upper = is_dark(row, column);
      const bool lower = is_dark(row + 1, column);
      out += upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ");
    }
    out.append(as_before).append("\n");
  }
  return out;
}

} // namespace troupe::tools
