// RESOLVER: looks names up with getaddrinfo, on threads that exist only while there is something to
// look up; a slow name holds up no other until limits::look_ups_max of them are slow. (Not
// getaddrinfo_a: its gai_suspend leaves a pointer to its own stack behind when it returns while a
// request completes.)
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace troupe::actors {

struct resolver_parts {
  polled<admin_actor> admin;
  logger log;
  /// False in tests: names are looked up by the actor itself.
  bool own_threads = true;
};

/// Shared with the threads. One may sit in a look-up when the actor ends; it then finds nobody to
/// tell.
struct look_ups {
  std::mutex lock;
  std::deque<name_query> waiting;
  std::size_t threads = 0;
  /// Absent once the actor has ended.
  std::optional<polled<admin_actor>> reader;
};

struct resolver_state {
  resolver_parts parts;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;
  std::shared_ptr<look_ups> shared = std::make_shared<look_ups>();

  ~resolver_state();
  void start(resolver_parts given);
  void begin(const std::vector<name_query>& queries);

private:
  void start_thread();
};

resolver_actor::behavior_type resolver(resolver_actor::stateful_pointer<resolver_state> self,
                                       resolver_parts parts);

} // namespace troupe::actors
