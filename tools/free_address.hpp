// Addresses for peers that are let in by name: the first of our networks that nobody has.
#pragma once

#include "conf/config.hpp"

#include <optional>
#include <set>
#include <vector>

namespace troupe::tools {

/// Who has which address.
class taken_addresses {
public:
  explicit taken_addresses(const conf::config& running);

  /// The first host of the network of `own`, an address of ours, that nobody has; nothing if there
  /// is none. Steps over what is taken, so that the size of the network does not matter.
  [[nodiscard]] std::optional<ip_prefix> free_host(const ip_prefix& own) const;

private:
  [[nodiscard]] std::optional<ip_address> taken_to(const ip_address& address,
                                                   const ip_prefix& own) const;

  std::set<ip_address> hosts_;
  std::vector<ip_prefix> networks_;
};

} // namespace troupe::tools
