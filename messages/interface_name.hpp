// What a network interface of troupe may be called: in a file, on a command line, to the kernel.
#pragma once

#include <string_view>

namespace troupe {

/// As wg-quick: 1 to 15 of a-z A-Z 0-9 _ = + . -, but not "." or "..". Beyond that not "all" or
/// "default", which mean something else under /proc/sys/net, and nothing that starts as an option
/// does. (The kernel allows more, and takes `%d` for a number of its own choice.)
bool is_interface_name(std::string_view name);

} // namespace troupe
