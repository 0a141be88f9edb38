// The interface in the kernel, as the daemon sets it: addresses, routes and link settings of the
// interface, rules of the network namespace.
#pragma once

#include "actors/link_journal.hpp"
#include "actors/log.hpp"
#include "actors/rule_keeper.hpp"
#include "tun/link.hpp"

#include <string>
#include <vector>

namespace troupe::tools {

class kernel_link final : public actors::link_setter {
public:
  kernel_link(tun::link interface, actors::rule_keeper rules)
      : interface_(std::move(interface)), rules_(std::move(rules)) {}

  tun::link_change add_route(const tun::link_route& route) override {
    return interface_.add_route(route);
  }
  tun::link_change remove_route(const tun::link_route& route) override {
    return interface_.remove_route(route);
  }
  std::vector<tun::link_route> routes() override { return interface_.routes(); }
  tun::link_change add_address(const ip_prefix& address) override {
    return interface_.add_address(address);
  }
  tun::link_change remove_address(const ip_prefix& address) override {
    return interface_.remove_address(address);
  }
  tun::link_change set_mtu(std::uint32_t mtu) override { return interface_.set_mtu(mtu); }
  tun::link_change set_queue_length(std::uint32_t packets) override {
    return interface_.set_queue_length(packets);
  }
  tun::link_change add_rule(const tun::link_rule& rule) override { return rules_.add(rule); }
  tun::link_change remove_rule(const tun::link_rule& rule) override { return rules_.remove(rule); }
  std::optional<std::uint32_t> free_table() override { return rules_.free_table(); }

  /// All that a configuration asks for, at the start. Throws std::system_error with the first
  /// refusal; what was made before stays.
  void set_up(const conf::config& wanted, std::uint32_t own_mark);

private:
  tun::link interface_;
  actors::rule_keeper rules_;
};

/// Rules do not go with the interface: they are taken back at the end, however that comes.
class rules_until_end {
public:
  rules_until_end() = default;
  rules_until_end(const rules_until_end&) = delete;
  rules_until_end& operator=(const rules_until_end&) = delete;
  ~rules_until_end() { take_back(); }

  /// From now on those in the interface's `folder` are ours; first what a killed daemon left there
  /// is taken back.
  void begin(std::string folder, actors::logger log);
  /// Once nobody sets any more.
  void take_back();

private:
  std::string folder_; // empty: nothing to take back
  actors::logger log_;
};

} // namespace troupe::tools
