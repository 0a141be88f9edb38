// The rules of policy routing that this daemon has set, and what goes with them. Unlike addresses
// and routes they do not go with the interface: each is on disk before it is in the kernel, so that
// who comes after a killed daemon can take it back.
#pragma once

#include "messages/limits.hpp"

#include "actors/log.hpp"
#include "tun/policy.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

class rule_keeper {
public:
  /// `folder` is the interface's own (`/var/lib/troupe/IFNAME`); it is made when it is needed. What
  /// a killed daemon left there is to be taken back before.
  rule_keeper(std::string folder, std::string interface_name, logger log);

  tun::link_change add(const tun::link_rule& wanted);
  tun::link_change remove(const tun::link_rule& unwanted);
  [[nodiscard]] std::optional<std::uint32_t> free_table() {
    return table_.free_table(limits::own_mark_first, limits::own_marks_max);
  }

  /// What is on disk for one interface.
  struct record {
    std::vector<tun::placed_rule> rules; // in the order in which they were set
    /// src_valid_mark was 0 before: this interface, or another that says so, set it to 1.
    bool source_marks = false;

    [[nodiscard]] bool empty() const { return rules.empty() && !source_marks; }
  };

private:
  /// Why it is not on disk.
  [[nodiscard]] tun::link_change keep();
  [[nodiscard]] std::uint32_t place_for(const tun::link_rule& rule);
  void make_source_marks_count();
  void warn_of_strict_interfaces();

  std::string folder_;
  std::string interface_name_;
  logger log_;
  tun::policy_table table_;
  record kept_;
};

struct rules_taken_back {
  std::size_t rules = 0;
  /// What was not taken back, in words; mostly nothing.
  std::vector<std::string> remains;
};

/// All that the folder says was set in this network namespace, the last first. By a killed daemon,
/// or by ours when nobody uses a rule_keeper any more.
rules_taken_back take_back_rules(const std::string& folder);

} // namespace troupe::actors
