// A file that is replaced whole or not at all, even if the power fails meanwhile.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// `mode`: its permissions, from the first moment on. Beside it, `PATH.new` is used. Throws
/// std::system_error that names the file, and leaves what was there.
void write_whole(const std::string& path, std::string_view text, unsigned mode);

/// Likewise gone for good. Nothing, if it was not there.
void remove_file(const std::string& path);

} // namespace troupe
