// libgcrypt's ChaCha20-Poly1305, which does cipher and authenticator in one pass in 256-bit (AVX2)
// and NEON registers.
#include "crypto/aead.hpp"

#include "messages/assert.hpp"

#include "crypto/primitives.hpp"

#include <gcrypt.h>
#include <sodium.h>

#include <type_traits>

namespace troupe::crypto {

namespace {

/// Locked memory that it keeps keys in, wiped when they go: a cipher takes less than a page.
constexpr int locked_octets = 16 * 1024;

/// Once in a process, before anything else of libgcrypt. Thread-safe.
bool initialize() {
  static const bool is_there = [] {
    if (::gcry_check_version(GCRYPT_VERSION) == nullptr)
      return false;
    // Where memory cannot be locked trouped says so itself.
    ::gcry_control(GCRYCTL_DISABLE_SECMEM_WARN);
    ::gcry_control(GCRYCTL_INIT_SECMEM, locked_octets);
    ::gcry_control(GCRYCTL_INITIALIZATION_FINISHED);
    return true;
  }();
  return is_there;
}

struct close_cipher {
  void operator()(gcry_cipher_hd_t cipher) const noexcept { ::gcry_cipher_close(cipher); }
};
using cipher_handle = std::unique_ptr<std::remove_pointer_t<gcry_cipher_hd_t>, close_cipher>;

void require(gcry_error_t error) {
  TROUPE_ASSERT(error == 0); // of arguments that cannot be wrong
}

class libgcrypt_engine final : public aead_engine {
public:
  explicit libgcrypt_engine(cipher_handle cipher) : cipher_(std::move(cipher)) {}

  [[nodiscard]] std::string_view name() const override { return "libgcrypt"; }

  void seal(std::span<const aead_job> jobs) override {
    for (const aead_job& job : jobs) {
      begin(job);
      require(::gcry_cipher_encrypt(cipher_.get(), job.text, job.octets, nullptr, 0));
      require(::gcry_cipher_gettag(cipher_.get(), job.text + job.octets, tag_octets));
    }
    forget_key();
  }

  void open(std::span<aead_job> jobs) override {
    for (aead_job& job : jobs) {
      begin(job);
      require(::gcry_cipher_decrypt(cipher_.get(), job.text, job.octets, nullptr, 0));
      job.authentic = ::gcry_cipher_checktag(cipher_.get(), job.text + job.octets, tag_octets) == 0;
      if (!job.authentic)
        ::sodium_memzero(job.text, job.octets);
    }
    forget_key();
  }

private:
  void begin(const aead_job& job) {
    if (job.key != key_) {
      key_ = job.key;
      require(::gcry_cipher_setkey(cipher_.get(), job.key, key_octets));
    }
    byte_array<12> nonce{};
    store_le64(&nonce[4], job.counter);
    require(::gcry_cipher_setiv(cipher_.get(), nonce.data(), nonce.size()));
    if (!job.associated.empty())
      require(
          ::gcry_cipher_authenticate(cipher_.get(), job.associated.data(), job.associated.size()));
  }

  /// A session's key is gone when the session is, not when the next one comes.
  void forget_key() {
    static constexpr byte_array<key_octets> none{};
    require(::gcry_cipher_setkey(cipher_.get(), none.data(), none.size()));
    key_ = nullptr;
  }

  cipher_handle cipher_;
  /// Where the key lies that is set; of one batch.
  const std::uint8_t* key_ = nullptr;
};

} // namespace

std::unique_ptr<aead_engine> make_libgcrypt_engine() {
  gcry_cipher_hd_t cipher = nullptr;
  if (!initialize() || ::gcry_cipher_open(&cipher, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305,
                                          GCRY_CIPHER_SECURE) != 0)
    return nullptr;
  return std::make_unique<libgcrypt_engine>(cipher_handle(cipher));
}

} // namespace troupe::crypto
