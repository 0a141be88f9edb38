// Built instead of aead_ipsec_mb.cpp where the library is not to be had.
#include "crypto/aead.hpp"

namespace troupe::crypto {

std::unique_ptr<aead_engine> make_ipsec_mb_engine() {
  return nullptr;
}

} // namespace troupe::crypto
