// The functions of whitepaper section 5.4, by their names there. libsodium does X25519, the AEADs
// and the wiping; libb2 does BLAKE2s. Stateless; any thread. Secret intermediates are the caller's
// to wipe with `wipe`.
#pragma once

#include "messages/bytes.hpp"
#include "messages/keys.hpp"

namespace troupe::crypto {

inline constexpr std::size_t hash_octets = 32;
inline constexpr std::size_t tag_octets = 16;
inline constexpr std::size_t mac_octets = 16;
inline constexpr std::size_t xnonce_octets = 24;

using hash = byte_array<hash_octets>;
using mac_value = byte_array<mac_octets>;
using key_view = std::span<const std::uint8_t, key_octets>;

/// libsodium's own set-up. Call before anything else here; may be called again.
void init_primitives();

/// HASH(first || second): BLAKE2s, 32 octets.
hash blake2s(const_bytes first, const_bytes second = {});
/// MAC(key, input): keyed BLAKE2s, 16 octets. The key has at most 32 octets.
mac_value mac(const_bytes key, const_bytes input);
/// HMAC(key, input) over BLAKE2s.
hash hmac(const_bytes key, const_bytes input);
/// KDFn(key, input): n outputs of HKDF. Outputs may be the key's own memory.
void kdf1(bytes output, const_bytes key, const_bytes input);
void kdf2(bytes first, bytes second, const_bytes key, const_bytes input);
void kdf3(bytes first, bytes second, bytes third, const_bytes key, const_bytes input);

/// DH(private, public): X25519. False when the result is all zero: the handshake must abort.
[[nodiscard]] bool dh(std::span<std::uint8_t, key_octets> shared, const secret_key& own,
                      const public_key& theirs);
/// DH-PUBKEY. Any 32 octets are a private key; X25519 clamps it.
public_key derive_public(const secret_key& own);

/// AEAD(key, counter, plain, associated): ChaCha20-Poly1305 with the counter as 96-bit nonce.
/// `sealed` holds plain.size() + 16 octets and may be the plain text's own memory.
void seal(std::uint8_t* sealed, key_view key, std::uint64_t counter, const_bytes plain,
          const_bytes associated = {});
/// False, and `plain` is not to be used, when the tag does not fit. `plain` holds the octets of
/// `sealed` less 16 and may be its own memory; `sealed` has at least 16.
[[nodiscard]] bool open(std::uint8_t* plain, key_view key, std::uint64_t counter,
                        const_bytes sealed, const_bytes associated = {});

/// XAEAD: the same with XChaCha20 and a random nonce of 24 octets, for cookies.
void xseal(std::uint8_t* sealed, key_view key, std::span<const std::uint8_t, xnonce_octets> nonce,
           const_bytes plain, const_bytes associated);
[[nodiscard]] bool xopen(std::uint8_t* plain, key_view key,
                         std::span<const std::uint8_t, xnonce_octets> nonce, const_bytes sealed,
                         const_bytes associated);

/// Constant time.
[[nodiscard]] bool equal(const_bytes left, const_bytes right);
void wipe(bytes secret);

} // namespace troupe::crypto
