#include "actors/uapi.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "actors/actor_support.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace troupe::actors {

namespace {

using self_pointer = uapi_actor::stateful_pointer<uapi_state>;

void turn(self_pointer self) {
  uapi_state& state = self->state;
  const time_point now = self->clock().now();
  // It does not quit: it is in the second stage of the stop, and an end of its own before
  // SUPERVISOR has come to that would count as a death nobody asked for.
  if (!state.serve(now))
    return self->send(state.parts.supervisor, end_program{0, "the UAPI socket was removed"});
  sleep_until_ready(self, *state.parts.wait, *state.parts.bell, state.watched, false,
                    until(state.hub->next_look(), now));
}

/// Readable when the file at `path` is removed, renamed or replaced.
unique_fd watch_removal(const std::string& path, spdlog::logger& log) {
  unique_fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (watch &&
      ::inotify_add_watch(watch.fd(), path.c_str(), IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) >= 0)
    return watch;
  log.warn("cannot watch {}: {}; removing it will not end the program", path,
           std::system_category().message(errno));
  return {};
}

void drain(const unique_fd& watch) {
  std::array<char, 4096> ignored;
  while (::read(watch.fd(), ignored.data(), ignored.size()) > 0)
    continue;
}

} // namespace

void uapi_state::start(uapi_parts given) {
  parts = std::move(given);
  if (parts.socket->place().has_file())
    removal = watch_removal(parts.socket->place().path(), *parts.log);
  hub.emplace(std::move(*parts.socket),
              client_bounds{limits::uapi_clients_max, limits::uapi_input_octets_max,
                            limits::control_output_octets_max},
              [this](client& who) { on_input(who); });
}

bool uapi_state::serve(time_point now) {
  // At the first turn, too: what happened before there was a watch, nothing else tells.
  const bool first = watched.empty();
  if ((first || watched.front().ready()) && socket_is_gone())
    return false;
  if (!first)
    hub->serve(std::span(watched).subspan(1), now);
  watched.clear();
  watched.push_back(watch_reading(removal.fd()));
  hub->watch(watched, now);
  return true;
}

bool uapi_state::socket_is_gone() const {
  drain(removal);
  const socket_place& place = hub->socket().place();
  return place.has_file() && !place.in_place();
}

void uapi_state::on_input(client& who) {
  if (!who.notes.has_value())
    who.notes = conf::request_framer();
  // It remembers how far into the input it has looked.
  const conf::request_frame frame = std::any_cast<conf::request_framer&>(who.notes).next(who.input);
  switch (frame.kind) {
  case conf::request_kind::incomplete:
    return;
  case conf::request_kind::get:
    if (hub->join_round(who))
      parts.admin.post(uapi_call{});
    break;
  case conf::request_kind::set:
    on_set(who, std::string_view(who.input).substr(0, frame.length));
    break;
  case conf::request_kind::trailing_get:
    who.output += conf::format_errno(conf::uapi_errno::invalid);
    break;
  case conf::request_kind::too_large:
    parts.log->warn("a client's request is larger than {} octets: connection closed",
                    limits::uapi_request_octets_max);
    [[fallthrough]];
  case conf::request_kind::unknown:
    who.closing = true;
    wipe(who.input);
    return;
  }
  std::string parsed = who.take(frame.length);
  wipe(parsed);
  who.notes.reset();
}

void uapi_state::on_set(client& who, std::string_view request) {
  std::variant<conf::uapi_set, conf::uapi_error> parsed = conf::parse_set(request);
  if (const conf::uapi_error* error = std::get_if<conf::uapi_error>(&parsed)) {
    parts.log->warn("a set was refused whole: {}", error->text);
    who.output += conf::format_errno(error->number);
    return;
  }
  who.busy = true;
  parts.admin.post(uapi_call{
      who.id, std::make_shared<const conf::uapi_set>(std::get<conf::uapi_set>(std::move(parsed)))});
}

void uapi_state::on_answer(const uapi_answer& answer, time_point now) {
  if (answer.client)
    hub->answer(*answer.client, *answer.text, now);
  else if (hub->answer_round([&](client& who) { who.output += *answer.text; }, now))
    parts.admin.post(uapi_call{});
  wipe(*answer.text);
}

uapi_actor::behavior_type uapi(self_pointer self, uapi_parts parts) {
  if (parts.own_thread)
    name_thread("uapi");
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts));
  return counted(
      self, [self](atom::poll) { turn(self); },
      [self](const uapi_answer& answer) { self->state.on_answer(answer, self->clock().now()); },
      [self](atom::stop) { self->quit(); },
      [self](const status_query& query) { answer_query(self, query, "uapi"); });
}

} // namespace troupe::actors
