#include "crypto/noise.hpp"

#include <algorithm>
#include <string_view>

namespace troupe::crypto {

namespace {

constexpr std::string_view construction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view identifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";

const_bytes text_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The running state of one step: wiped when the step is over, however it ends.
class symmetric_state {
public:
  /// Ci = HASH(CONSTRUCTION), Hi = HASH(HASH(Ci || IDENTIFIER) || responder's static key).
  explicit symmetric_state(const public_key& responder)
      : chaining_key_(blake2s(text_bytes(construction))),
        hash_(blake2s(chaining_key_, text_bytes(identifier))) {
    mix_hash(responder.octets);
  }

  explicit symmetric_state(const transcript& from) : hash_(from.running_hash) {
    std::copy_n(from.chaining_key.octets().begin(), hash_octets, chaining_key_.begin());
  }

  symmetric_state(const symmetric_state&) = delete;
  symmetric_state& operator=(const symmetric_state&) = delete;
  ~symmetric_state() {
    wipe(chaining_key_);
    wipe(key_);
  }

  [[nodiscard]] transcript kept() const { return {secret_key::copy_of(chaining_key_), hash_}; }

  void mix_hash(const_bytes data) { hash_ = blake2s(hash_, data); }

  /// `e`: a public key goes into both the hash and the chaining key.
  void mix_ephemeral(const public_key& ephemeral) {
    mix_hash(ephemeral.octets);
    kdf1(chaining_key_, chaining_key_, ephemeral.octets);
  }

  void mix_key(const_bytes shared) { kdf2(chaining_key_, key_, chaining_key_, shared); }

  [[nodiscard]] bool mix_dh(const secret_key& own, const public_key& theirs) {
    byte_array<key_octets> shared{};
    const bool valid = dh(shared, own, theirs);
    if (valid)
      mix_key(shared);
    wipe(shared);
    return valid;
  }

  void mix_psk(const secret_key& preshared_key) {
    static constexpr byte_array<key_octets> zeros{};
    byte_array<hash_octets> mixed{};
    kdf3(chaining_key_, mixed, key_, chaining_key_,
         preshared_key ? const_bytes(preshared_key.octets()) : const_bytes(zeros));
    mix_hash(mixed);
    wipe(mixed);
  }

  void encrypt_and_hash(bytes sealed, const_bytes plain) {
    seal(sealed.data(), key_, 0, plain, hash_);
    mix_hash(sealed);
  }

  [[nodiscard]] bool decrypt_and_hash(bytes plain, const_bytes sealed) {
    if (!open(plain.data(), key_, 0, sealed, hash_))
      return false;
    mix_hash(sealed);
    return true;
  }

  /// Section 5.4.5. The initiator sends with the first key, the responder with the second.
  [[nodiscard]] session_keys split(bool initiator) {
    byte_array<key_octets> first{};
    byte_array<key_octets> second{};
    kdf2(first, second, chaining_key_, {});
    session_keys keys{secret_key::copy_of(initiator ? first : second),
                      secret_key::copy_of(initiator ? second : first)};
    wipe(first);
    wipe(second);
    return keys;
  }

private:
  hash chaining_key_;
  hash hash_;
  byte_array<key_octets> key_{};
};

public_key as_key(const byte_array<key_octets>& octets) {
  return {octets};
}

} // namespace

identity identity::of(secret_key private_key) {
  const public_key own_key = derive_public(private_key);
  return {std::move(private_key), own_key};
}

std::optional<secret_key> static_static(const identity& own, const public_key& theirs) {
  bool valid = false;
  secret_key shared = secret_key::make(
      [&](std::span<std::uint8_t, key_octets> out) { valid = dh(out, own.private_key, theirs); });
  return valid ? std::optional(std::move(shared)) : std::nullopt;
}

std::optional<created_initiation> create_initiation(const identity& own, const public_key& theirs,
                                                    const secret_key& static_static,
                                                    const secret_key& ephemeral,
                                                    const timestamp& sent_at,
                                                    std::uint32_t sender_index) {
  symmetric_state state(theirs);
  created_initiation created;
  wire::handshake_initiation& message = created.message;
  message.header = wire::header_of(wire::message_type::handshake_initiation);
  store_le32(message.sender_index.data(), sender_index);

  // e
  const public_key ephemeral_public = derive_public(ephemeral);
  message.unencrypted_ephemeral = ephemeral_public.octets;
  state.mix_ephemeral(ephemeral_public);
  // es
  if (!state.mix_dh(ephemeral, theirs))
    return std::nullopt;
  // s
  state.encrypt_and_hash(message.encrypted_static, own.own_key.octets);
  // ss
  state.mix_key(static_static.octets());
  // {t}
  state.encrypt_and_hash(message.encrypted_timestamp, sent_at);

  created.kept = {state.kept(), ephemeral};
  return created;
}

std::optional<opened_initiation> open_initiation(const identity& own,
                                                 const wire::handshake_initiation& message) {
  symmetric_state state(own.own_key);
  opened_initiation opened;
  opened.sender_index = load_le32(message.sender_index.data());

  // e
  opened.ephemeral = as_key(message.unencrypted_ephemeral);
  state.mix_ephemeral(opened.ephemeral);
  // es
  if (!state.mix_dh(own.private_key, opened.ephemeral))
    return std::nullopt;
  // s
  if (!state.decrypt_and_hash(opened.initiator.octets, message.encrypted_static))
    return std::nullopt;

  opened.state = state.kept();
  opened.encrypted_timestamp = message.encrypted_timestamp;
  return opened;
}

std::optional<timestamp> open_timestamp(opened_initiation& opened,
                                        const secret_key& static_static) {
  symmetric_state state(opened.state);
  timestamp sent_at{};
  // ss
  state.mix_key(static_static.octets());
  // {t}
  if (!state.decrypt_and_hash(sent_at, opened.encrypted_timestamp))
    return std::nullopt;
  opened.state = state.kept();
  return sent_at;
}

std::optional<created_response> create_response(const opened_initiation& opened,
                                                const secret_key& preshared_key,
                                                const secret_key& ephemeral,
                                                std::uint32_t sender_index) {
  symmetric_state state(opened.state);
  created_response created;
  wire::handshake_response& message = created.message;
  message.header = wire::header_of(wire::message_type::handshake_response);
  store_le32(message.sender_index.data(), sender_index);
  store_le32(message.receiver_index.data(), opened.sender_index);

  // e
  const public_key ephemeral_public = derive_public(ephemeral);
  message.unencrypted_ephemeral = ephemeral_public.octets;
  state.mix_ephemeral(ephemeral_public);
  // ee
  if (!state.mix_dh(ephemeral, opened.ephemeral))
    return std::nullopt;
  // se
  if (!state.mix_dh(ephemeral, opened.initiator))
    return std::nullopt;
  // psk
  state.mix_psk(preshared_key);
  // {}
  state.encrypt_and_hash(message.encrypted_nothing, {});

  created.keys = state.split(false);
  return created;
}

std::optional<session_keys> consume_response(const identity& own, const sent_initiation& kept,
                                             const secret_key& preshared_key,
                                             const wire::handshake_response& message) {
  symmetric_state state(kept.state);
  const public_key their_ephemeral = as_key(message.unencrypted_ephemeral);

  // e
  state.mix_ephemeral(their_ephemeral);
  // ee
  if (!state.mix_dh(kept.ephemeral, their_ephemeral))
    return std::nullopt;
  // se
  if (!state.mix_dh(own.private_key, their_ephemeral))
    return std::nullopt;
  // psk
  state.mix_psk(preshared_key);
  // {}
  byte_array<1> nothing{};
  if (!state.decrypt_and_hash(bytes(nothing).first(0), message.encrypted_nothing))
    return std::nullopt;
  return state.split(true);
}

} // namespace troupe::crypto
