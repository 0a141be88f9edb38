#include "tools/kernel_link.hpp"

#include "actors/name_wait.hpp"
#include "conf/diff.hpp"

#include <system_error>
#include <utility>

namespace troupe::tools {

void kernel_link::set_up(const conf::config& wanted, std::uint32_t own_mark) {
  tun::link_settings settings;
  settings.mtu = wanted.interface.mtu;
  if (wanted.tun.queue_length != 0)
    settings.queue_length = wanted.tun.queue_length;
  settings.addresses = wanted.interface.addresses;
  for (const conf::route& route : conf::routes_of(wanted, own_mark))
    settings.routes.push_back({route.destination, route.table});
  interface_.apply(settings);
  for (const conf::rule& rule : actors::name_wait().ready_rules(wanted, own_mark))
    if (const tun::link_change done = rules_.add(actors::link_rule_of(rule)); done.refused())
      throw std::system_error(done.code, done.text);
}

void rules_until_end::begin(std::string folder, actors::logger log) {
  folder_ = std::move(folder);
  log_ = std::move(log);
  const actors::rules_taken_back left = actors::take_back_rules(folder_);
  if (left.rules != 0)
    log_->info("{} routing rules are taken back that a killed daemon left behind", left.rules);
  for (const std::string& remains : left.remains)
    log_->warn("{}", remains);
}

void rules_until_end::take_back() {
  if (folder_.empty())
    return;
  for (const std::string& remains : actors::take_back_rules(folder_).remains)
    log_->error("at the end: {}", remains);
  folder_.clear();
}

} // namespace troupe::tools
