#include "messages/slab.hpp"

#include "messages/assert.hpp"
#include "messages/limits.hpp"

#include <sys/mman.h>

#include <new>

namespace troupe {

static_assert(sizeof(arrival) + sizeof(transmit) + sizeof(delivery) + sizeof(dropped) <=
                  limits::descriptor_octets_max,
              "the sum in limits.hpp counts them");

slab::slab(std::string_view origin, std::size_t octets, std::size_t descriptors_max,
           std::shared_ptr<slab_home> home)
    : origin_(origin), octets_(octets), memory_(nullptr, unmap{octets}), home_(std::move(home)) {
  // mmap, so that pages cost nothing until a packet lies in them.
  void* mapped =
      ::mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    throw std::bad_alloc();
  memory_.reset(static_cast<std::uint8_t*>(mapped));
  arrivals.reserve(descriptors_max);
  transmits.reserve(descriptors_max);
  deliveries.reserve(descriptors_max);
  drops.reserve(descriptors_max);
}

void slab::unmap::operator()(std::uint8_t* memory) const noexcept {
  ::munmap(memory, octets);
}

bare_slab slab::make(std::string_view origin, std::size_t octets, std::size_t descriptors_max,
                     std::shared_ptr<slab_home> home) {
  return bare_slab(new slab(origin, octets, descriptors_max, std::move(home)));
}

slab_ref slab::launch(bare_slab&& bare, std::uint64_t serial, time_point filled,
                      std::size_t filled_octets) {
  slab* const launched = std::exchange(bare.slab_, nullptr);
  TROUPE_ASSERT(launched != nullptr);
  TROUPE_ASSERT(launched->references_.load(std::memory_order_relaxed) == 1);
  launched->serial_ = serial;
  launched->filled_at_ = filled;
  launched->filled_octets_ = filled_octets;
  return slab_ref(launched);
}

void slab_goes_home::last_gone(slab* counted) noexcept {
  counted->reached_the_end_ = !counted->transmits.empty() || !counted->deliveries.empty();
  counted->arrivals.clear();
  counted->transmits.clear();
  counted->deliveries.clear();
  counted->drops.clear();
  counted->references_.store(1, std::memory_order_relaxed);
  // A home without a reader drops the slab, which may own the last share in that very home.
  const std::shared_ptr<slab_home> home = counted->home_;
  home->take_back(bare_slab(counted));
}

void slab_is_freed::last_gone(slab* counted) noexcept {
  delete counted;
}

} // namespace troupe
