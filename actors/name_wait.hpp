// Default routes that wait for a name: as long as nobody knows where the peer is to whom everything
// goes, the look-up of its name would go there, too. So the rules come once it is found, and stay
// for as long as TUNNEL has some address of it, whatever its endpoints are changed to.
#pragma once

#include "messages/keys.hpp"

#include "conf/config.hpp"
#include "conf/diff.hpp"
#include "conf/policy.hpp"

#include <cstdint>
#include <unordered_set>
#include <vector>

namespace troupe::actors {

class name_wait {
public:
  /// The rules that a configuration asks for, less those that wait: what is to be in the kernel.
  [[nodiscard]] std::vector<conf::rule> ready_rules(const conf::config& of,
                                                    std::uint32_t own_mark) const;

  /// A change removes these peers, keeping them for one that brings them back (`park`), or is the
  /// one that brings back.
  void take_away(const std::vector<public_key>& removed, bool park, bool bring_back);
  /// It is in force: peers that nothing waits for need not be found any more.
  void settle(const conf::config& now);
  /// It is known where the peer is. Whether rules waited for that.
  bool found(const public_key& peer) {
    found_.insert(peer);
    return waited_for_.erase(peer) != 0;
  }

private:
  [[nodiscard]] bool waits(const conf::peer_config* peer) const;

  std::unordered_set<public_key> found_;
  std::unordered_set<public_key> parked_;
  /// Of each family one at most.
  std::unordered_set<public_key> waited_for_;
};

/// Makes a plan keep to rules that are ready: `there` before it, `wanted` after it.
void keep_to_ready(conf::plan& plan, const std::vector<conf::rule>& there,
                   const std::vector<conf::rule>& wanted);

} // namespace troupe::actors
