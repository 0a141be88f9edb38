// Memory that must not be touched, for AddressSanitizer if the program has it.
#pragma once

#include "messages/bytes.hpp"

extern "C" {
__attribute__((weak)) void __asan_poison_memory_region(const volatile void* from, std::size_t);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* from, std::size_t);
}

namespace troupe::fuzz {

class poisoned {
public:
  explicit poisoned(bytes what) : what_(what) {
    if (__asan_poison_memory_region != nullptr)
      __asan_poison_memory_region(what_.data(), what_.size());
  }
  ~poisoned() {
    if (__asan_unpoison_memory_region != nullptr)
      __asan_unpoison_memory_region(what_.data(), what_.size());
  }
  poisoned(const poisoned&) = delete;
  poisoned& operator=(const poisoned&) = delete;

private:
  bytes what_;
};

} // namespace troupe::fuzz
