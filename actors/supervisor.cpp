#include "actors/supervisor.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"
#include "actors/handshaker.hpp"
#include "actors/path_maker.hpp"
#include "actors/resolver.hpp"
#include "actors/tunnel.hpp"
#include "actors/uapi.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace troupe::actors {

namespace {

using self_pointer = supervisor_actor::stateful_pointer<supervisor_state>;

/// Builds the graph, sinks first, and enters each actor into the stage it is stopped in.
class graph_builder {
public:
  explicit graph_builder(self_pointer self) : self_(self), parts_(self->state.parts) {}

  void build() {
    spawn_handshakers();
    spawn_tunnel();
    spawn_sinks();
    spawn_control();
    spawn_sources();
    // They close with their last user, and that is not SUPERVISOR.
    parts_.sockets = {};
    parts_.device = nullptr;
    use_sinks& sinks = targets_.all.path.sinks;
    sinks.admin = {targets_.admin_is_told.actor, targets_.admin_is_told.bell};
    // Ahead of whatever is urgent: TUNNEL may have to send at once.
    self_->send<caf::message_priority::high>(tunnel_, sinks);
    targets_.admin_is_told.post(std::move(targets_.all));
    self_->state.admin = targets_.admin_is_told;
    self_->state.stages = {std::move(sources_), std::move(control_), std::move(tunnel_stage_),
                           std::move(outlets_), std::move(handshakers_)};
  }

  /// Half a graph: whoever is there already has to go.
  void abandon() const {
    for (const std::vector<member>* stage :
         {&sources_, &control_, &tunnel_stage_, &outlets_, &handshakers_})
      for (const member& each : *stage)
        each.stop();
  }

private:
  template <class Function, class... Arguments>
  auto spawn(Function function, Arguments... arguments) {
    return parts_.own_threads ? self_->system().spawn<caf::detached>(function, arguments...)
                              : self_->system().spawn(function, arguments...);
  }

  template <class Actor>
  void watch(std::vector<member>& stage, std::string name, const Actor& actor,
             std::function<void()> stop) {
    self_->monitor(actor);
    stage.push_back({std::move(name), caf::actor_cast<caf::actor_addr>(actor), std::move(stop)});
  }

  template <class Actor>
  void watch_polled(std::vector<member>& stage, const std::string& name,
                    const polled<Actor>& made) {
    watch(stage, name, made.actor, [made] { made.post(atom::stop_v); });
  }

  /// Of what clients have asked of it, nothing matters any more when it is to stop. The data path's
  /// actors have what is in hand to finish.
  template <class Actor>
  polled<Actor> watch_control(const std::string& name, Actor actor,
                              std::shared_ptr<doorbell> bell) {
    polled<Actor> made{std::move(actor), std::move(bell)};
    watch(control_, name, made.actor, [made] { made.post_first(atom::stop_v); });
    return made;
  }

  void spawn_handshakers() {
    for (std::size_t i = 0; i < parts_.handshakers; ++i) {
      const std::string name = handshaker_name(i, parts_.handshakers);
      const handshaker_actor made = self_->system().spawn(handshaker, parts_.log->open(name));
      watch(handshakers_, name, made,
            [made] { caf::anon_send_exit(made, caf::exit_reason::user_shutdown); });
      workers_.push_back(made);
    }
  }

  void spawn_tunnel() {
    tunnel_ = spawn(tunnel, tunnel_parts{parts_.random, workers_, parts_.aead, parts_.tunnel_cpu,
                                         parts_.tunnel_cpu_text, parts_.log->open("tunnel"),
                                         parts_.own_threads});
    watch(tunnel_stage_, "tunnel", tunnel_, [to = tunnel_] { caf::anon_send(to, atom::stop_v); });
    targets_.all.tunnel = tunnel_;
    targets_.all.handshakers = workers_;
    targets_.all.supervisor = self_;
  }

  void spawn_sinks() {
    make_ = {&self_->system(),
             [book = parts_.log](const std::string& actor) { return book->open(actor); },
             parts_.make_waiter,
             parts_.sink_of,
             tunnel_,
             self_,
             parts_.own_threads};
    data_path& path = targets_.all.path;
    for (std::size_t i = 0; i < parts_.device->queues(); ++i) {
      path.sinks.writers.push_back(make_.writer(i, parts_.device->sink(i)));
      watch(outlets_, path_maker::writer_name(i), path.sinks.writers.back().actor,
            [made = path.sinks.writers.back().actor] { caf::anon_send(made, atom::stop_v); });
    }
    for (std::uint32_t i = 0; i < parts_.running->config().udp.senders; ++i) {
      make_.add_sender(parts_.sockets, path);
      watch_polled(outlets_, path_maker::sender_name(i), path.senders.back());
    }
  }

  void spawn_control() {
    const std::shared_ptr<doorbell> admin_bell = std::make_shared<doorbell>();
    targets_.admin_is_told = watch_control(
        "admin",
        spawn(admin, admin_parts{parts_.admin_socket, parts_.read_socket, parts_.running,
                                 parts_.store, parts_.pending, parts_.monitor, parts_.device, make_,
                                 admin_bell, parts_.make_waiter(), parts_.log,
                                 parts_.log->open("admin"), parts_.own_threads}),
        admin_bell);
    const std::shared_ptr<doorbell> uapi_bell = std::make_shared<doorbell>();
    targets_.all.uapi = watch_control(
        "uapi",
        spawn(uapi, uapi_parts{parts_.uapi_socket, targets_.admin_is_told, self_, uapi_bell,
                               parts_.make_waiter(), parts_.log->open("uapi"), parts_.own_threads}),
        uapi_bell);
    const resolver_actor made = self_->system().spawn(
        resolver,
        resolver_parts{targets_.admin_is_told, parts_.log->open("resolver"), parts_.own_threads});
    watch(control_, "resolver", made, [made] { caf::anon_send(made, atom::stop_v); });
    targets_.all.resolver = made;
  }

  void spawn_sources() {
    const credit_settings credit = credit_of(parts_.running->config());
    for (const ip_family family : {ip_family::v4, ip_family::v6}) {
      const std::string name = family == ip_family::v4 ? "udp-receiver/v4" : "udp-receiver/v6";
      const std::shared_ptr<doorbell> bell = std::make_shared<doorbell>();
      const polled<udp_receiver_actor> made{
          spawn(udp_receiver,
                udp_receiver_parts{name,
                                   [source_of = parts_.source_of, family](const use_sockets& from) {
                                     return source_of(from, family);
                                   },
                                   parts_.sockets, tunnel_, bell, parts_.make_waiter(),
                                   parts_.log->open(name), parts_.own_threads, credit}),
          bell};
      watch_polled(sources_, name, made);
      targets_.all.receivers.push_back(made);
    }
    for (std::size_t i = 0; i < parts_.device->queues(); ++i) {
      targets_.all.path.readers.push_back(make_.reader(
          i, parts_.device->source(i), parts_.running->config().interface.mtu, credit));
      watch_polled(sources_, path_maker::reader_name(i), targets_.all.path.readers.back());
    }
  }

  self_pointer self_;
  graph_parts& parts_;
  std::vector<handshaker_actor> workers_;
  tunnel_actor tunnel_;
  path_maker make_;
  struct {
    admin_targets all;
    polled<admin_actor> admin_is_told;
  } targets_;
  std::vector<member> sources_;
  std::vector<member> control_;
  std::vector<member> tunnel_stage_;
  std::vector<member> outlets_;
  std::vector<member> handshakers_;
};

void raise(const unique_fd& event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event.fd(), &one, sizeof one);
}

/// Whether there is a graph now. If not, main hears of it: nobody else is left to end the program.
bool build(self_pointer self) {
  graph_builder builder(self);
  try {
    builder.build();
    self->state.parts.end->report_started();
    return true;
  } catch (const std::exception& error) {
    builder.abandon();
    const std::string why = "cannot start the actors: " + std::string(error.what());
    self->state.log->critical("{}", why);
    self->state.parts.end->report(1, why, false);
    self->quit();
    return false;
  }
}

void go_on(self_pointer self) {
  supervisor_state& state = self->state;
  if (!state.stopping)
    return;
  if (!state.go_on_stopping())
    return;
  state.log->info("stopped: {}", state.why);
  state.parts.end->report(state.status, state.why, true);
  self->quit();
}

void stop(self_pointer self, int status, std::string why) {
  if (self->state.stopping)
    return;
  self->state.begin_stop(status, std::move(why));
  self->delayed_send(self, limits::stop_grace, atom::tick_v);
  go_on(self);
}

void give_up(self_pointer self) {
  supervisor_state& state = self->state;
  const std::string why = state.why + "; these actors did not stop: " + state.still_up();
  state.log->error("{}", why);
  state.parts.end->report(1, why, false);
  self->quit();
}

} // namespace

program_end::program_end()
    : started_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!started_ || !event_)
    throw std::system_error(errno, std::system_category(), "cannot make an eventfd");
}

void program_end::report_started() {
  raise(started_);
}

bool program_end::has_come() const {
  pollfd ready{event_.fd(), POLLIN, 0};
  return ::poll(&ready, 1, 0) > 0;
}

void program_end::report(int status, std::string why, bool all_stopped) {
  status_ = status;
  why_ = std::move(why);
  all_stopped_ = all_stopped;
  raise(event_);
}

void supervisor_state::begin_stop(int wanted_status, std::string reason) {
  status = wanted_status;
  why = std::move(reason);
  stopping = 0;
  for (const member& each : stages.front())
    each.stop();
}

bool supervisor_state::go_on_stopping() {
  while (std::all_of(stages[*stopping].begin(), stages[*stopping].end(),
                     [](const member& each) { return each.down; })) {
    if (++*stopping == stages.size())
      return true;
    for (const member& each : stages[*stopping])
      each.stop();
  }
  return false;
}

void supervisor_state::on_change(const data_path_change& change) {
  constexpr std::size_t sources = 0;
  constexpr std::size_t outlets = 3;
  for (const data_path_change::newcomer& each : change.come) {
    const std::size_t stage = each.is_source ? sources : outlets;
    stages[stage].push_back({each.name, each.address, each.stop});
    if (stopping && stage <= *stopping)
      each.stop();
  }
  for (std::vector<member>& stage : stages)
    for (member& each : stage)
      each.may_end = each.may_end ||
                     std::find(change.go.begin(), change.go.end(), each.address) != change.go.end();
  forget_ended();
}

/// The thread of an actor goes with the last who knows it.
void supervisor_state::forget_ended() {
  for (std::vector<member>& stage : stages)
    std::erase_if(stage, [](const member& each) { return each.down && each.may_end; });
}

void supervisor_state::on_down(const caf::down_msg& down) {
  for (std::vector<member>& stage : stages)
    for (member& each : stage)
      if (each.address == down.source) {
        each.down = true;
        const bool asked = each.may_end || (stopping && &stage - stages.data() <=
                                                            static_cast<std::ptrdiff_t>(*stopping));
        if (!asked && status == 0) {
          status = 1;
          why = "actor " + each.name + " ended by itself (" + to_string(down.reason) + ")";
          log->critical("{}: the program ends", why);
        }
      }
  forget_ended();
}

std::string supervisor_state::still_up() const {
  std::string names;
  for (const std::vector<member>& stage : stages)
    for (const member& each : stage)
      if (!each.down)
        names.append(names.empty() ? "" : ", ").append(each.name);
  return names;
}

supervisor_actor::behavior_type supervisor(self_pointer self, graph_parts parts) {
  if (parts.own_threads)
    name_thread("supervisor");
  supervisor_state& state = self->state;
  state.parts = std::move(parts);
  state.log = state.parts.log->open("supervisor");
  end_loudly_on_exceptions(self, state.log);
  self->set_down_handler([self](caf::down_msg& down) {
    self->state.on_down(down);
    if (self->state.status != 0 && !self->state.stopping)
      return stop(self, self->state.status, self->state.why);
    go_on(self);
  });
  if (!build(self))
    return supervisor_actor::behavior_type::make_empty_behavior();
  return counted(
      self, [self](const end_program& end) { stop(self, end.status, end.why); },
      [self](atom::reload) { self->state.admin.post(atom::reload_v); },
      [self](const data_path_change& change) {
        for (const data_path_change::newcomer& each : change.come)
          self->monitor(each.address);
        self->state.on_change(change);
      },
      [self](device_gone) {
        const graph_parts& mine = self->state.parts;
        const std::string why = "interface " + mine.interface_name + " was deleted";
        self->state.log->log(mine.status_of_lost_device == 0 ? spdlog::level::info
                                                             : spdlog::level::err,
                             "{}: the program ends", why);
        stop(self, mine.status_of_lost_device, why);
      },
      [self](atom::tick) { give_up(self); },
      [self](const status_query& query) { answer_query(self, query, "supervisor"); });
}

} // namespace troupe::actors
