#include "actors/transaction.hpp"

#include <algorithm>
#include <system_error>

namespace troupe::actors {

namespace {

std::string restart_text(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys)
    text.append(text.empty() ? "" : ", ").append(key);
  return text + " cannot change while the daemon runs: restart it with the new file";
}

} // namespace

running_configuration::running_configuration(conf::config started_with,
                                             std::shared_ptr<const udp::socket_pair> sockets,
                                             std::shared_ptr<link_setter> interface, logger log)
    : config_(std::move(started_with)), sockets_(std::move(sockets)),
      interface_(std::move(interface)), log_(std::move(log)) {}

void running_configuration::announce(commit_target& target) {
  conf::plan plan = conf::first_plan(config_);
  target.configure(std::move(plan.tunnel));
  if (!plan.endpoints.empty())
    target.set_endpoints(std::move(plan.endpoints));
}

std::optional<commit_failure> running_configuration::change_to(conf::config desired,
                                                               const change_options& how,
                                                               commit_target& target) {
  conf::plan plan = conf::diff(config_, desired, how.hints);
  if (!plan.needs_restart.empty())
    return commit_failure{commit_failure::kind::needs_restart, restart_text(plan.needs_restart)};
  // 1. Prepare.
  std::shared_ptr<const udp::socket_pair> prepared;
  if (std::optional<commit_failure> failure = find_sockets(plan, desired, how, prepared))
    return failure;
  std::unique_ptr<prepared_path> path;
  if (std::optional<commit_failure> failure = find_path(plan, desired, target, path))
    return failure;
  // 2. Kernel settings. Those of the sockets in use come last: they have no undo.
  link_journal journal(interface_.get());
  std::optional<commit_failure> failure;
  std::optional<std::string> refused = journal.carry_out(plan, config_, desired);
  if (refused && how.whatever_the_kernel_says)
    log_->warn("{}; it stays as it is", *refused);
  else if (refused)
    failure = commit_failure{commit_failure::kind::link, std::move(*refused)};
  else if (plan.fwmark_changed || plan.socket_options_changed)
    failure = set_options(desired, how, prepared);
  if (failure) {
    const std::string remains = journal.undo();
    failure->text += remains;
    failure->undo_failed = !remains.empty();
    return failure;
  }
  // 3. Commit. Beyond this point nothing can fail.
  plan.tunnel.forget_sources = plan.listen_port_changed || plan.fwmark_changed;
  plan.tunnel.park_removed = how.park_removed;
  plan.tunnel.bring_back = how.bring_back;
  config_ = std::move(desired);
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

std::optional<commit_failure>
running_configuration::find_sockets(const conf::plan& plan, const conf::config& desired,
                                    const change_options& how,
                                    std::shared_ptr<const udp::socket_pair>& prepared) const {
  if (how.sockets) {
    prepared = how.sockets != sockets_ ? how.sockets : nullptr;
    return std::nullopt;
  }
  const std::uint16_t wanted = desired.interface.listen_port;
  if (!plan.listen_port_changed || wanted == sockets_->port())
    return std::nullopt;
  try {
    prepared = udp::socket_pair::open(wanted, socket_options_of(desired));
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

/// Sockets that were opened for `desired` have its options already.
std::optional<commit_failure>
running_configuration::set_options(const conf::config& desired, const change_options& how,
                                   std::shared_ptr<const udp::socket_pair>& prepared) const {
  if (prepared && prepared != how.sockets)
    return std::nullopt;
  try {
    prepared = (prepared ? prepared : sockets_)->with(socket_options_of(desired));
    return std::nullopt;
  } catch (const std::system_error& error) {
    return commit_failure{commit_failure::kind::socket, error.what()};
  }
}

void running_configuration::restore_link() {
  if (!interface_)
    return;
  for (const tun::link_change& refused : restore(*interface_, config_))
    log_->warn("restoring what the interface lost: {}", refused.text);
}

std::string running_configuration::name_of(const public_key& peer) const {
  const auto found =
      std::find_if(config_.peers.begin(), config_.peers.end(),
                   [&](const conf::peer_config& each) { return each.settings.key == peer; });
  return found != config_.peers.end() ? found->settings.name : std::string();
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

udp::socket_options socket_options_of(const conf::config& wanted) {
  udp::socket_options options;
  if (wanted.udp.receive_buffer != 0)
    options.receive_buffer_octets = wanted.udp.receive_buffer;
  if (wanted.udp.send_buffer != 0)
    options.send_buffer_octets = wanted.udp.send_buffer;
  options.mark = wanted.interface.fwmark;
  options.gso = wanted.udp.gso;
  options.gro = wanted.udp.gro;
  return options;
}

} // namespace troupe::actors
