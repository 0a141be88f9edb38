// Which CPU the TUNNEL sits on, and before whom it runs there. Daemons of one machine tell each
// other which they have taken by a lock on a file, so that two of them do not share a core while
// another one is free.
#pragma once

#include "messages/unique_fd.hpp"

#include <optional>
#include <string>

namespace troupe::actors {

struct cpu_claim {
  /// Absent: unpinned.
  std::optional<unsigned> cpu;
  /// Why it is so, for the log.
  std::string reason;
  /// Held as long as the claim is.
  unique_fd lock;
};

/// Takes a CPU that this process may use and that no other troupe on the machine has claimed, the
/// highest first, since interrupts tend to the lowest. Unpinned where only one CPU is allowed, or
/// all are taken.
cpu_claim claim_any_cpu(const std::string& directory);
/// Takes `cpu`. Throws std::runtime_error if this process may not use it.
cpu_claim claim_cpu(unsigned cpu, const std::string& directory);

/// Pins the calling thread.
void pin_thread(unsigned cpu);

/// Lets the calling thread run before the process's others (by limits::tunnel_nice). False, and
/// nothing changed, without CAP_SYS_NICE.
[[nodiscard]] bool prefer_thread();

} // namespace troupe::actors
