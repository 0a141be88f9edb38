#include "crypto/primitives.hpp"

#include "messages/assert.hpp"

#include <blake2.h>
#include <sodium.h>

#include <algorithm>
#include <initializer_list>

namespace troupe::crypto {

namespace {

constexpr std::size_t block_octets = BLAKE2S_BLOCKBYTES;

/// One run of BLAKE2s. The state holds what was hashed, so it is wiped.
class hasher {
public:
  explicit hasher(std::size_t digest_octets, const_bytes key = {}) {
    // The library refuses an empty key, which for BLAKE2s is none.
    const int failed = key.empty()
                           ? blake2s_init(&state_, digest_octets)
                           : blake2s_init_key(&state_, digest_octets, key.data(), key.size());
    TROUPE_ASSERT(failed == 0);
  }
  hasher(const hasher&) = delete;
  hasher& operator=(const hasher&) = delete;
  ~hasher() { sodium_memzero(&state_, sizeof state_); }

  void update(const_bytes input) {
    if (!input.empty())
      blake2s_update(&state_, input.data(), input.size());
  }
  void finish(bytes digest) { blake2s_final(&state_, digest.data(), digest.size()); }

private:
  blake2s_state state_;
};

/// RFC 2104 with the input in parts, so that HKDF need not join them.
void hmac_into(bytes digest, const_bytes key, std::initializer_list<const_bytes> input) {
  byte_array<block_octets> block{};
  if (key.size() > block.size()) {
    hasher shortened(hash_octets);
    shortened.update(key);
    shortened.finish(bytes(block).first<hash_octets>());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }

  for (std::uint8_t& octet : block)
    octet ^= 0x36;
  hash inner_digest;
  hasher inner(hash_octets);
  inner.update(block);
  for (const const_bytes part : input)
    inner.update(part);
  inner.finish(inner_digest);

  for (std::uint8_t& octet : block)
    octet ^= 0x36 ^ 0x5c;
  hasher outer(hash_octets);
  outer.update(block);
  outer.update(inner_digest);
  outer.finish(digest);

  wipe(block);
  wipe(inner_digest);
}

/// RFC 5869 without salt and info. Neither key nor input is read once the first output is written.
void hkdf(std::initializer_list<bytes> outputs, const_bytes key, const_bytes input) {
  hash extracted;
  hmac_into(extracted, key, {input});
  const_bytes before;
  std::uint8_t counter = 1;
  for (const bytes output : outputs) {
    TROUPE_ASSERT(output.size() == hash_octets);
    hmac_into(output, extracted, {before, const_bytes(&counter, 1)});
    before = output;
    ++counter;
  }
  wipe(extracted);
}

/// Section 5.4.6: 32 zero bits, then the counter in little endian.
byte_array<crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce_of(std::uint64_t counter) {
  byte_array<crypto_aead_chacha20poly1305_ietf_NPUBBYTES> result{};
  store_le64(result.data() + 4, counter);
  return result;
}

} // namespace

void init_primitives() {
  TROUPE_ASSERT(sodium_init() >= 0);
  // libb2 chooses its code for this processor on the first call of each function: here, so that
  // threads need not race for it.
  mac(byte_array<1>{}, byte_array<1>{});
  blake2s(byte_array<1>{});
}

hash blake2s(const_bytes first, const_bytes second) {
  hash digest;
  hasher run(hash_octets);
  run.update(first);
  run.update(second);
  run.finish(digest);
  return digest;
}

mac_value mac(const_bytes key, const_bytes input) {
  mac_value digest;
  hasher run(mac_octets, key);
  run.update(input);
  run.finish(digest);
  return digest;
}

hash hmac(const_bytes key, const_bytes input) {
  hash digest;
  hmac_into(digest, key, {input});
  return digest;
}

void kdf1(bytes output, const_bytes key, const_bytes input) {
  hkdf({output}, key, input);
}

void kdf2(bytes first, bytes second, const_bytes key, const_bytes input) {
  hkdf({first, second}, key, input);
}

void kdf3(bytes first, bytes second, bytes third, const_bytes key, const_bytes input) {
  hkdf({first, second, third}, key, input);
}

bool dh(std::span<std::uint8_t, key_octets> shared, const secret_key& own,
        const public_key& theirs) {
  return crypto_scalarmult_curve25519(shared.data(), own.octets().data(), theirs.octets.data()) ==
         0;
}

public_key derive_public(const secret_key& own) {
  public_key result;
  crypto_scalarmult_curve25519_base(result.octets.data(), own.octets().data());
  return result;
}

void seal(std::uint8_t* sealed, key_view key, std::uint64_t counter, const_bytes plain,
          const_bytes associated) {
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed, nullptr, plain.data(), plain.size(),
                                            associated.data(), associated.size(), nullptr,
                                            nonce_of(counter).data(), key.data());
}

bool open(std::uint8_t* plain, key_view key, std::uint64_t counter, const_bytes sealed,
          const_bytes associated) {
  return crypto_aead_chacha20poly1305_ietf_decrypt(
             plain, nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
             associated.size(), nonce_of(counter).data(), key.data()) == 0;
}

void xseal(std::uint8_t* sealed, key_view key, std::span<const std::uint8_t, xnonce_octets> nonce,
           const_bytes plain, const_bytes associated) {
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, nullptr, plain.data(), plain.size(),
                                             associated.data(), associated.size(), nullptr,
                                             nonce.data(), key.data());
}

bool xopen(std::uint8_t* plain, key_view key, std::span<const std::uint8_t, xnonce_octets> nonce,
           const_bytes sealed, const_bytes associated) {
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             plain, nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
             associated.size(), nonce.data(), key.data()) == 0;
}

bool equal(const_bytes left, const_bytes right) {
  return left.size() == right.size() && sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

void wipe(bytes secret) {
  sodium_memzero(secret.data(), secret.size());
}

} // namespace troupe::crypto
