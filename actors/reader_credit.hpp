// The slabs of one reader and how many octets of them may be out: all that it knows of back
// pressure. An empty slab and room in the window are the right to bring in one batch more.
#pragma once

#include "messages/batches.hpp"
#include "messages/status.hpp"

#include "actors/credit_window.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// What a reader's slabs are like.
struct slab_sizes {
  std::size_t slabs = 0;
  std::size_t octets = 0;
  std::size_t descriptors_max = 0;
};

class reader_credit {
public:
  reader_credit(std::string_view origin, const slab_sizes& sizes, const credit_settings& settings,
                const std::shared_ptr<slab_home>& home);

  /// From now on by these.
  void set(const credit_settings& settings, time_point now);

  /// Whether to bring in another batch.
  [[nodiscard]] bool is_there() const { return !at_rest_.empty() && window_.has_room(); }
  /// Octets; a batch may exceed them.
  [[nodiscard]] std::size_t room() const { return window_.room(); }
  /// The reader has to do without from now on, until something comes home.
  void ran_out(time_point now);
  [[nodiscard]] bool is_waited_for() const { return starved_since_.has_value(); }

  /// The slab to fill: while credit is there.
  [[nodiscard]] slab& filling() { return *at_rest_.back(); }
  /// Sends it out, filled with so many octets.
  [[nodiscard]] slab_ref launch(std::size_t octets, time_point now);
  /// The serial of the next launch.
  [[nodiscard]] std::uint64_t next_serial() const { return serial_ + 1; }

  void take_back(slab_return&& home);

  [[nodiscard]] credit_status status(time_point now) const;

private:
  std::vector<bare_slab> at_rest_;
  credit_window window_;
  bool automatic_;
  std::uint64_t serial_ = 0;
  /// When those that are out were filled.
  std::vector<time_point> out_since_;
  /// Absent: there is credit, or it is not wanted.
  std::optional<time_point> starved_since_;
  duration starved_{};
  histogram sojourn_;
};

} // namespace troupe::actors
