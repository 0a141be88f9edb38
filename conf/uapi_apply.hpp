// What a UAPI set makes of a configuration, with the semantics of wg(8) and the kernel.
//
// What UAPI cannot express survives it: a peer's name, when it expires, an endpoint that is a host
// name unless an address is given, and further endpoints. An address given that is none of the
// peer's endpoints takes the place of the first. A disabled or expired peer does not exist for
// UAPI: it is not listed, replace_peers and remove leave it alone, update_only does not find it. A
// set that adds its key enables it, as a new peer that has only the old one's name, date, host name
// and further endpoints; one that has expired stays so. The prefixes of an expired peer go to
// whoever is given them.
#pragma once

#include "conf/config.hpp"
#include "conf/diff.hpp"
#include "conf/uapi.hpp"

#include <functional>
#include <variant>

namespace troupe::conf {

struct uapi_outcome {
  config desired;
  diff_hints hints;
};

/// `derive` gives the public key of a secret one; a peer with the own key is ignored silently. An
/// error leaves nothing changed. Linear in `current` and `request`, but for sorting.
std::variant<uapi_outcome, uapi_error>
apply(const config& current, const uapi_set& request,
      const std::function<public_key(const secret_key&)>& derive);

} // namespace troupe::conf
