// What the kernel tells of this process's threads, whatever they do: also of one that hangs.
#pragma once

#include "messages/moment.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

struct thread_facts {
  int id = 0;
  /// As actors name theirs: 15 octets at most, which every actor's name fits into.
  std::string name;
  /// As in /proc: R runs or could, S sleeps, D is in the kernel and cannot be disturbed.
  char state = '?';
  /// The CPU that it ran on last.
  unsigned cpu = 0;
  /// It may run on no other.
  bool pinned = false;
  duration on_cpu{};
};

/// Of all threads. Reads two small files for each: not for the data path.
std::vector<thread_facts> threads_of_process();

/// `stat` is the text of /proc/PID/task/TID/stat; nothing if it is none.
std::optional<thread_facts> parse_thread_stat(std::string_view stat);

} // namespace troupe::actors
