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
/// Engines may work on several packets abreast: more than any does, and no multiple of that.
constexpr std::size_t batch = 19;
constexpr std::size_t tampered = 7;

/// A batch of packets of `octets` each seals as the reference does it, opens again, and what was
/// tampered with is refused and wiped.
bool agree(aead_engine& left, aead_engine& right, std::size_t octets,
           const std::array<byte_array<key_octets>, 2>& keys) {
  std::vector<packet> ours(batch);
  for (std::size_t i = 0; i < batch; ++i)
    for (std::size_t at = 0; at < octets; ++at)
      ours[i][at] = octet_at(at + i);
  const std::vector<packet> plain = ours;
  std::vector<packet> theirs = ours;
  std::array<aead_job, batch> mine;
  std::array<aead_job, batch> yours;
  for (std::size_t i = 0; i < batch; ++i) {
    mine[i] = {keys[i / 12].data(), octets + i, ours[i].data(), octets, {}, false};
    yours[i] = mine[i];
    yours[i].text = theirs[i].data();
  }
  left.seal(mine);
  right.seal(yours);
  if (ours != theirs)
    return false;
  ours[tampered][octets] ^= 1; // the first octet of the tag
  left.open(mine);
  for (std::size_t i = 0; i < batch; ++i) {
    const packet expected = i == tampered ? packet{} : plain[i];
    if (mine[i].authentic != (i != tampered) ||
        !std::equal(ours[i].begin(), ours[i].begin() + static_cast<int>(octets), expected.begin()))
      return false;
  }
  return true;
}

} // namespace

std::unique_ptr<aead_engine> make_sodium_engine() {
  init_primitives(); // only then does libsodium use what the processor has
  return std::make_unique<sodium_engine>();
}

bool agrees_with_sodium(aead_engine& engine) {
  std::array<byte_array<key_octets>, 2> keys;
  for (std::size_t i = 0; i < key_octets; ++i) {
    keys[0][i] = octet_at(i + 7);
    keys[1][i] = octet_at(i + 99);
  }
  sodium_engine reference;
  // Poly1305 has blocks of 16 octets, ChaCha20 of 64; vector code takes up to 16 of those at once.
  for (const std::size_t block : {0U, 16U, 64U, 128U, 256U, 512U, 1024U, 1424U, 2032U})
    for (const std::size_t beyond : {0U, 1U, 15U, 16U})
      if (!agree(engine, reference, block + beyond, keys))
        return false;
  return true;
}

} // namespace troupe::crypto
