#include "actors/thread_facts.hpp"

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace troupe::actors {

namespace {

bool is_pinned(int thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(thread, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
}

/// To the nanosecond, where the kernel keeps count (CONFIG_SCHED_INFO).
std::optional<duration> exact_time(const std::filesystem::path& task) {
  std::int64_t on_cpu = 0;
  if (std::ifstream(task / "schedstat") >> on_cpu && on_cpu > 0)
    return duration(on_cpu);
  return std::nullopt;
}

} // namespace

std::optional<thread_facts> parse_thread_stat(std::string_view stat) {
  // proc(5): "TID (NAME) STATE ...", and a name may hold parentheses.
  const std::size_t begin = stat.find('(');
  const std::size_t end = stat.rfind(')');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return std::nullopt;
  constexpr int utime = 14;
  constexpr int stime = 15;
  constexpr int processor = 39;
  thread_facts found;
  found.name = stat.substr(begin + 1, end - begin - 1);
  std::istringstream before{std::string(stat.substr(0, begin))};
  std::istringstream fields{std::string(stat.substr(end + 1))};
  before >> found.id;
  fields >> found.state;
  std::uint64_t ticks = 0;
  std::uint64_t value = 0; // of those below zero none is of interest
  for (int number = 4; number <= processor && fields >> value; ++number) {
    if (number == utime || number == stime)
      ticks += value;
    if (number == processor)
      found.cpu = static_cast<unsigned>(value);
  }
  if (!before || !fields)
    return std::nullopt;
  found.on_cpu =
      std::chrono::seconds(1) * static_cast<std::int64_t>(ticks) / ::sysconf(_SC_CLK_TCK);
  return found;
}

std::vector<thread_facts> threads_of_process() {
  std::vector<thread_facts> found;
  std::error_code none; // no /proc: nothing to tell
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none)) {
    std::ifstream file(task.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    std::optional<thread_facts> one = parse_thread_stat(stat);
    if (!one) // it has ended meanwhile
      continue;
    one->pinned = is_pinned(one->id);
    one->on_cpu = exact_time(task.path()).value_or(one->on_cpu);
    found.push_back(std::move(*one));
  }
  return found;
}

} // namespace troupe::actors
