#include "actors/admin.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"
#include "actors/log_levels.hpp"
#include "actors/path_change.hpp"
#include "conf/uapi.hpp"
#include "conf/uapi_apply.hpp"
#include "crypto/noise.hpp"

#include <algorithm>

namespace troupe::actors {

namespace {

using self_pointer = admin_actor::stateful_pointer<admin_state>;

conf::uapi_errno errno_of(rpc_code code) {
  switch (code) {
  case rpc_code::pending:
    return conf::uapi_errno::busy;
  case rpc_code::socket_refused:
    return conf::uapi_errno::address_in_use;
  default:
    return conf::uapi_errno::io;
  }
}

void turn(self_pointer self) {
  admin_state& state = self->state;
  const time_point now = self->clock().now();
  state.mailbox = self->mailbox().size();
  state.serve(now);
  sleep_until_ready(self, *state.parts.wait, *state.parts.bell, state.watched, false,
                    until(state.next_turn(), now));
}

} // namespace

admin_door::admin_door(control_socket socket, bool changes, const handler& on_input)
    : may_change(changes), group(socket.who().group),
      hub(std::move(socket),
          {limits::admin_clients_max, limits::admin_input_octets_max,
           limits::control_output_octets_max},
          [this, on_input](client& who) { on_input(*this, who); }) {}

// --- The loop ------------------------------------------------------------------------------------

void admin_state::start(admin_parts given, admin_actor myself) {
  parts = std::move(given);
  me = std::move(myself);
  const auto take = [this](admin_door& from, client& who) { on_input(from, who); };
  doors.emplace_back(std::move(*parts.socket), true, take);
  if (parts.read_socket)
    doors.emplace_back(std::move(*parts.read_socket), false, take);
  desk.emplace(parts.running, parts.pending, parts.log);
  service.emplace(parts.running, *desk, parts.store);
  places.emplace(parts.running, parts.log);
  logs.emplace(parts.book->board(),
               [me = polled<admin_actor>{me, parts.bell}] { me.post(atom::lines_v); });
}

moment admin_state::at(time_point steady) const {
  return {steady, parts.time_of_day()};
}

void admin_state::begin(admin_targets given, time_point now) {
  served_at = now;
  targets = std::move(given);
  rolls.set_members(members_of(targets));
  if (parts.monitor)
    follow_link();
  else
    tell_tunnel(link_status{true, parts.running->config().interface.mtu});
  parts.running->announce(*this);
  // Beyond this point TUNNEL knows its peers, and ADMIN whom to tell: packets and requests may
  // come.
  targets.uapi.post(atom::poll_v);
  for (const polled<tun_reader_actor>& reader : targets.path.readers)
    reader.post(atom::poll_v);
  for (const polled<udp_receiver_actor>& receiver : targets.receivers)
    receiver.post(atom::poll_v);
}

void admin_state::serve(time_point now) {
  served_at = now;
  if (!watched.empty()) {
    if (parts.monitor && watched.front().ready())
      follow_link();
    std::span<const watched_fd> rest = std::span(watched).subspan(1);
    for (admin_door& door : doors) {
      door.hub.serve(rest.first(door.watched), now);
      rest = rest.subspan(door.watched);
    }
  }
  run(places->on_deadline(now));
  desk->on_deadline(at(now), *this);
  parts.running->on_deadline(now);
  if (rolls.deadline() <= now)
    end_roll(now);
  feed_streams(now);
  watched.clear();
  watched.push_back(watch_reading(parts.monitor ? parts.monitor->fd() : -1));
  for (admin_door& door : doors) {
    const std::size_t before = watched.size();
    door.hub.watch(watched, now);
    door.watched = watched.size() - before;
  }
}

// --- The interface, as others set it -------------------------------------------------------------

void admin_state::follow_link() {
  const tun::link_state now = parts.monitor->read_changes();
  if (now.forgot_settings)
    parts.running->restore_link();
  if (link && *link == now)
    return;
  if (!link || link->up != now.up || link->mtu != now.mtu) {
    parts.log->info("interface {} is {}, MTU {}", now.name, now.up ? "up" : "down", now.mtu);
    const link_status status{now.up, now.mtu};
    for (const polled<tun_reader_actor>& reader : targets.path.readers)
      reader.post(status);
    tell_tunnel(status);
  }
  if (now.moved && (!link || !link->moved))
    parts.log->warn("{}", tun::moved_text(now.name));
  link = now;
}

// --- Where peers are -----------------------------------------------------------------------------

void admin_state::run(endpoint_desk::errands errands) {
  if (!errands.look_up.empty())
    caf::anon_send(targets.resolver, std::move(errands.look_up));
  if (errands.moves.empty())
    return;
  for (const peer_move& each : errands.moves)
    parts.running->found(each.key, served_at);
  tunnel_change change;
  change.moves = std::move(errands.moves);
  configure(std::move(change));
}

void admin_state::set_endpoints(std::vector<conf::peer_endpoints> of) {
  run(places->set(std::move(of), served_at));
}

void admin_state::look_up_again(const public_key& of) {
  run(places->look_up_again(of, served_at));
}

void admin_state::on_name(const name_answer& answer, time_point now) {
  served_at = now;
  run(places->on_name(answer, now));
}

void admin_state::on_unanswered(const peers_unanswered& report, time_point now) {
  served_at = now;
  run(places->on_unanswered(report, now));
}

time_point admin_state::next_turn() const {
  time_point next = std::min({desk->deadline(at(served_at)), parts.running->deadline(),
                              places->deadline(), rolls.deadline(), next_feed});
  for (const admin_door& door : doors)
    next = std::min(next, door.hub.next_look());
  return next;
}

/// Before the packets that wait there.
template <class Message>
void admin_state::tell_tunnel(Message&& message) {
  caf::anon_send<caf::message_priority::high>(targets.tunnel, std::forward<Message>(message));
}

// --- Commits -------------------------------------------------------------------------------------

void admin_state::configure(tunnel_change change) {
  places->forget(change.removed);
  tell_tunnel(::troupe::configure{std::make_shared<const tunnel_change>(std::move(change))});
}

void admin_state::use(const use_sockets& sockets) {
  for (const polled<udp_sender_actor>& sender : targets.path.senders)
    sender.post(sockets);
  for (const polled<udp_receiver_actor>& receiver : targets.receivers)
    receiver.post(sockets);
}

void admin_state::set_credit(const credit_settings& readers, const use_sockets& senders) {
  for (const polled<tun_reader_actor>& reader : targets.path.readers)
    reader.post(readers);
  for (const polled<udp_receiver_actor>& receiver : targets.receivers)
    receiver.post(readers);
  for (const polled<udp_sender_actor>& sender : targets.path.senders)
    sender.post(senders);
}

std::unique_ptr<prepared_path> admin_state::prepare_path(const conf::config& wanted,
                                                         const use_sockets& sockets) {
  const link_status now{link ? link->up : true, link ? link->mtu : wanted.interface.mtu};
  return path_change::prepare({parts.make, *parts.device, targets.path, now,
                               [this] { rolls.set_members(members_of(targets)); }},
                              parts.running->config(), wanted, sockets);
}

void admin_state::set_log_levels(const conf::log_config& wanted) {
  parts.book->board().set_levels(levels_of(wanted));
}

void admin_state::on_reload(time_point now) {
  served_at = now;
  service->reload("SIGHUP", at(now), *this, *parts.log);
}

void admin_state::on_uapi(const uapi_call& call, time_point now) {
  if (!call.set)
    return ask(nullptr);
  served_at = now;
  conf::uapi_errno result = conf::uapi_errno::none;
  std::variant<conf::uapi_outcome, conf::uapi_error> outcome =
      conf::apply(parts.running->config(), *call.set, crypto::derive_public);
  if (const conf::uapi_error* error = std::get_if<conf::uapi_error>(&outcome)) {
    parts.log->warn("a UAPI set was refused whole: {}", error->text);
    result = error->number;
  } else {
    conf::uapi_outcome& wanted = std::get<conf::uapi_outcome>(outcome);
    const auto done = desk->change(
        {std::move(wanted.desired), std::move(wanted.hints), std::nullopt, "a client of UAPI"},
        at(now), *this);
    if (const rpc_failure* const failure = std::get_if<rpc_failure>(&done)) {
      parts.log->warn("a UAPI set failed: {}{}", nothing_changed(*failure), failure->text);
      result = errno_of(failure->code);
    }
  }
  answer_uapi(call.client, conf::format_errno(result));
}

void admin_state::answer_uapi(std::optional<std::uint64_t> client, std::string text) {
  targets.uapi.post(uapi_answer{client, std::make_shared<std::string>(std::move(text))});
}

admin_actor::behavior_type admin(self_pointer self, admin_parts parts) {
  if (parts.own_thread)
    name_thread("admin");
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts), self);
  return counted(
      self, [self](atom::poll) { turn(self); },
      [self](const uapi_call& call) { self->state.on_uapi(call, self->clock().now()); },
      [self](atom::reload) { self->state.on_reload(self->clock().now()); },
      [self](const peers_unanswered& report) {
        self->state.on_unanswered(report, self->clock().now());
      },
      [self](const name_answer& answer) { self->state.on_name(answer, self->clock().now()); },
      [self](admin_targets& targets) {
        self->state.begin(std::move(targets), self->clock().now());
        self->send(self, atom::poll_v);
      },
      [](atom::lines) {}, // a turn follows
      [self](atom::stop) {
        self->state.end_streams(self->clock().now());
        self->quit();
      },
      [self](const tunnel_answer& answer) {
        self->state.on_tunnel_answer(answer, self->clock().now());
      },
      [self](const stage_answer& answer) {
        self->state.on_stage_answer(answer, self->clock().now());
      });
}

} // namespace troupe::actors
