#include "actors/link_journal.hpp"

#include "messages/limits.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace troupe::actors {

namespace {

tun::link_route link_route_of(const conf::route& from) {
  return {from.destination, from.table};
}

std::uint32_t queue_length_of(const conf::config& from) {
  return from.tun.queue_length != 0 ? from.tun.queue_length : limits::tun_queue_length_standard;
}

/// Those of `wanted` that are not there.
std::vector<tun::link_route> missing_routes(link_setter& interface,
                                            const std::vector<conf::route>& wanted) {
  const std::vector<tun::link_route> held = interface.routes();
  std::vector<tun::link_route> missing;
  for (const conf::route& each : wanted)
    if (const tun::link_route route = link_route_of(each);
        !std::binary_search(held.begin(), held.end(), route))
      missing.push_back(route);
  return missing;
}

} // namespace

tun::link_rule link_rule_of(const conf::rule& from) {
  return {from.family, from.mark};
}

bool waits_for_up(const tun::link_change& refused) {
  return refused.code == std::errc::network_down;
}

std::vector<tun::link_change> restore(link_setter& interface, const conf::config& wanted,
                                      std::uint32_t own_mark) {
  std::vector<tun::link_change> refused;
  const auto note = [&refused](tun::link_change done) {
    if (done.refused())
      refused.push_back(std::move(done));
  };
  for (const ip_prefix& address : wanted.interface.addresses)
    note(interface.add_address(address));
  for (const tun::link_route& route : missing_routes(interface, conf::routes_of(wanted, own_mark)))
    note(interface.add_route(route));
  return refused;
}

std::optional<std::string> link_journal::set_interface(const conf::plan& plan,
                                                       const conf::config& before,
                                                       const conf::config& after) {
  if (interface_ == nullptr)
    return std::nullopt;
  if (!plan.addresses_to_remove.empty() || !plan.addresses_to_add.empty())
    restore_at_last(before);
  static_cast<void>(remove_rules(plan) && remove_routes(plan) &&
                    remove_addresses(plan, before, after) && set_link(plan, before, after) &&
                    add_addresses(plan) && add_routes(plan, after));
  return take_refusals();
}

/// The main table's first, or what it has would go into the tunnel for a moment.
std::optional<std::string> link_journal::add_rules(const conf::plan& plan) {
  if (interface_ == nullptr)
    return std::nullopt;
  for (const conf::rule& added : plan.rules_to_add) {
    const tun::link_rule rule = link_rule_of(added);
    if (!make(interface_->add_rule(rule), [this, rule] { return interface_->remove_rule(rule); }))
      break;
  }
  return take_refusals();
}

std::optional<std::string> link_journal::take_refusals() {
  std::string all = std::exchange(refusals_, {});
  return all.empty() ? std::nullopt : std::optional(std::move(all));
}

std::string link_journal::undo() {
  std::string remains;
  for (; !back_.empty(); back_.pop_back())
    if (const tun::link_change undone = back_.back()(); undone.refused() && !waits_for_up(undone))
      remains += (remains.empty() ? "; rollback incomplete: " : ", ") + undone.text;
  return remains;
}

/// An address that is taken away takes others and routes along, forth and back.
void link_journal::restore_at_last(const conf::config& before) {
  back_.push_back([this, before] {
    std::vector<tun::link_change> refused = restore(*interface_, before, own_mark_);
    std::erase_if(refused, waits_for_up);
    if (refused.empty())
      return tun::link_change{};
    tun::link_change all = std::move(refused.front());
    for (std::size_t i = 1; i < refused.size(); ++i)
      all.text += ", " + refused[i].text;
    return all;
  });
}

bool link_journal::make(const tun::link_change& done, step back) {
  if (done.result == tun::link_change::outcome::made)
    back_.push_back(std::move(back));
  return may_go_on(done);
}

bool link_journal::may_go_on(const tun::link_change& done) {
  if (!done.refused())
    return true;
  refusals_ += (refusals_.empty() ? "" : "; ") + done.text;
  return goes_on_;
}

/// The main table's last.
bool link_journal::remove_rules(const conf::plan& plan) {
  const std::vector<conf::rule>& gone = plan.rules_to_remove;
  return std::all_of(gone.rbegin(), gone.rend(), [this](const conf::rule& each) {
    const tun::link_rule rule = link_rule_of(each);
    return make(interface_->remove_rule(rule), [this, rule] { return interface_->add_rule(rule); });
  });
}

bool link_journal::remove_routes(const conf::plan& plan) {
  for (const conf::route& gone : plan.routes_to_remove) {
    const tun::link_route route = link_route_of(gone);
    if (!make(interface_->remove_route(route),
              [this, route] { return interface_->add_route(route); }))
      return false;
  }
  return true;
}

/// With an address the kernel takes away others of its network, routes that have it for their
/// source, and with the last of IPv4 all routes of IPv4: what is to stay is added again, forth and
/// back.
bool link_journal::remove_addresses(const conf::plan& plan, const conf::config& before,
                                    const conf::config& after) {
  if (plan.addresses_to_remove.empty())
    return true;
  for (const ip_prefix& gone : plan.addresses_to_remove)
    if (!make(interface_->remove_address(gone),
              [this, gone] { return interface_->add_address(gone); }))
      return false;
  for (const ip_prefix& kept : before.interface.addresses)
    if (std::find(after.interface.addresses.begin(), after.interface.addresses.end(), kept) !=
        after.interface.addresses.end())
      if (!may_go_on(interface_->add_address(kept)))
        return false;
  return true;
}

bool link_journal::set_link(const conf::plan& plan, const conf::config& before,
                            const conf::config& after) {
  if (plan.mtu_changed &&
      !make(interface_->set_mtu(after.interface.mtu),
            [this, was = before.interface.mtu] { return interface_->set_mtu(was); }))
    return false;
  return !plan.queue_length_changed ||
         make(interface_->set_queue_length(queue_length_of(after)),
              [this, was = queue_length_of(before)] { return interface_->set_queue_length(was); });
}

bool link_journal::add_addresses(const conf::plan& plan) {
  for (const ip_prefix& added : plan.addresses_to_add)
    if (!make(interface_->add_address(added),
              [this, added] { return interface_->remove_address(added); }))
      return false;
  return true;
}

bool link_journal::add_routes(const conf::plan& plan, const conf::config& after) {
  std::vector<tun::link_route> wanted;
  if (!plan.addresses_to_remove.empty()) // and routes with them, perhaps
    wanted = missing_routes(*interface_, conf::routes_of(after, own_mark_));
  else
    std::transform(plan.routes_to_add.begin(), plan.routes_to_add.end(), std::back_inserter(wanted),
                   link_route_of);
  for (const tun::link_route& route : wanted) {
    const tun::link_change done = interface_->add_route(route);
    if (!waits_for_up(done) &&
        !make(done, [this, route] { return interface_->remove_route(route); }))
      return false;
  }
  return true;
}

} // namespace troupe::actors
