// The kernel's randomness, for the protocol.
#pragma once

#include "crypto/random.hpp"

namespace troupe::actors {

class system_random final : public crypto::random_source {
public:
  /// Does not return without them: a router without randomness must not go on.
  void fill(bytes out) override;
};

} // namespace troupe::actors
