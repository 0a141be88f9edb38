// The shape of `actors`, for scripts: each actor, whether it answers or not. Keys may be added,
// none is renamed.
#pragma once

#include "messages/status.hpp"

#include "actors/thread_facts.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// An actor as one roll call finds it.
struct roll_entry {
  std::string actor;
  /// What it says of itself; absent: it has not answered.
  std::optional<stage_status> told;
  /// As the kernel had it before it was asked; absent: it has none of its own.
  std::optional<thread_facts> thread;
};

struct roll {
  time_point at{};
  std::vector<roll_entry> entries;
};

/// {seconds, actors: [...]}. Rates and shares are of the time since `before`; without one they are
/// 0. What is not known, or does not exist, is null.
nlohmann::ordered_json actors_json(const roll& now, const roll* before);

/// `running`, `idle`, `waits for credit`, `not answering`, ...
std::string state_of(const roll_entry& entry);

} // namespace troupe::actors
