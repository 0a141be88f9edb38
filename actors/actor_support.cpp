#include "actors/actor_support.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

namespace troupe::actors {

thread_use use_of_this_thread(time_point now) {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  const auto time_of = [](const timeval& each) {
    return std::chrono::seconds(each.tv_sec) + std::chrono::microseconds(each.tv_usec);
  };
  return {now, time_of(used.ru_utime) + time_of(used.ru_stime), ::gettid(), duration::zero(),
          static_cast<std::uint64_t>(used.ru_nvcsw)};
}

duration cpu_time_of_this_thread() {
  timespec taken{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &taken);
  return std::chrono::seconds(taken.tv_sec) + std::chrono::nanoseconds(taken.tv_nsec);
}

duration time_without_cpu(int thread) {
  // "TIME-ON-CPU TIME-WAITING SLICES", in ns (Linux Documentation/scheduler/sched-stats.rst).
  std::ifstream schedule("/proc/self/task/" + std::to_string(thread) + "/schedstat");
  std::int64_t on_cpu = 0;
  std::int64_t waiting = 0;
  schedule >> on_cpu >> waiting;
  return duration(waiting);
}

void name_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

} // namespace troupe::actors
