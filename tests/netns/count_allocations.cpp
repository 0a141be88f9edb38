// Preloaded into a daemon (LD_PRELOAD), counts what it allocates on the heap, in the file that
// ALLOCATION_COUNT names: one 64-bit number, which the test reads while the daemon runs. C++'s
// operator new comes through malloc.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

std::atomic<std::uint64_t> uncounted{0};
std::atomic<std::uint64_t>* allocations = &uncounted;

[[gnu::constructor]] void open_count() {
  const char* const path = std::getenv("ALLOCATION_COUNT");
  if (path == nullptr)
    return;
  const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof uncounted) != 0)
    std::abort();
  void* const shared =
      ::mmap(nullptr, sizeof uncounted, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (shared == MAP_FAILED)
    std::abort();
  allocations = static_cast<std::atomic<std::uint64_t>*>(shared);
}

void count() {
  allocations->fetch_add(1, std::memory_order_relaxed);
}

} // namespace

// glibc's own names for what is replaced here.
extern "C" {
void* __libc_malloc(std::size_t octets);
void* __libc_calloc(std::size_t count, std::size_t octets);
void* __libc_realloc(void* old, std::size_t octets);
void* __libc_memalign(std::size_t alignment, std::size_t octets);

void* malloc(std::size_t octets) {
  count();
  return __libc_malloc(octets);
}

void* calloc(std::size_t of, std::size_t octets) {
  count();
  return __libc_calloc(of, octets);
}

void* realloc(void* old, std::size_t octets) {
  count();
  return __libc_realloc(old, octets);
}

void* aligned_alloc(std::size_t alignment, std::size_t octets) {
  count();
  return __libc_memalign(alignment, octets);
}
}
