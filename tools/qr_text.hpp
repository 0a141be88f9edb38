// A text as a QR code that a terminal shows and a camera reads.
#pragma once

#include <string>

namespace troupe::tools {

/// Two rows of modules in a line of characters, dark on light whatever the terminal's colours are.
/// Throws std::runtime_error when the text is too long for any QR code. No copy of it is left.
std::string qr_text(const std::string& text);

} // namespace troupe::tools
