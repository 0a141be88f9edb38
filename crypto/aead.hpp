// ChaCha20-Poly1305 (RFC 8439) for transport data, a batch at a time: by libsodium, the reference;
// by intel-ipsec-mb, three times as fast where the processor has AVX-512; or by libgcrypt, which is
// ahead where registers are narrower.
// Handshakes are not its matter; they use primitives.hpp.
//
// An engine is used by one thread at a time. Keys are read where they lie.
#pragma once

#include "messages/bytes.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace troupe::crypto {

/// One packet, sealed or opened in place, its tag behind it.
struct aead_job {
  const std::uint8_t* key = nullptr; // 32 octets
  std::uint64_t counter = 0;         // the nonce
  std::uint8_t* text = nullptr;      // `octets`, then room for the tag
  std::size_t octets = 0;
  /// Transport data has none; published vectors do.
  const_bytes associated;
  /// After `open`.
  bool authentic = false;
};

class aead_engine {
public:
  virtual ~aead_engine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;

  virtual void seal(std::span<const aead_job> jobs) = 0;
  /// Where the tag does not fit, the text is zeros afterwards, and not authentic.
  virtual void open(std::span<aead_job> jobs) = 0;
};

std::unique_ptr<aead_engine> make_sodium_engine();
/// Null where it was not built in, or the library has nothing for this processor.
std::unique_ptr<aead_engine> make_ipsec_mb_engine();
/// Null where the library may not do this cipher (FIPS mode).
std::unique_ptr<aead_engine> make_libgcrypt_engine();

/// Whether `engine` seals what libsodium seals, octet for octet, opens it, and refuses what was
/// tampered with; over lengths around every boundary that implementations know.
[[nodiscard]] bool agrees_with_sodium(aead_engine& engine);

} // namespace troupe::crypto
