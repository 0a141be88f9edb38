#include "actors/affinity.hpp"

#include "messages/limits.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <stdexcept>

namespace troupe::actors {

namespace {

/// Nothing when another daemon holds it. Where no lock can be made, nobody else can hold one.
std::optional<unique_fd> try_lock(unsigned cpu, const std::string& directory) {
  ::mkdir(directory.c_str(), 0755);
  const std::string path = directory + "/cpu-" + std::to_string(cpu) + ".lock";
  unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file)
    return file;
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0)
    return std::nullopt;
  return file;
}

} // namespace

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0)
    return cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set))
      cpus.push_back(cpu);
  return cpus;
}

cpu_claim claim_any_cpu(const std::string& directory, const std::vector<unsigned>& allowed) {
  if (allowed.size() < 2)
    return {std::nullopt, "only one CPU is allowed", {}};
  for (std::size_t i = allowed.size(); i-- > 0;)
    if (std::optional<unique_fd> lock = try_lock(allowed[i], directory))
      return {allowed[i], "the highest CPU that no other troupe has", std::move(*lock)};
  return {std::nullopt, "every allowed CPU is taken by another troupe", {}};
}

cpu_claim claim_cpu(unsigned cpu, const std::string& directory) {
  for (const unsigned allowed : allowed_cpus())
    if (allowed == cpu)
      return {cpu, "as configured", try_lock(cpu, directory).value_or(unique_fd())};
  throw std::runtime_error("tunnel.cpu = " + std::to_string(cpu) +
                           ": this process may not run there; see its affinity mask (taskset) and "
                           "cgroup, or set tunnel.cpu = \"auto\"");
}

void pin_thread(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

bool prefer_thread() {
  // In Linux of this thread alone. The kernel cuts what is below -20.
  const int usual = ::getpriority(PRIO_PROCESS, 0);
  return ::setpriority(PRIO_PROCESS, 0, usual + limits::tunnel_nice) == 0;
}

} // namespace troupe::actors
