// The timestamps of handshake initiations (whitepaper section 5.1): TAI64N labels. A responder
// takes an initiation only if its label is greater than every one before, so ours must never stand
// still or go back, whatever the clock does. Leap seconds are ignored, as all implementations do.
#pragma once

#include "messages/bytes.hpp"
#include "messages/moment.hpp"
#include "messages/wire.hpp"

#include <limits>

namespace troupe::crypto {

/// Big endian throughout: `<` on the octets is `earlier`.
using timestamp = byte_array<wire::timestamp_octets>;

/// One per peer: the labels of many peers from one source would run ahead of the clock.
class timestamp_source {
public:
  /// A label later than all before: that of `now`, or of one step after the last where the clock
  /// has not moved on.
  timestamp next(wall_time now);

private:
  std::int64_t last_tick_ = std::numeric_limits<std::int64_t>::min();
};

} // namespace troupe::crypto
