// Signals as something to read instead of something that interrupts.
#pragma once

#include "messages/unique_fd.hpp"

#include <vector>

namespace troupe::tools {

/// Blocks the signals in this and all later threads, and makes them readable (signalfd(2)). SIGPIPE
/// becomes an error of who writes. Throws std::system_error.
unique_fd signals_as_descriptor(const std::vector<int>& signals);

} // namespace troupe::tools
