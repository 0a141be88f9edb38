// Keys as types. A public key is a value; a secret is a handle to 32 octets of locked memory
// (sodium_malloc: guard pages, not swapped, not in core files) that is wiped when the last handle
// lets go. A secret has no formatter and no comparison operator: printing one does not compile.
#pragma once

#include "messages/bytes.hpp"

#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

inline constexpr std::size_t key_octets = 32;

struct public_key {
  byte_array<key_octets> octets{};

  friend auto operator<=>(const public_key&, const public_key&) = default;
};

class secret_key {
public:
  /// No key: what an absent preshared key or a removed private key is.
  secret_key() = default;
  /// A locked cell filled by `fill`, which must write all of it. Any thread. Throws std::bad_alloc.
  template <class Fill>
  static secret_key make(Fill&& fill) {
    std::shared_ptr<cell> fresh = allocate();
    fill(std::span<std::uint8_t, key_octets>(*fresh));
    return secret_key(std::move(fresh));
  }
  static secret_key copy_of(std::span<const std::uint8_t, key_octets> octets);

  explicit operator bool() const { return cell_ != nullptr; }
  /// Of a key that is there. Beyond this point the octets are the caller's to keep out of logs and
  /// long-lived memory.
  [[nodiscard]] std::span<const std::uint8_t, key_octets> octets() const { return *cell_; }
  /// Constant time. Two absent keys are the same; an absent one differs from any other.
  [[nodiscard]] bool same_as(const secret_key& other) const;

private:
  using cell = byte_array<key_octets>;

  explicit secret_key(std::shared_ptr<cell> filled) : cell_(std::move(filled)) {}
  static std::shared_ptr<cell> allocate();

  std::shared_ptr<const cell> cell_;
};

/// Locks all memory for secrets that there is, some in any case, and says whether it could. Memory
/// is locked when it is made, but nobody hears of it where RLIMIT_MEMLOCK is too small, and a
/// forked process has no lock that its parent had. Unlocked keys work, and may be swapped to disk.
/// Any thread.
[[nodiscard]] bool lock_keys();

/// Text forms: base64 in files and on command lines, lowercase hex over UAPI. Decoding takes the
/// whole text or nothing: one base64 spelling per key, and hex of either case. It does not branch
/// on the octets of a valid key.
std::string to_base64(const public_key& key);
std::string to_hex(const public_key& key);
std::optional<public_key> public_key_from_base64(std::string_view text);
std::optional<public_key> public_key_from_hex(std::string_view text);
std::optional<secret_key> secret_key_from_base64(std::string_view text);
std::optional<secret_key> secret_key_from_hex(std::string_view text);
/// Appends a secret in clear: for UAPI answers and `genkey`, whose callers wipe the text.
void append_secret_base64(std::string& text, const secret_key& key);
void append_secret_hex(std::string& text, const secret_key& key);
/// Wipes a text that held a secret.
void wipe(std::string& text);

/// `xTIBA5rb…` : the short form that a peer without a name is shown by.
std::string short_name(const public_key& key);

} // namespace troupe

template <>
struct std::hash<troupe::public_key> {
  std::size_t operator()(const troupe::public_key& key) const noexcept {
    std::uint64_t mixed = 0;
    for (std::size_t i = 0; i < troupe::key_octets; i += 8) {
      mixed = (mixed ^ troupe::load_le64(&key.octets[i])) * 0x9e3779b97f4a7c15U;
      mixed ^= mixed >> 32;
    }
    return static_cast<std::size_t>(mixed);
  }
};
