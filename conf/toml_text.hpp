// From a configuration back to TOML text, which `parse_config` reads as that configuration. Decides
// which settings are worth a line, in the order of README.md's table; its words: conf/words.hpp.
#pragma once

#include "conf/config.hpp"

#include <cstdint>
#include <string>

namespace troupe::conf {

/// `shown_with_files`: a key that came from a file stands beside the name of that file, which only
/// a source_file of `kept_by_daemon` may say.
enum class keys : std::uint8_t { left_out, shown, shown_with_files };

/// Linear in what exists. Of the settings that have their defaults only the interface's name, port,
/// addresses and MTU are written.
///
/// With secret keys shown, the text is for its receiver to wipe; no other copy of them is left.
/// With keys left out, a comment stands where each was: nobody can apply that text before he has
/// put the private key in, and a preshared key that he forgets is one that the peer no longer has.
///
/// Read back, a configuration is the same in all but the places where peers were written. A peer
/// that is named by its whole key, as another had the first letters, takes these if they are free
/// by now. What no file may say and UAPI may have brought is refused: an interface without a
/// private key, an endpoint that is no address of one host. Strings are UTF-8, as all from TOML
/// are.
std::string to_toml(const config& from, keys how);

} // namespace troupe::conf
