// The kernel's side of a transaction: settings of the interface, made one by one, each with the way
// back.
#pragma once

#include "messages/address.hpp"

#include "conf/config.hpp"
#include "conf/diff.hpp"
#include "tun/link.hpp"
#include "tun/policy.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// Who sets the interface. Absent where troupe sets nothing (`trouped IFNAME`).
class link_setter {
public:
  virtual ~link_setter() = default;
  virtual tun::link_change add_route(const tun::link_route& route) = 0;
  virtual tun::link_change remove_route(const tun::link_route& route) = 0;
  /// Those that are there, sorted.
  [[nodiscard]] virtual std::vector<tun::link_route> routes() = 0;
  virtual tun::link_change add_address(const ip_prefix& address) = 0;
  virtual tun::link_change remove_address(const ip_prefix& address) = 0;
  virtual tun::link_change set_mtu(std::uint32_t mtu) = 0;
  /// Packets.
  virtual tun::link_change set_queue_length(std::uint32_t packets) = 0;
  virtual tun::link_change add_rule(const tun::link_rule& rule) = 0;
  virtual tun::link_change remove_rule(const tun::link_rule& rule) = 0;
  /// A table in which no route stands, for the default route, whose number becomes the mark.
  [[nodiscard]] virtual std::optional<std::uint32_t> free_table() = 0;
};

tun::link_rule link_rule_of(const conf::rule& from);

/// The kernel takes no route on an interface that is down; it is added when that is up.
bool waits_for_up(const tun::link_change& refused);

/// All addresses and routes of the configuration, as far as they are missing. What was refused.
/// `own_mark`: as conf::mark_of takes it.
std::vector<tun::link_change> restore(link_setter& interface, const conf::config& wanted,
                                      std::uint32_t own_mark);

class link_journal {
public:
  /// `interface` outlives the journal; null: nothing is set, and all succeeds.
  /// `goes_on`: one refusal keeps nothing else from being tried.
  link_journal(link_setter* interface, std::uint32_t own_mark, bool goes_on = false)
      : interface_(interface), own_mark_(own_mark), goes_on_(goes_on) {}

  // In this order, with the mark of the sockets in between: no datagram of theirs ever meets a rule
  // that would send it into the tunnel. Each says why it could not go on; what was made until then
  // is to be undone.
  [[nodiscard]] std::optional<std::string>
  set_interface(const conf::plan& plan, const conf::config& before, const conf::config& after);
  /// What was made beside, so that it is undone in its turn.
  void made(std::function<tun::link_change()> back) { back_.push_back(std::move(back)); }
  [[nodiscard]] std::optional<std::string> add_rules(const conf::plan& plan);
  /// Takes back what was made, the last first. What could not be taken back, in words; mostly
  /// nothing.
  [[nodiscard]] std::string undo();

private:
  using step = std::function<tun::link_change()>;

  /// Whether to go on. `back` undoes what `forth` makes.
  [[nodiscard]] bool make(const tun::link_change& done, step back);
  [[nodiscard]] bool may_go_on(const tun::link_change& done);
  [[nodiscard]] std::optional<std::string> take_refusals();
  void restore_at_last(const conf::config& before);
  [[nodiscard]] bool remove_rules(const conf::plan& plan);
  [[nodiscard]] bool remove_routes(const conf::plan& plan);
  [[nodiscard]] bool remove_addresses(const conf::plan& plan, const conf::config& before,
                                      const conf::config& after);
  [[nodiscard]] bool set_link(const conf::plan& plan, const conf::config& before,
                              const conf::config& after);
  [[nodiscard]] bool add_addresses(const conf::plan& plan);
  [[nodiscard]] bool add_routes(const conf::plan& plan, const conf::config& after);

  link_setter* interface_;
  std::uint32_t own_mark_;
  std::vector<step> back_;
  bool goes_on_;
  std::string refusals_; // of one step
};

} // namespace troupe::actors
