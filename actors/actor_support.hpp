// What every actor does when it starts.
#pragma once

#include "messages/status.hpp"

#include "actors/log.hpp"

#include <caf/all.hpp>

#include <exception>
#include <string>

namespace troupe::actors {

/// What the calling thread has taken, but for `delayed`: that needs a file of /proc, which no
/// thread of the data path shall wait for.
thread_use use_of_this_thread(time_point now);
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

} // namespace troupe::actors
