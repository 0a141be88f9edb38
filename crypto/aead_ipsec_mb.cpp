// intel-ipsec-mb's ChaCha20-Poly1305. Its jobs run to their end when they are submitted: this
// cipher is not one that it spreads over packets. It does not compare tags, and it has written the
// plain text by the time one can.
#include "crypto/aead.hpp"

#include "crypto/primitives.hpp"

#include <intel-ipsec-mb.h>
#include <sodium.h>

#include <algorithm>
#include <array>

namespace troupe::crypto {

namespace {

struct free_manager {
  void operator()(IMB_MGR* manager) const noexcept { ::free_mb_mgr(manager); }
};
using manager_handle = std::unique_ptr<IMB_MGR, free_manager>;

class ipsec_mb_engine final : public aead_engine {
public:
  explicit ipsec_mb_engine(manager_handle manager) : manager_(std::move(manager)) {}

  [[nodiscard]] std::string_view name() const override { return "ipsec-mb"; }

  void seal(std::span<const aead_job> jobs) override {
    for (const aead_job& job : jobs)
      run(job, IMB_DIR_ENCRYPT, job.text + job.octets);
    ::sodium_memzero(key_.data(), key_.size());
  }

  void open(std::span<aead_job> jobs) override {
    for (aead_job& job : jobs) {
      byte_array<tag_octets> tag;
      run(job, IMB_DIR_DECRYPT, tag.data());
      job.authentic = ::crypto_verify_16(tag.data(), job.text + job.octets) == 0;
      if (!job.authentic)
        ::sodium_memzero(job.text, job.octets);
    }
    ::sodium_memzero(key_.data(), key_.size());
  }

private:
  void run(const aead_job& job, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) {
    byte_array<12> nonce{};
    store_le64(&nonce[4], job.counter);
    IMB_JOB* const run = IMB_GET_NEXT_JOB(manager_.get());
    run->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    run->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    run->chain_order = IMB_ORDER_HASH_CIPHER;
    run->cipher_direction = direction;
    std::copy_n(job.key, key_octets, key_.begin());
    run->enc_keys = key_.data();
    run->dec_keys = key_.data();
    run->key_len_in_bytes = key_octets;
    run->iv = nonce.data();
    run->iv_len_in_bytes = nonce.size();
    run->src = job.text;
    run->dst = job.text;
    run->cipher_start_src_offset_in_bytes = 0;
    run->hash_start_src_offset_in_bytes = 0;
    run->msg_len_to_cipher_in_bytes = job.octets;
    run->msg_len_to_hash_in_bytes = job.octets;
    run->u.CHACHA20_POLY1305.aad = job.associated.data();
    run->u.CHACHA20_POLY1305.aad_len_in_bytes = job.associated.size();
    run->auth_tag_output = tag;
    run->auth_tag_output_len_in_bytes = tag_octets;
    IMB_SUBMIT_JOB_NOCHECK(manager_.get());
  }

  manager_handle manager_;
  /// The key of a job, for as long as it runs: the library reads up to 16 octets beyond one, and
  /// behind a key there may be no memory.
  byte_array<2 * key_octets> key_{};
};

} // namespace

std::unique_ptr<aead_engine> make_ipsec_mb_engine() {
  manager_handle manager(::alloc_mb_mgr(0));
  if (!manager)
    return nullptr;
  ::init_mb_mgr_auto(manager.get(), nullptr);
  if (::imb_get_errno(manager.get()) != 0)
    return nullptr;
  return std::make_unique<ipsec_mb_engine>(std::move(manager));
}

} // namespace troupe::crypto
