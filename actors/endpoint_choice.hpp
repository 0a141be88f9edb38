// Which of a peer's endpoints is to be tried: all addresses of the first in turn, then those of the
// next, then again from the first. Pure: what was found and what did not answer goes in, where to
// go and what to look up comes out. Whether the peer needs another address is TUNNEL's to say.
#pragma once

#include "messages/address.hpp"
#include "messages/limits.hpp"
#include "messages/moment.hpp"

#include "conf/config.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// What is to be done now, perhaps nothing.
struct endpoint_step {
  std::optional<endpoint> go;
  /// A name, to be looked up.
  std::optional<conf::endpoint_setting> look_up;
  /// Nothing came of the look-ups: they begin again after so long.
  std::optional<duration> pause;
};

class endpoint_choice {
public:
  /// At least one.
  explicit endpoint_choice(const std::vector<conf::endpoint_setting>& preferred_first);

  /// With the first; if that is an address, TUNNEL has it already.
  [[nodiscard]] endpoint_step begin(time_point now);
  /// Nothing has come from `where` for a while.
  [[nodiscard]] endpoint_step on_unanswered(const endpoint& where, time_point now);
  /// What came of a look-up; of one that nobody waits for any more it is kept.
  [[nodiscard]] endpoint_step on_found(const std::string& host, std::uint16_t port,
                                       const std::vector<endpoint>& addresses, time_point now);
  [[nodiscard]] endpoint_step on_not_found(const std::string& host, std::uint16_t port,
                                           time_point now);
  /// Somebody wants names looked up, however lately they were.
  [[nodiscard]] endpoint_step look_up_again(time_point now);
  [[nodiscard]] time_point deadline() const { return due_; }
  [[nodiscard]] endpoint_step on_deadline(time_point now);

private:
  struct candidate {
    conf::endpoint_setting setting;
    std::vector<endpoint> addresses;
    std::optional<time_point> found_at;
    bool asked = false;
  };

  candidate* find(const std::string& host, std::uint16_t port);
  endpoint_step take(candidate& from, time_point now);
  endpoint_step next_candidate(time_point now);
  endpoint_step enter(time_point now);
  endpoint_step ask(time_point now);
  endpoint_step go(std::size_t address);

  std::vector<candidate> all_;
  /// The one whose turn it is, and its address in use.
  std::size_t at_ = 0;
  std::size_t address_ = 0;
  /// Its look-up is waited for.
  bool waits_ = false;
  /// Somebody asked for the look-up of the one whose turn it is: if the address in use is among
  /// those found it stays in use.
  bool again_ = false;
  /// What TUNNEL was told last.
  std::optional<endpoint> in_use_;
  /// Of the wait or the pause.
  time_point due_ = never;
  duration pause_ = limits::resolve_retry_first;
  /// Look-ups in a row that found nothing.
  std::size_t failed_ = 0;
};

} // namespace troupe::actors
