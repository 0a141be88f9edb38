// Stand-ins for what a transaction changes: the interface in the kernel, and who hears of a commit.
#pragma once

#include "actors/transaction.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace troupe::actors {

struct recording_target final : commit_target {
  /// Of a data path.
  struct shape {
    std::uint32_t queues = 1;
    bool offload = true;
    std::uint32_t senders = 1;
    friend bool operator==(const shape&, const shape&) = default;
  };

  void configure(tunnel_change change) override { changes.push_back(std::move(change)); }
  void use(const use_sockets& sockets) override { used.push_back(sockets.sockets); }
  void set_endpoints(std::vector<conf::peer_endpoints> of) override {
    endpoints.insert(endpoints.end(), of.begin(), of.end());
  }
  void look_up_again(const public_key& of) override { asked_again.push_back(of); }
  void set_log_levels(const conf::log_config& wanted) override { levels.push_back(wanted); }
  void set_credit(const credit_settings& readers, const use_sockets&) override {
    credit.push_back(readers);
  }
  std::unique_ptr<prepared_path> prepare_path(const conf::config& wanted,
                                              const use_sockets&) override {
    struct noting final : prepared_path {
      noting(std::vector<shape>& given, shape asked) : to(given), wanted(asked) {}
      void commit() override { to.push_back(wanted); }
      std::vector<shape>& to;
      shape wanted;
    };
    ++paths_prepared;
    if (path_fails)
      throw std::runtime_error("no thread is left");
    return std::make_unique<noting>(
        shapes, shape{wanted.tun.queues, wanted.tun.offload, wanted.udp.senders});
  }
  [[nodiscard]] bool untouched() const {
    return changes.empty() && used.empty() && endpoints.empty() && asked_again.empty() &&
           levels.empty() && credit.empty() && shapes.empty();
  }

  std::vector<tunnel_change> changes;
  std::vector<std::shared_ptr<const udp::socket_pair>> used;
  std::vector<conf::peer_endpoints> endpoints;
  std::vector<public_key> asked_again;
  std::vector<conf::log_config> levels;
  std::vector<credit_settings> credit;
  std::vector<shape> shapes;
  bool path_fails = false;
  int paths_prepared = 0;
};

/// The kernel's settings, and those that it does not take or does not let go.
struct fake_link final : link_setter {
  using outcome = tun::link_change::outcome;

  tun::link_change add_route(const tun::link_route& route) override {
    if (down)
      return {outcome::refused, std::make_error_code(std::errc::network_down),
              "cannot add " + to_string(route.target) + ": set the interface up first"};
    if (refused.count(route.target) != 0 || fails_now())
      return refuse("cannot add " + to_string(route.target));
    routes_added_in_vain += present.count(route.target);
    return made_if(present.insert(route.target).second);
  }
  tun::link_change remove_route(const tun::link_route& route) override {
    if (stuck.count(route.target) != 0 || fails_now())
      return refuse("cannot remove " + to_string(route.target));
    return made_if(present.erase(route.target) != 0);
  }
  std::vector<tun::link_route> routes() override {
    std::vector<tun::link_route> all;
    std::transform(present.begin(), present.end(), std::back_inserter(all),
                   [](const ip_prefix& each) {
                     return tun::link_route{each, tun::main_table};
                   });
    return all;
  }
  tun::link_change add_address(const ip_prefix& address) override {
    if (refused.count(address) != 0 || fails_now())
      return refuse("cannot add " + to_string(address));
    return made_if(addresses.insert(address).second);
  }
  /// As the kernel does it: others of the network may go, too, and with the last of IPv4 all its
  /// routes.
  tun::link_change remove_address(const ip_prefix& address) override {
    if (stuck.count(address) != 0 || fails_now())
      return refuse("cannot remove " + to_string(address));
    const bool there = addresses.erase(address) != 0;
    std::erase_if(addresses,
                  [&](const ip_prefix& each) { return masked(each) == masked(address); });
    const auto is_ipv4 = [](const ip_prefix& each) { return each.address.family == ip_family::v4; };
    if (there && is_ipv4(address) && std::none_of(addresses.begin(), addresses.end(), is_ipv4))
      std::erase_if(present, is_ipv4);
    return made_if(there);
  }
  tun::link_change set_mtu(std::uint32_t wanted) override {
    if (fails_now())
      return refuse("cannot set the MTU");
    return made_if(std::exchange(mtu, wanted) != wanted);
  }
  tun::link_change set_queue_length(std::uint32_t packets) override {
    if (fails_now())
      return refuse("cannot set the queue length");
    return made_if(std::exchange(queue_length, packets) != packets);
  }

  tun::link_change add_rule(const tun::link_rule& rule) override {
    if (no_room_for_rules || fails_now())
      return refuse("cannot add a rule");
    // Whatever the main table has would go into the tunnel.
    if (rule.mark != 0 && rules.count({rule.family, 0}) == 0)
      return refuse("the rule of the main table comes first");
    return made_if(rules.insert(rule).second);
  }
  tun::link_change remove_rule(const tun::link_rule& rule) override {
    if (fails_now())
      return refuse("cannot remove a rule");
    return made_if(rules.erase(rule) != 0);
  }
  std::optional<std::uint32_t> free_table() override {
    ++tables_chosen;
    return table_left;
  }

  static tun::link_change refuse(const std::string& text) {
    return {outcome::refused, std::make_error_code(std::errc::file_exists), text};
  }
  static tun::link_change made_if(bool changed) {
    return {changed ? outcome::made : outcome::already_so, {}, {}};
  }
  /// The one call that `calls_until_failure` counts down to; those after it succeed.
  bool fails_now() { return calls_until_failure && (*calls_until_failure)-- == 0; }

  std::set<ip_prefix> addresses;
  std::set<ip_prefix> present;          // routes
  std::size_t routes_added_in_vain = 0; // the kernel would have been asked for all of them
  std::set<tun::link_rule> rules;
  std::optional<std::uint32_t> table_left = limits::own_mark_first;
  int tables_chosen = 0;
  std::uint32_t mtu = limits::mtu_default;
  std::uint32_t queue_length = limits::tun_queue_length_standard;
  std::set<ip_prefix> refused;
  std::set<ip_prefix> stuck;
  bool down = false;
  bool no_room_for_rules = false;
  std::optional<int> calls_until_failure;
};

} // namespace troupe::actors
