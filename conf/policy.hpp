// Which packets go which way where a default route leads into the tunnel: all but the tunnel's own
// datagrams, which bear a mark. What wg-quick does, as data. Decides marks, tables and rules; which
// number nobody uses yet only the kernel knows.
#pragma once

#include "conf/config.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace troupe::conf {

/// The kernel's own tables, `default`, `main` and `local`: no mark of ours may be their number.
inline constexpr std::uint32_t system_tables_first = 253;
inline constexpr std::uint32_t system_tables_last = 255;

/// Of the two that a family with a default route needs. Mark 0: whatever the main table has but
/// default routes comes first. Otherwise: what does not bear the mark goes by the table of that
/// number.
struct rule {
  ip_family family = ip_family::v4;
  std::uint32_t mark = 0;

  friend auto operator<=>(const rule&, const rule&) = default;
};

/// To whom the family's default route leads, where troupe sets it and in no table that somebody has
/// named; otherwise null.
const peer_config* default_peer(const config& of, ip_family family);

/// Whether a default route needs a mark, and none is configured: one is to be chosen.
bool needs_own_mark(const config& of);

/// What the datagrams bear; 0: nothing. `own_mark`: the one that was chosen, 0 if none was so far.
std::uint32_t mark_of(const config& wanted, std::uint32_t own_mark);

/// Sorted, so that of each family the main table's comes first.
std::vector<rule> rules_of(const config& wanted, std::uint32_t own_mark);

/// What is wrong with a mark that is also the number of a table, to be said behind its name and
/// value; empty when nothing is.
std::string mark_fault(const config& of);

} // namespace troupe::conf
