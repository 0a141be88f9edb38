// The pure half of the TUNNEL actor: every peer, session and timer, and the cryptokey routing
// table. Batches, results and `now` go in; sealed and opened batches, jobs, events and a deadline
// come out. It never reads a clock, a socket or a log, and it is used by one thread at a time.
//
// The files, in the order of a packet's way:
//   send.cpp       inner packet -> peer -> session -> datagram
//   receive.cpp    datagram -> session -> inner packet
//   handshake.cpp  the messages that make sessions
//   tunnel.cpp     configuration, timers, status
#pragma once

#include "messages/ip_header.hpp"
#include "messages/peer_settings.hpp"
#include "messages/slab.hpp"
#include "messages/status.hpp"

#include "crypto/aead.hpp"
#include "crypto/backlog.hpp"
#include "crypto/cookie.hpp"
#include "crypto/deadlines.hpp"
#include "crypto/handshake_job.hpp"
#include "crypto/originator.hpp"
#include "crypto/peer.hpp"
#include "crypto/peer_event.hpp"
#include "crypto/random.hpp"
#include "crypto/rate_limiter.hpp"
#include "crypto/routing.hpp"
#include "crypto/staging.hpp"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

namespace troupe::crypto {

/// What one turn of the tunnel wants done. The caller empties it after every turn, and keeps it, so
/// that its memory is reused.
struct outbox {
  explicit outbox(std::vector<bare_slab> reserve) : origin(std::move(reserve)) {}

  /// Datagrams of the tunnel's own: what `origin.finish_turn` returns.
  originator origin;
  /// For HANDSHAKER. At most limits::handshake_jobs_max are out at a time.
  std::vector<std::shared_ptr<handshake_job>> jobs;
  std::vector<peer_event> events;
};

class tunnel {
public:
  explicit tunnel(random_source& random,
                  std::unique_ptr<aead_engine> engine = make_sodium_engine());
  tunnel(const tunnel&) = delete;
  tunnel& operator=(const tunnel&) = delete;

  // --- Control ---------------------------------------------------------------------------------
  void apply(const tunnel_change& change, moment now, outbox& out);
  /// How many UDP SENDERs there are, at least one; a peer stays on one until the next call.
  void share_out(std::uint8_t lanes);
  /// What the TUN interface is. While it is down nothing is sent or answered and no session lives.
  void on_link(bool up, std::uint32_t mtu, moment now, outbox& out);
  /// The own addresses these were last reached on no longer work as sources.
  void forget_sources(const std::vector<peer_id>& peers);
  /// What waits now is not counted in them; `status` says that.
  [[nodiscard]] const tunnel_counts& counts() const { return counts_; }
  /// Packets of a peer that died behind the tunnel: in the peer's counts, and not in its own.
  void count_sink_drop(const peer_drop& dead);
  /// With all peers, in any order, or only those of which anything was dropped.
  [[nodiscard]] tunnel_status status(time_point now, bool only_dropped = false) const;
  /// Whose packets those of `id` are, for logs; empty when it is gone.
  [[nodiscard]] std::string_view name_of(peer_id id) const;

  // --- Packets ---------------------------------------------------------------------------------
  /// Inner packets: `batch.arrivals` in, `batch.transmits` and `batch.drops` out.
  void on_plain(slab& batch, moment now, outbox& out);
  /// Datagrams: `batch.arrivals` in, `batch.deliveries` and `batch.drops` out.
  void on_cipher(slab& batch, moment now, outbox& out);
  /// A slab of the reserve came home: what waited for room may go.
  void on_room(moment now, outbox& out);

  // --- Handshakes and time ---------------------------------------------------------------------
  /// A job as HANDSHAKER gives it back.
  void on_handshake(handshake_job& done, moment now, outbox& out);
  void on_timeout(moment now, outbox& out);
  [[nodiscard]] time_point next_deadline() const {
    return std::min(deadlines_.earliest(), parked_keys_due_);
  }

  /// Of the session that is sent on. For tests of the limits, which 2^60 packets could not reach.
  void skip_to_counter(const public_key& of, std::uint64_t counter);

private:
  /// Who answers to a receiver index: a session, or (without one) the peer's pending initiation.
  struct index_owner {
    peer* whose = nullptr;
    session* on = nullptr;
  };

  /// A datagram of the batch that is being received.
  struct inbound {
    std::uint32_t arrival_index = 0;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    wire::message_type type{};
    std::optional<drop_reason> reason; // it goes no further
    peer* from = nullptr;
    session* on = nullptr; // of transport data that was opened, as `opening`
    std::size_t opening = 0;
  };

  // tunnel.cpp
  peer* find(peer_id id) const;
  peer* find(const public_key& key) const;
  [[nodiscard]] bool set_private_key(secret_key private_key, outbox& out);
  void wake_peers(moment now, outbox& out);
  /// `back_to_before`: to the endpoint that it remembers, if it does.
  void set_peer(const peer_change& change, bool back_to_before, moment now, outbox& out);
  [[nodiscard]] std::uint8_t lane_of(peer_id id) const;
  void move_peer(peer& to, const peer_move& wanted, moment now, outbox& out);
  void set_allowed_ips(const peer& of, const std::vector<ip_prefix>& allowed_ips);
  peer& add_peer(const public_key& key);
  void remove_peer(peer& gone, outbox& out);
  void retire_peer(peer& gone, outbox& out);
  void forget_sessions(peer& of);
  void on_peer_timeout(peer& of, moment now, outbox& out);
  void rearm(peer& of);
  void drop(peer& of, drop_reason reason, std::size_t packets = 1);
  void note(peer_event::kind what, const peer& who, outbox& out) const;
  static std::size_t slot_of(peer_id id) { return static_cast<std::uint32_t>(id); }

  // parking.cpp
  void park_peer(peer& gone, outbox& out);
  /// Null when it is not parked.
  peer* bring_back(const public_key& key);
  void forget_parked_keys(time_point now);
  void end_parked_sessions();
  void forget_parked();

  // send.cpp
  [[nodiscard]] std::optional<drop_reason> send_one(slab& batch, const arrival& packet, moment now,
                                                    outbox& out, peer*& to);
  [[nodiscard]] aead_job describe_sealing(slab& in, std::uint32_t offset, std::uint32_t padded,
                                          ecn congestion, peer& to, session& on);
  [[nodiscard]] bool originate(const_bytes inner, peer& to, session& on, moment now, outbox& out);
  void stage(peer& to, const_bytes packet);
  void release_staged(peer& to, moment now, outbox& out);
  void send_keepalive(peer& to, moment now, outbox& out);
  void sent_on(peer& to, session& on, moment now, outbox& out);
  void keepalive_or_data_sent_on(peer& to, session& on, moment now, outbox& out);

  // receive.cpp
  void sort_out(slab& batch, std::uint32_t arrival_index, moment now);
  void find_session(inbound& datagram, bytes message, moment now);
  [[nodiscard]] std::optional<drop_reason> receive_one(slab& batch, inbound& datagram, moment now,
                                                       outbox& out);
  [[nodiscard]] std::optional<drop_reason> receive_data(slab& batch, const inbound& datagram,
                                                        moment now, outbox& out);
  [[nodiscard]] std::optional<drop_reason> deliver(slab& batch, const inbound& datagram,
                                                   bytes packet, peer& from);
  void confirm_next(peer& of, moment now, outbox& out);
  void learn_endpoint(peer& of, const endpoint& remote, const source_address& local, outbox& out);
  void authenticated(peer& from, moment now);

  // handshake.cpp
  void initiate(peer& to, bool retry, moment now, outbox& out);
  [[nodiscard]] std::optional<drop_reason> receive_handshake(const_bytes message,
                                                             wire::message_type type,
                                                             const return_path& from, moment now,
                                                             outbox& out, peer*& sender);
  [[nodiscard]] std::optional<drop_reason> receive_cookie(const_bytes message, moment now,
                                                          outbox& out, peer*& sender);
  [[nodiscard]] bool is_load(wire::message_type type, const return_path& from, moment now);
  [[nodiscard]] std::optional<drop_reason>
  check_cookie(const_bytes message, const return_path& from, moment now, outbox& out);
  [[nodiscard]] std::optional<drop_reason> untimely(const peer& initiator, const timestamp& sent_at,
                                                    moment now) const;
  [[nodiscard]] std::optional<drop_reason> admit(opened_initiation& opened, const return_path& from,
                                                 moment now, outbox& out);
  [[nodiscard]] std::optional<drop_reason> finish(handshake_job& job, initiate_work& done,
                                                  moment now, outbox& out);
  [[nodiscard]] std::optional<drop_reason> finish(handshake_job& job, open_work& done, moment now,
                                                  outbox& out);
  [[nodiscard]] std::optional<drop_reason> finish(handshake_job& job, static_work& done, moment now,
                                                  outbox& out);
  [[nodiscard]] std::optional<drop_reason> finish(handshake_job& job, respond_work& done,
                                                  moment now, outbox& out);
  [[nodiscard]] std::optional<drop_reason> finish(handshake_job& job, finish_work& done, moment now,
                                                  outbox& out);
  [[nodiscard]] bool fits(const handshake_job& job) const;
  template <class Work>
  void send_job(peer_id whose, std::uint64_t attempt, Work work, outbox& out);
  template <class Message>
  bool send_handshake(peer& to, const Message& message, const return_path& path, moment now,
                      outbox& out);
  void forget_initiation(peer& of);
  void forget_session(std::unique_ptr<session>& slot);
  std::uint32_t fresh_index();
  secret_key fresh_ephemeral();

  random_source& random_;
  std::uint8_t lanes_ = 1;

  std::optional<identity> identity_;
  std::optional<cookie_checker> checker_;
  backlog backlog_;
  rate_limiter limiter_;
  time_point under_load_until_ = time_point::min();
  std::size_t jobs_out_ = 0;
  std::size_t initiations_own_out_ = 0;

  bool up_ = false;
  std::uint32_t mtu_ = limits::mtu_default;

  /// By slot, the low half of a peer_id; a slot is reused under another id.
  std::vector<std::unique_ptr<peer>> peers_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t next_generation_ = 1;
  std::unordered_map<public_key, peer*> peers_by_key_;
  /// Their slots are kept for them.
  std::unordered_map<public_key, std::unique_ptr<peer>> parked_;
  /// Of one of them.
  time_point parked_keys_due_ = never;
  /// Who is moved now remembers where it was.
  bool may_be_taken_back_ = false;
  std::unordered_map<std::uint32_t, index_owner> indices_;
  routing_table routes_;
  staging staging_;
  std::vector<peer_id> backlogged_;
  deadlines deadlines_;
  drop_counters drops_;
  tunnel_counts counts_;

  std::unique_ptr<aead_engine> engine_;
  // Of one batch; kept for their capacity.
  std::vector<aead_job> sealings_;
  std::vector<aead_job> openings_;
  std::vector<inbound> inbound_;
};

} // namespace troupe::crypto
