#include "crypto/aead.hpp"

#include "crypto/primitives.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <vector>

namespace troupe::crypto {

namespace {

class sodium_engine final : public aead_engine {
public:
  [[nodiscard]] std::string_view name() const override { return "libsodium"; }

  void seal(std::span<const aead_job> jobs) override {
    for (const aead_job& job : jobs)
      crypto::seal(job.text, key_of(job), job.counter, {job.text, job.octets}, job.associated);
  }

  void open(std::span<aead_job> jobs) override {
    for (aead_job& job : jobs) {
      const const_bytes sealed{job.text, job.octets + tag_octets};
      job.authentic = crypto::open(job.text, key_of(job), job.counter, sealed, job.associated);
      if (!job.authentic)
        ::sodium_memzero(job.text, job.octets);
    }
  }

private:
  static key_view key_of(const aead_job& job) { return key_view(job.key, key_octets); }
};

/// Reproducible octets that repeat nowhere near.
std::uint8_t octet_at(std::size_t index) {
  return static_cast<std::uint8_t>(index * 31 + (index >> 8));
}

using packet = std::array<std::uint8_t, 2048 + tag_octets>;

bool agree(aead_engine& left, aead_engine& right, std::size_t octets, const std::uint8_t* key) {
  packet ours{};
  for (std::size_t i = 0; i < octets; ++i)
    ours[i] = octet_at(i);
  const packet plain = ours;
  packet theirs = ours;
  const aead_job mine{key, octets, ours.data(), octets, {}, false};
  const aead_job yours{key, octets, theirs.data(), octets, {}, false};
  left.seal({&mine, 1});
  right.seal({&yours, 1});
  if (ours != theirs)
    return false;
  aead_job opened = mine;
  left.open({&opened, 1});
  if (!opened.authentic ||
      !std::equal(plain.begin(), plain.begin() + static_cast<int>(octets), ours.begin()))
    return false;
  theirs[octets] ^= 1; // the first octet of the tag
  aead_job tampered{key, octets, theirs.data(), octets, {}, false};
  left.open({&tampered, 1});
  return !tampered.authentic &&
         std::all_of(theirs.begin(), theirs.begin() + static_cast<int>(octets),
                     [](std::uint8_t octet) { return octet == 0; });
}

} // namespace

std::unique_ptr<aead_engine> make_sodium_engine() {
  init_primitives(); // only then does libsodium use what the processor has
  return std::make_unique<sodium_engine>();
}

bool agrees_with_sodium(aead_engine& engine) {
  byte_array<key_octets> key{};
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = octet_at(i + 7);
  sodium_engine reference;
  // Poly1305 has blocks of 16 octets, ChaCha20 of 64; vector code takes up to 16 of those at once.
  for (const std::size_t block : {0U, 16U, 64U, 128U, 256U, 512U, 1024U, 1424U, 2032U})
    for (const std::size_t beyond : {0U, 1U, 15U, 16U})
      if (!agree(engine, reference, block + beyond, key.data()))
        return false;
  return true;
}

} // namespace troupe::crypto
