// What every actor does when it starts.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"

#include <caf/all.hpp>

#include <exception>
#include <string>
#include <utility>

namespace troupe::actors {

/// What the calling thread has taken, but for `delayed`: that needs a file of /proc, which no
/// thread of the data path shall wait for.
thread_use use_of_this_thread(time_point now);
/// Without the rest, and cheaper.
duration cpu_time_of_this_thread();
/// thread_use::delayed of a thread of this process.
duration time_without_cpu(int thread);

/// Names the calling thread, as far as 15 letters go. Only actors that have a thread of their own.
void name_thread(const std::string& name);

/// An exception that nobody caught ends the actor with a reason, and with it the program (the
/// SUPERVISOR watches), instead of leaving a half-dead one.
template <class Self>
void end_loudly_on_exceptions(Self* self, logger log) {
  self->set_exception_handler([log](std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      log->critical("ends by an unexpected error: {}", error.what());
    } catch (...) {
      log->critical("ends by an unknown error");
    }
    return caf::exit_reason::unhandled_exception;
  });
}

/// A handler that counts in `state.mail_taken` what it is called for.
template <class Self, class Handler, class Result, class... Arguments>
auto counting(Self* self, Handler handler, Result (Handler::*)(Arguments...) const) {
  return [self, handler = std::move(handler)](Arguments... arguments) -> Result {
    ++self->state.mail_taken;
    return handler(std::forward<Arguments>(arguments)...);
  };
}

/// The behaviour of an actor, each of its messages counted.
template <class Self, class... Handlers>
typename Self::behavior_type counted(Self* self, Handlers... handlers) {
  return {counting(self, std::move(handlers), &Handlers::operator())...};
}

/// Answers with what all actors have, and `status`.
template <class Self>
void answer_query(Self* self, const status_query& query, stage_status status) {
  status.messages = self->state.mail_taken;
  status.mailbox = self->mailbox().size();
  query.reader.post(stage_answer{query.token, std::move(status)});
}

/// Of an actor that carries no packets.
template <class Self>
void answer_query(Self* self, const status_query& query, const std::string& actor) {
  stage_status status;
  status.actor = actor;
  answer_query(self, query, std::move(status));
}

} // namespace troupe::actors
