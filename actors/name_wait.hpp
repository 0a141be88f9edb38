// Default routes that wait for a name: as long as nobody knows where the peer is to whom everything
// goes, the look-up of its name would go there, too. So the rules come once it is found.
#pragma once

#include "messages/interfaces.hpp"

#include "conf/config.hpp"
#include "conf/diff.hpp"
#include "conf/policy.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::actors {

class name_wait {
public:
  /// The rules that a configuration asks for, less those that wait: what is to be in the kernel.
  [[nodiscard]] std::vector<conf::rule> ready_rules(const conf::config& of,
                                                    std::uint32_t own_mark) const;
  /// Makes a plan from one configuration to another do the same.
  void hold_back(conf::plan& plan, const conf::config& before, const conf::config& after,
                 std::uint32_t own_mark) const;

  /// It is known where the peer is.
  void found(const conf::peer_config& peer);
  /// Whoever comes back under this key is looked up anew.
  void forget(const public_key& peer) { found_.erase(peer); }

private:
  [[nodiscard]] bool waits(const conf::peer_config* peer) const;

  std::unordered_map<public_key, std::string> found_; // its endpoints
};

} // namespace troupe::actors
