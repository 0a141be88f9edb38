#include "actors/transaction.hpp"

#include <algorithm>
#include <system_error>

namespace troupe::actors {

namespace {

std::vector<name_query> queries_of(const std::vector<conf::name_to_resolve>& names) {
  std::vector<name_query> queries;
  queries.reserve(names.size());
  for (const conf::name_to_resolve& name : names)
    queries.push_back({name.key, name.host, name.port});
  return queries;
}

/// What a commit changes, for the log: never a key.
std::string summary(const conf::plan& plan, const conf::config& desired) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    text.append(text.empty() ? "" : ", ").append(part);
  };
  if (plan.tunnel.set_private_key)
    add("another private key");
  if (!plan.tunnel.removed.empty())
    add(std::to_string(plan.tunnel.removed.size()) + " peers removed");
  if (!plan.tunnel.changed.empty())
    add(std::to_string(plan.tunnel.changed.size()) + " peers added or changed");
  if (plan.listen_port_changed)
    add("listen port " + std::to_string(desired.interface.listen_port));
  if (plan.fwmark_changed)
    add("fwmark " + std::to_string(desired.interface.fwmark));
  return text.empty() ? "nothing" : text;
}

/// The kernel takes no route on an interface that is down; `restore_link` adds it when that is up.
bool waits_for_up(const tun::link_change& refused) {
  return refused.code == std::errc::network_down;
}

/// Route changes made so far. `routes` is null where troupe makes none.
class route_journal {
public:
  explicit route_journal(route_setter* routes) : routes_(routes) {}

  [[nodiscard]] std::optional<commit_failure> carry_out(const conf::plan& plan) {
    if (routes_ == nullptr)
      return std::nullopt;
    for (const conf::route& gone : plan.routes_to_remove)
      if (!note({gone.destination, gone.table}, false))
        return refusal_;
    for (const conf::route& added : plan.routes_to_add)
      if (!note({added.destination, added.table}, true))
        return refusal_;
    return std::nullopt;
  }
  /// Takes them back, the last first. What could not be taken back, in words; mostly nothing.
  [[nodiscard]] std::string undo() {
    std::string remains;
    for (; !undo_.empty(); undo_.pop_back()) {
      const std::pair<bool, tun::link_route>& last = undo_.back();
      const tun::link_change undone =
          last.first ? routes_->remove(last.second) : routes_->add(last.second);
      if (undone.refused() && !waits_for_up(undone))
        remains += (remains.empty() ? "; rollback incomplete: " : ", ") + undone.text;
    }
    return remains;
  }

private:
  [[nodiscard]] bool note(const tun::link_route& route, bool adds) {
    const tun::link_change done = adds ? routes_->add(route) : routes_->remove(route);
    if (done.result == tun::link_change::outcome::made)
      undo_.emplace_back(adds, route);
    refusal_.text = done.text;
    return !done.refused() || (adds && waits_for_up(done));
  }

  route_setter* routes_;
  std::vector<std::pair<bool, tun::link_route>> undo_;
  commit_failure refusal_;
};

} // namespace

running_configuration::running_configuration(conf::config started_with,
                                             std::shared_ptr<const udp::socket_pair> sockets,
                                             std::shared_ptr<route_setter> routes, logger log)
    : config_(std::move(started_with)), sockets_(std::move(sockets)), routes_(std::move(routes)),
      log_(std::move(log)) {}

void running_configuration::announce(commit_target& target) {
  conf::plan plan = conf::first_plan(config_);
  target.configure(std::move(plan.tunnel));
  if (!plan.names.empty())
    target.resolve(queries_of(plan.names));
}

std::optional<commit_failure> running_configuration::change_to(conf::config desired,
                                                               const conf::diff_hints& hints,
                                                               commit_target& target) {
  conf::plan plan = conf::diff(config_, desired, hints);
  // 1. Prepare.
  std::shared_ptr<const udp::socket_pair> prepared;
  if (std::optional<commit_failure> failure = open_sockets(plan, desired, prepared))
    return failure;
  // 2. Kernel settings. The mark of the sockets in use comes last: it has no undo.
  route_journal journal(routes_.get());
  std::optional<commit_failure> failure = journal.carry_out(plan);
  if (!failure && !prepared && plan.fwmark_changed)
    failure = set_mark(desired.interface.fwmark);
  if (failure) {
    failure->text += journal.undo();
    return failure;
  }
  // 3. Commit. Beyond this point nothing can fail.
  plan.tunnel.forget_sources = plan.listen_port_changed || plan.fwmark_changed;
  log_->info("configuration changed: {}", summary(plan, desired));
  config_ = std::move(desired);
  target.configure(std::move(plan.tunnel));
  // 4. Retire: the old sockets close with their last user.
  if (prepared) {
    sockets_ = std::move(prepared);
    target.use(sockets_);
  }
  if (!plan.names.empty())
    target.resolve(queries_of(plan.names));
  return std::nullopt;
}

std::optional<commit_failure>
running_configuration::open_sockets(const conf::plan& plan, const conf::config& desired,
                                    std::shared_ptr<const udp::socket_pair>& prepared) const {
  const std::uint16_t wanted = desired.interface.listen_port;
  if (!plan.listen_port_changed || wanted == sockets_->port())
    return std::nullopt;
  try {
    prepared = udp::socket_pair::open(wanted, socket_options_of(desired));
    return std::nullopt;
  } catch (const std::system_error& error) {
    return commit_failure{true, error.what()};
  }
}

std::optional<commit_failure> running_configuration::set_mark(std::uint32_t mark) const {
  try {
    sockets_->set_mark(mark);
    return std::nullopt;
  } catch (const std::system_error& error) {
    return commit_failure{true, error.what()};
  }
}

void running_configuration::restore_link() {
  if (!routes_)
    return;
  std::vector<tun::link_change> done;
  for (const ip_prefix& address : config_.interface.addresses)
    done.push_back(routes_->add_address(address));
  for (const conf::route& route : conf::routes_of(config_))
    done.push_back(routes_->add({route.destination, route.table}));
  for (const tun::link_change& each : done)
    if (each.refused())
      log_->warn("restoring what the interface lost: {}", each.text);
}

const conf::peer_config* running_configuration::find(const public_key& key) const {
  const auto found =
      std::find_if(config_.peers.begin(), config_.peers.end(),
                   [&](const conf::peer_config& peer) { return peer.settings.key == key; });
  return found == config_.peers.end() ? nullptr : &*found;
}

bool running_configuration::wants(const name_query& query) const {
  const conf::peer_config* const peer = find(query.peer);
  return peer != nullptr && peer->enabled && peer->remote && !peer->remote->literal &&
         peer->remote->host == query.host && peer->remote->port == query.port;
}

bool running_configuration::name_found(const name_query& query, const endpoint& found,
                                       commit_target& target) {
  if (!wants(query))
    return false;
  tunnel_change change;
  change.changed.push_back({find(query.peer)->settings, found});
  log_->info("peer {}: {} is {}", change.changed.front().settings.name, query.host,
             to_string(found));
  target.configure(std::move(change));
  return true;
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
