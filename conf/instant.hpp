// Moments as files and people write them: `2027-01-01T00:00:00Z`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::conf {

/// In UTC, as TOML has it.
std::string to_text(std::chrono::sys_seconds instant);

/// With `Z` or an offset, as TOML has it; nothing if it is anything else.
std::optional<std::chrono::sys_seconds> parse_instant(std::string_view text);

/// What is wrong with when a peer expires, as it was read, to be said behind its name; empty when
/// nothing is.
std::string expiry_fault(const std::optional<std::chrono::sys_seconds>& read);

} // namespace troupe::conf
