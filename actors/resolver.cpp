#include "actors/resolver.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <thread>

namespace troupe::actors {

namespace {

std::optional<endpoint> endpoint_of(const addrinfo& found, std::uint16_t port) {
  if (found.ai_family == AF_INET) {
    const sockaddr_in* v4 = reinterpret_cast<const sockaddr_in*>(found.ai_addr);
    return endpoint{make_ipv4(reinterpret_cast<const std::uint8_t*>(&v4->sin_addr)), port, 0};
  }
  if (found.ai_family == AF_INET6) {
    const sockaddr_in6* v6 = reinterpret_cast<const sockaddr_in6*>(found.ai_addr);
    return endpoint{make_ipv6(v6->sin6_addr.s6_addr), port, v6->sin6_scope_id};
  }
  return std::nullopt;
}

/// In getaddrinfo's order, which has addresses last that there is no route to (RFC 6724).
std::vector<endpoint> endpoints_of(const addrinfo* found, std::uint16_t port) {
  std::vector<endpoint> result;
  for (; found != nullptr && result.size() < limits::addresses_per_name_max; found = found->ai_next)
    if (const std::optional<endpoint> each = endpoint_of(*found, port);
        each && std::find(result.begin(), result.end(), *each) == result.end())
      result.push_back(*each);
  return result;
}

name_answer look_up(name_query query) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(query.host.c_str(), nullptr, &hints, &found);
  name_answer answer{std::move(query), {}, {}};
  if (error == 0) {
    answer.found = endpoints_of(found, answer.query.port);
    ::freeaddrinfo(found);
  }
  if (answer.found.empty())
    answer.error = error == 0 ? "it has no address" : ::gai_strerror(error);
  return answer;
}

/// Looks up what waits, until nothing does or nobody wants to know.
void look_up_all(look_ups& shared) {
  std::unique_lock<std::mutex> guard(shared.lock);
  while (shared.reader && !shared.waiting.empty()) {
    name_query query = std::move(shared.waiting.front());
    shared.waiting.pop_front();
    guard.unlock();
    name_answer answer = look_up(std::move(query));
    guard.lock();
    if (shared.reader)
      shared.reader->post(std::move(answer));
  }
  --shared.threads;
}

} // namespace

resolver_state::~resolver_state() {
  const std::lock_guard<std::mutex> guard(shared->lock);
  shared->reader.reset();
}

void resolver_state::start(resolver_parts given) {
  parts = std::move(given);
  shared->reader = parts.admin;
}

void resolver_state::begin(const std::vector<name_query>& queries) {
  {
    const std::lock_guard<std::mutex> guard(shared->lock);
    shared->waiting.insert(shared->waiting.end(), queries.begin(), queries.end());
  }
  for (std::size_t i = 0; i < queries.size(); ++i)
    start_thread();
}

void resolver_state::start_thread() {
  {
    const std::lock_guard<std::mutex> guard(shared->lock);
    if (shared->waiting.empty() || shared->threads >= limits::look_ups_max)
      return;
    ++shared->threads;
  }
  if (!parts.own_threads)
    return look_up_all(*shared);
  try {
    std::thread([shared = shared] {
      name_thread("resolver");
      look_up_all(*shared);
    }).detach();
  } catch (const std::system_error& error) {
    parts.log->warn("cannot start a thread for a look-up: {}; it waits for the next one",
                    error.what());
    const std::lock_guard<std::mutex> guard(shared->lock);
    --shared->threads;
  }
}

resolver_actor::behavior_type resolver(resolver_actor::stateful_pointer<resolver_state> self,
                                       resolver_parts parts) {
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts));
  return counted(
      self, [self](const std::vector<name_query>& queries) { self->state.begin(queries); },
      [self](atom::stop) { self->quit(); },
      [self](const status_query& query) { answer_query(self, query, "resolver"); });
}

} // namespace troupe::actors
