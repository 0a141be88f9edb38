// Policy routing of a network namespace: the rules that send packets without a mark to a table of
// their own, the tables that nobody uses yet, and what in the kernel's settings stands in the way.
// One change at a time, as in link.hpp. Which rules there ought to be is not known here.
#pragma once

#include "messages/address.hpp"
#include "tun/link.hpp"
#include "tun/netlink.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe::tun {

/// Mark 0: the main table comes first, but for its default routes (`lookup main
/// suppress_prefixlength 0`). Otherwise: what does not bear the mark goes by the table of that
/// number (`not fwmark N lookup N`).
struct link_rule {
  ip_family family = ip_family::v4;
  std::uint32_t mark = 0;

  friend auto operator<=>(const link_rule&, const link_rule&) = default;
};

/// With its place: the kernel goes through rules from the least priority on. With it, it is this
/// one and not another's that says the same.
struct placed_rule {
  link_rule rule;
  std::uint32_t priority = 0;

  friend auto operator<=>(const placed_rule&, const placed_rule&) = default;
};

/// Of the network namespace of the thread that makes it. Used by one thread.
class policy_table {
public:
  link_change add(const placed_rule& wanted);
  link_change remove(const placed_rule& unwanted);
  /// The least that a rule of this family has, but for 0, the local table's.
  [[nodiscard]] std::uint32_t least_priority(ip_family family);
  /// The first from `first` on, of so many, in which no route of either family stands.
  [[nodiscard]] std::optional<std::uint32_t> free_table(std::uint32_t first, std::uint32_t many);

private:
  [[nodiscard]] bool has_routes(std::uint32_t table, ip_family family);

  netlink_socket netlink_;
};

/// Interfaces, but `own`, that drop what comes from an address to which no route leads back over
/// them (net.ipv4.conf.*.rp_filter 1, strict).
std::vector<std::string> strict_interfaces(const std::string& own);

/// net.ipv4.conf.all.src_valid_mark: whether a packet's mark counts where its source is judged.
/// Nothing: there is no such setting here.
std::optional<bool> source_marks_count();
/// Whether it could be set.
bool set_source_marks_count(bool wanted);

} // namespace troupe::tun
