// Which AEAD engine TUNNEL uses: what is configured, or whichever is fastest on this machine, once
// it has shown that it computes the same.
#pragma once

#include "conf/config.hpp"
#include "crypto/aead.hpp"

#include <functional>
#include <memory>
#include <string>

namespace troupe::actors {

struct aead_choice {
  /// Makes one for the thread that calls it.
  std::function<std::unique_ptr<crypto::aead_engine>()> make;
  /// For the log and the status: its name, and why it is this one.
  std::string text;
};

/// Takes some milliseconds for `automatic`. Throws std::runtime_error if what is wanted by name is
/// not there or does not compute right.
aead_choice choose_aead(conf::aead_kind wanted);

} // namespace troupe::actors
