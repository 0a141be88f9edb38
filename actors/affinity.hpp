// Which CPU the TUNNEL sits on, and before whom it runs there. Daemons of one machine tell each
// other which they have taken by a lock on a file, so that two of them do not share a core while
// another one is free. Those in containers with a /run of their own do not see each other.
#pragma once

#include "messages/unique_fd.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

struct cpu_claim {
  /// Absent: unpinned.
  std::optional<unsigned> cpu;
  /// Why it is so.
  std::string reason;
  /// Held as long as the claim is.
  unique_fd lock;

  /// For the log and the status: where TUNNEL sits, and why.
  [[nodiscard]] std::string text() const {
    return (cpu ? "CPU " + std::to_string(*cpu) : "any CPU") + ": " + reason;
  }
};

/// What the calling thread's affinity mask, and with it the cgroup's, lets it use; ascending.
std::vector<unsigned> allowed_cpus();

/// Takes one of `allowed` that no other troupe on the machine has claimed, the highest first, since
/// interrupts tend to the lowest. Unpinned where only one CPU is allowed, or all are taken.
cpu_claim claim_any_cpu(const std::string& directory,
                        const std::vector<unsigned>& allowed = allowed_cpus());
/// Takes `cpu`. Throws std::runtime_error if this process may not use it.
cpu_claim claim_cpu(unsigned cpu, const std::string& directory);

/// Pins the calling thread.
void pin_thread(unsigned cpu);

/// Lets the calling thread run before the process's others (by limits::tunnel_nice). False, and
/// nothing changed, without CAP_SYS_NICE.
[[nodiscard]] bool prefer_thread();

} // namespace troupe::actors
