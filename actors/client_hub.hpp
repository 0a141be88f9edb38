// The clients of a control socket. Reads what they send, hands it over, writes what they are
// answered, and never waits for any of them. Bounded: when another client comes, the one idle for
// longest goes, and who is streamed to after all others; a request or answer in the way stops its
// own client only; what they send and do not read is bounded over all of them. Knows nothing of
// what is said.
#pragma once

#include "messages/moment.hpp"

#include "actors/control_socket.hpp"
#include "actors/polling.hpp"

#include <any>
#include <cstdint>
#include <functional>
#include <list>
#include <span>
#include <string>
#include <vector>

namespace troupe::actors {

/// The process that connected, as it was then (SO_PEERCRED, SO_PEERGROUPS).
struct peer_process {
  std::uint32_t user = ~0U; // nobody's
  std::int32_t process = 0;
  std::vector<std::uint32_t> groups; // its own first

  [[nodiscard]] bool is_member_of(std::uint32_t group) const;
};

class client {
public:
  client(std::uint64_t number, unique_fd connected, peer_process whose)
      : id(number), fd(std::move(connected)), process(std::move(whose)) {}
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client();

  /// The first octets of `input`, a request. No memory is kept for as long a one.
  [[nodiscard]] std::string take(std::size_t octets);

  const std::uint64_t id;
  unique_fd fd;
  const peer_process process;
  /// Received and not yet taken by the handler.
  std::string input;
  /// The handler's: so much of `input` holds no end of a request.
  std::size_t scanned = 0;
  /// To be sent. Wiped when sent: it may hold keys.
  std::string output;
  std::size_t sent = 0;
  /// A request is being answered: nothing more is read until the answer is out.
  bool busy = false;
  /// The round whose answer it waits for, if it waits for one that others get, too.
  std::uint64_t round = 0;
  /// It is told things until it asks for another, leaves, or does not take them: see `feed`.
  bool streaming = false;
  /// It says no more, and may still listen.
  bool half_closed = false;
  /// Close when the output is out.
  bool closing = false;
  time_point last_active;
  /// The handler's own, from one call to the next.
  std::any notes;
};

/// Of all clients together.
struct client_bounds {
  std::size_t clients;
  /// Sent by them and not yet taken as requests. Who goes beyond it is let go.
  std::size_t input_octets;
  /// Answered and not yet read by them. Beyond it who has read nothing for longest is let go.
  std::size_t output_octets;
};

class client_hub {
public:
  /// Called when `who.input` has grown, or an answer is out and more input waits. Takes one whole
  /// request off its front; sets `busy` when the answer comes later, or appends to `output`, or
  /// sets `closing`.
  using handler = std::function<void(client& who)>;

  client_hub(control_socket listening, const client_bounds& most, handler on_input);

  /// What poll(2) is to watch: for `serve`, in the same order.
  void watch(std::vector<watched_fd>& descriptors, time_point now);
  /// When to call `watch` again at the latest.
  [[nodiscard]] time_point next_look() const { return next_look_; }
  /// `ready` is what `watch` appended, after the wait.
  void serve(std::span<const watched_fd> ready, time_point now);
  /// The answer that a busy client waits for. It may have left meanwhile.
  void answer(std::uint64_t id, std::string_view text, time_point now);

  /// `write` may append to the output of each client that is streamed to and has taken all before.
  void feed(const std::function<void(client& who)>& write, time_point now);

  // Clients that ask the same share the answer, in rounds. One round is out at a time, and who asks
  // meanwhile waits for the next: what is coming in may be older than its question. So many clients
  // that come, ask and leave cost no more than one that stays.

  /// Makes `who` wait. True: nothing is out, so ask.
  [[nodiscard]] bool join_round(client& who);
  /// The answer to the round that is out; `write` appends it to the output of each who waits for
  /// it. True: others have come meanwhile, so ask again.
  [[nodiscard]] bool answer_round(const std::function<void(client& who)>& write, time_point now);

  [[nodiscard]] const control_socket& socket() const { return listening_; }
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

private:
  [[nodiscard]] std::size_t input_octets() const;
  void accept_all(time_point now);
  void make_room(time_point now);
  void evict_oldest();
  /// `answered` has just been, and stays.
  void evict_who_does_not_read(const client& answered);
  /// Hands over what came, up to the first request that has to be waited for.
  void take_requests(client& from);
  /// Both false when the client is to be let go.
  [[nodiscard]] bool receive(client& from, time_point now);
  [[nodiscard]] bool send(client& to, time_point now);
  [[nodiscard]] bool anybody_waits_for(std::uint64_t round) const;

  control_socket listening_;
  client_bounds most_;
  handler on_input_;
  std::list<client> clients_;
  std::uint64_t next_id_ = 1;
  std::uint64_t round_ = 0;
  bool round_is_out_ = false;
  /// Until then who connects has to wait; otherwise `never`.
  time_point next_look_ = never;
  /// Given up for a moment where a connection has to be taken only to be closed.
  unique_fd spare_;
};

} // namespace troupe::actors
