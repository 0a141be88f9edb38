#include "actors/transaction.hpp"

#include "messages/limits.hpp"

#include <algorithm>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace troupe::actors {

namespace {

std::string restart_text(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys)
    text.append(text.empty() ? "" : ", ").append(key);
  return text + " cannot change while the daemon runs: restart it with the new file";
}

/// TUNNEL puts a peer back where it was when it is told of the peer, be its endpoint a name; and
/// that need not be the first endpoint.
void bring_back_moved(conf::plan& plan, const conf::config& desired) {
  std::unordered_set<public_key> untold;
  for (conf::peer_endpoints& each : plan.endpoints) {
    each.moved = false;
    untold.insert(each.key);
  }
  for (const peer_change& each : plan.tunnel.changed)
    untold.erase(each.settings.key);
  for (const conf::peer_config& each : desired.peers)
    if (untold.count(each.settings.key) != 0)
      plan.tunnel.changed.push_back({each.settings, std::nullopt, false});
}

} // namespace

std::string no_free_table_text() {
  return "a default route needs a routing table of its own, and " +
         std::to_string(limits::own_mark_first) + " and the " +
         std::to_string(limits::own_marks_max) +
         " behind it are all in use: set `fwmark` to the number of a free one";
}

running_configuration::running_configuration(conf::config started_with,
                                             std::shared_ptr<const udp::socket_pair> sockets,
                                             std::shared_ptr<link_setter> interface, logger log,
                                             std::uint32_t own_mark)
    : config_(std::move(started_with)), sockets_(std::move(sockets)),
      interface_(std::move(interface)), log_(std::move(log)), own_mark_(own_mark),
      hooks_(std::make_shared<shared_hooks>(config_.interface.commands)) {
  names_.settle(config_);
}

void running_configuration::announce(commit_target& target) {
  conf::plan plan = conf::first_plan(config_);
  target.configure(std::move(plan.tunnel));
  if (!plan.endpoints.empty())
    target.set_endpoints(std::move(plan.endpoints));
}

std::optional<commit_failure> running_configuration::change_to(conf::config desired,
                                                               const change_options& how,
                                                               commit_target& target) {
  const std::optional<std::uint32_t> own_mark = own_mark_for(desired);
  if (!own_mark)
    return commit_failure{commit_failure::kind::link, no_free_table_text()};
  const std::uint32_t mark = conf::mark_of(desired, *own_mark);
  conf::plan plan = conf::diff(config_, desired, how.hints, *own_mark);
  if (!plan.needs_restart.empty())
    return commit_failure{commit_failure::kind::needs_restart, restart_text(plan.needs_restart)};
  if (how.bring_back)
    bring_back_moved(plan, desired);
  // 1. Prepare.
  std::shared_ptr<const udp::socket_pair> prepared;
  if (std::optional<commit_failure> failure = find_sockets(plan, desired, how, mark, prepared))
    return failure;
  name_wait names = names_;
  names.take_away(plan.tunnel.removed, how.park_removed, how.bring_back);
  keep_to_ready(plan, names_.ready_rules(config_, own_mark_),
                names.ready_rules(desired, *own_mark));
  // 2. Kernel settings. The data path comes last: a queue of the device has packets as soon as it
  // is there, and would lose them with a refusal.
  link_journal journal(interface_.get(), *own_mark, how.whatever_the_kernel_says);
  std::unique_ptr<prepared_path> path;
  std::optional<commit_failure> failure = set_kernel(plan, desired, how, mark, journal, prepared);
  if (!failure)
    failure = find_path(plan, desired, target, path);
  if (failure) {
    const std::string remains = journal.undo();
    failure->text += remains;
    failure->undo_failed = !remains.empty();
    return failure;
  }
  // 3. Commit. Beyond this point nothing can fail.
  plan.tunnel.park_removed = how.park_removed;
  plan.tunnel.bring_back = how.bring_back;
  config_ = std::move(desired);
  own_mark_ = *own_mark;
  hooks_->set(config_.interface.commands);
  names.settle(config_);
  names_ = std::move(names);
  target.configure(std::move(plan.tunnel));
  if (path)
    path->commit();
  if (plan.credit_changed)
    target.set_credit(credit_of(config_), sockets_of(config_, sockets_));
  if (plan.log_levels_changed)
    target.set_log_levels(config_.log);
  // 4. Retire: the old sockets close with their last user.
  if (prepared) {
    sockets_ = std::move(prepared);
    target.use(sockets_of(config_, sockets_));
  }
  if (!plan.endpoints.empty())
    target.set_endpoints(std::move(plan.endpoints));
  return std::nullopt;
}

std::optional<std::uint32_t>
running_configuration::own_mark_for(const conf::config& desired) const {
  if (own_mark_ != 0 || interface_ == nullptr || !conf::needs_own_mark(desired))
    return own_mark_;
  return interface_->free_table();
}

std::optional<commit_failure>
running_configuration::find_sockets(const conf::plan& plan, const conf::config& desired,
                                    const change_options& how, std::uint32_t mark,
                                    std::shared_ptr<const udp::socket_pair>& prepared) const {
  const std::uint16_t wanted = desired.interface.listen_port;
  try {
    if (how.sockets) {
      if (how.sockets != sockets_)
        prepared = how.sockets;
    } else if (plan.listen_port_changed && wanted != sockets_->port()) {
      prepared = udp::socket_pair::open(wanted, socket_options_of(desired, mark));
    }
    return std::nullopt;
  } catch (const std::system_error& error) {
    return commit_failure{commit_failure::kind::socket, error.what()};
  }
}

std::optional<commit_failure>
running_configuration::find_path(const conf::plan& plan, const conf::config& desired,
                                 commit_target& target,
                                 std::unique_ptr<prepared_path>& prepared) const {
  if (!plan.data_path_changed)
    return std::nullopt;
  try {
    prepared = target.prepare_path(desired, sockets_of(config_, sockets_));
    return std::nullopt;
  } catch (const std::exception& error) {
    return commit_failure{commit_failure::kind::data_path, error.what()};
  }
}

std::optional<commit_failure>
running_configuration::set_kernel(const conf::plan& plan, const conf::config& desired,
                                  const change_options& how, std::uint32_t mark,
                                  link_journal& journal,
                                  std::shared_ptr<const udp::socket_pair>& prepared) const {
  const auto counts = [&](const std::optional<std::string>& refused) {
    if (refused && how.whatever_the_kernel_says)
      log_->warn("{}; it stays as it is", *refused);
    return refused && !how.whatever_the_kernel_says;
  };
  std::optional<std::string> refused = journal.set_interface(plan, config_, desired);
  if (counts(refused))
    return commit_failure{commit_failure::kind::link, std::move(*refused)};
  if (plan.fwmark_changed || plan.socket_options_changed)
    if (std::optional<commit_failure> failure =
            set_options(socket_options_of(desired, mark), how, journal, prepared)) {
      if (!how.whatever_the_kernel_says)
        return failure;
      log_->warn("{}; the sockets stay as they are", failure->text);
    }
  refused = journal.add_rules(plan);
  if (counts(refused))
    return commit_failure{commit_failure::kind::link, std::move(*refused)};
  return std::nullopt;
}

/// Sockets that are to be retired have them, too: they are in use until the commit is heard, and a
/// rule goes by their mark.
std::optional<commit_failure>
running_configuration::set_options(const udp::socket_options& wanted, const change_options& how,
                                   link_journal& journal,
                                   std::shared_ptr<const udp::socket_pair>& prepared) const {
  try {
    std::shared_ptr<const udp::socket_pair> in_use = sockets_->with(wanted);
    journal.made([before = sockets_] {
      before->reassert();
      return tun::link_change{};
    });
    if (!prepared)
      prepared = std::move(in_use);
    else if (prepared == how.sockets)
      prepared = prepared->with(wanted);
    return std::nullopt;
  } catch (const std::system_error& error) {
    return commit_failure{commit_failure::kind::socket, error.what()};
  }
}

void running_configuration::restore_link() {
  if (!interface_)
    return;
  for (const tun::link_change& refused : restore(*interface_, config_, own_mark_))
    log_->warn("restoring what the interface lost: {}", refused.text);
}

const conf::peer_config* running_configuration::find(const public_key& key) const {
  const auto found =
      std::find_if(config_.peers.begin(), config_.peers.end(),
                   [&](const conf::peer_config& each) { return each.settings.key == key; });
  return found != config_.peers.end() ? &*found : nullptr;
}

std::string running_configuration::name_of(const public_key& peer) const {
  const conf::peer_config* const known = find(peer);
  return known != nullptr ? known->settings.name : std::string();
}

void running_configuration::found(const public_key& peer, time_point now) {
  if (names_.found(peer))
    add_rules_that_waited(now);
}

void running_configuration::on_deadline(time_point now) {
  if (rules_due_ <= now)
    add_rules_that_waited(now);
}

/// Those that are there already stay as they are.
void running_configuration::add_rules_that_waited(time_point now) {
  if (!interface_)
    return;
  const bool again = std::exchange(rules_due_, never) != never;
  const std::vector<conf::rule> ready = names_.ready_rules(config_, own_mark_);
  for (const conf::rule& rule : ready) {
    const tun::link_change done = interface_->add_rule(link_rule_of(rule));
    if (!done.refused())
      continue;
    if (!again)
      log_->error("the default route is not in use: {}; trying again every {} s", done.text,
                  limits::rule_retry.count());
    rules_due_ = now + limits::rule_retry;
    return;
  }
  if (again && !ready.empty())
    log_->info("the default route is in use");
}

credit_settings credit_of(const conf::config& wanted) {
  credit_settings settings;
  if (wanted.credit.window != 0)
    settings.window = wanted.credit.window;
  settings.target_delay = wanted.credit.target_delay / 2;
  return settings;
}

use_sockets sockets_of(const conf::config& wanted,
                       std::shared_ptr<const udp::socket_pair> sockets) {
  use_sockets result{std::move(sockets), std::nullopt};
  if (wanted.udp.send_buffer == 0) // otherwise it is as large as somebody said
    result.send_delay = wanted.credit.target_delay / 2;
  return result;
}

udp::socket_options socket_options_of(const conf::config& wanted, std::uint32_t mark) {
  udp::socket_options options;
  if (wanted.udp.receive_buffer != 0)
    options.receive_buffer_octets = wanted.udp.receive_buffer;
  if (wanted.udp.send_buffer != 0)
    options.send_buffer_octets = wanted.udp.send_buffer;
  options.mark = mark;
  options.gso = wanted.udp.gso;
  options.gro = wanted.udp.gro;
  return options;
}

} // namespace troupe::actors
