// The messages that make sessions, whitepaper sections 5.1 to 5.4. X25519 is never done here: each
// step that needs it leaves as a job for HANDSHAKER and goes on, in `finish`, when the job is back.
//
//   initiate ---------> job: create_initiation ---> finish: send it, await the response
//   receive initiation: mac1, load, limits
//     ----------------> job: open_initiation -----> finish: who is it (job: static_static, if new)
//     admit: timestamp -> job: create_response ---> finish: check again, next session, send it
//   receive response:   mac1, load, is it awaited
//     ----------------> job: consume_response ----> finish: check again, current session
//
// Meanwhile the configuration may have changed: every finish checks identity, peer and attempt
// anew.
#include "crypto/tunnel.hpp"

namespace troupe::crypto {

namespace {

/// Section 5.4.2: handshakes are marked AF41, as the kernel does.
constexpr std::uint8_t handshake_traffic_class = 0x88;

} // namespace

// --- Initiator, first message --------------------------------------------------------------------

void tunnel::initiate(peer& to, bool retry, moment now, outbox& out) {
  if (!up_ || !identity_ || !to.remote || to.initiation_at_work)
    return;
  if (!retry) {
    to.clock.on_fresh_attempt();
    if (to.clock.awaits_retry())
      return;
  }
  if (to.last_initiation != time_point::min() &&
      now.steady - to.last_initiation < limits::rekey_timeout)
    return;
  if (initiations_own_out_ >= limits::own_initiations_max ||
      jobs_out_ >= limits::handshake_jobs_max) {
    to.clock.on_initiation_deferred(now.steady, random_);
    return rearm(to);
  }
  to.last_initiation = now.steady;
  to.initiation_at_work = true;
  ++to.attempt;
  ++initiations_own_out_;
  to.clock.on_handshake_initiated(now.steady, random_);
  rearm(to);
  if (to.clock.take_no_answer()) // with packets all the time the retries never end
    note(peer_event::kind::handshake_gave_up, to, out);
  if (to.clock.take_silence()) {
    note(peer_event::kind::unanswered, to, out);
    out.events.back().key = to.key;
  }
  note(peer_event::kind::handshake_started, to, out);
  out.events.back().attempt = to.clock.on_initiation_begun();
  send_job(to.id, to.attempt,
           initiate_work{to.static_static,
                         fresh_ephemeral(),
                         to.timestamps.next(now.wall),
                         fresh_index(),
                         to.key,
                         {}},
           out);
}

std::optional<drop_reason> tunnel::finish(handshake_job& job, initiate_work& done, moment now,
                                          outbox& out) {
  --initiations_own_out_;
  peer* const to = find(job.peer);
  if (to == nullptr || job.attempt != to->attempt)
    return drop_reason::own_handshake_stale;
  to->initiation_at_work = false;
  if (!fits(job) || !to->remote || indices_.contains(done.sender_index))
    return drop_reason::own_handshake_stale;
  to->static_static = done.static_static;
  if (!done.created)
    return drop_reason::own_handshake_invalid; // the peer's key is one whose DH is zero
  if (!send_handshake(*to, done.created->message, {*to->remote, to->local}, now, out))
    return drop_reason::reserve_empty;
  to->last_initiation = now.steady; // the job may have taken long
  forget_initiation(*to);
  to->pending = std::make_unique<pending_initiation>(
      pending_initiation{std::move(done.created->kept), done.sender_index});
  indices_[done.sender_index] = {to, nullptr};
  to->clock.on_handshake_initiated(now.steady, random_);
  rearm(*to);
  return std::nullopt;
}

// --- Responder -----------------------------------------------------------------------------------

std::optional<drop_reason> tunnel::receive_handshake(const_bytes message, wire::message_type type,
                                                     const return_path& from, moment now,
                                                     outbox& out, peer*& sender) {
  if (!identity_ || !checker_->valid_mac1(message))
    return drop_reason::invalid_mac1;
  if (is_load(type, from, now))
    if (const std::optional<drop_reason> refused = check_cookie(message, from, now, out))
      return refused;
  if (jobs_out_ >= limits::handshake_jobs_max)
    return drop_reason::handshake_backlog;
  if (type == wire::message_type::handshake_initiation) {
    backlog_.begin(from.remote.address);
    send_job(peer_id::none, 0,
             open_work{wire::copy_from<wire::handshake_initiation>(message), from, {}}, out);
    return std::nullopt;
  }
  const wire::handshake_response response = wire::copy_from<wire::handshake_response>(message);
  const auto owner = indices_.find(load_le32(response.receiver_index.data()));
  if (owner == indices_.end() || owner->second.on != nullptr)
    return drop_reason::unexpected_response;
  sender = owner->second.whose;
  peer& to = *sender;
  if (to.pending->responses_at_work >= limits::responses_at_work_max)
    return drop_reason::handshake_backlog;
  ++to.pending->responses_at_work;
  send_job(to.id, to.attempt, finish_work{to.pending->kept, to.preshared_key, response, from, {}},
           out);
  return std::nullopt;
}

/// A source that floods is under load by itself, before others are. It is not just dropped:
/// anybody can write a peer's address on a flood, and the peer must still get in.
bool tunnel::is_load(wire::message_type type, const return_path& from, moment now) {
  if (backlog_.is_load())
    under_load_until_ = now.steady + limits::under_load_hold;
  return now.steady < under_load_until_ || (type == wire::message_type::handshake_initiation &&
                                            backlog_.is_full_of(from.remote.address));
}

/// Section 5.3. Under load whoever asks must first show that it receives where it says it is.
std::optional<drop_reason> tunnel::check_cookie(const_bytes message, const return_path& from,
                                                moment now, outbox& out) {
  if (checker_->valid_mac2(message, from.remote, now.steady))
    return limiter_.allow(from.remote.address, now.steady)
               ? std::nullopt
               : std::optional(drop_reason::rate_limited);
  const originator::room room = out.origin.reserve(sizeof(wire::cookie_reply), now);
  if (!room)
    return drop_reason::handshake_without_room;
  const wire::cookie_reply reply = checker_->make_reply(message, from.remote, now.steady, random_);
  const const_bytes octets = wire::as_bytes(reply);
  std::copy(octets.begin(), octets.end(), room.data());
  room.in->transmits.push_back({room.offset, sizeof reply, sizeof reply, handshake_traffic_class, 0,
                                peer_id::none, from.remote, from.local});
  out.origin.commit(sizeof reply, true);
  return drop_reason::cookie_demanded;
}

std::optional<drop_reason> tunnel::finish(handshake_job& job, open_work& done, moment now,
                                          outbox& out) {
  backlog_.end(done.from.remote.address);
  if (!fits(job))
    return drop_reason::stale_handshake;
  if (!done.opened)
    return drop_reason::invalid_handshake;
  peer* const initiator = find(done.opened->initiator);
  if (initiator == nullptr)
    return drop_reason::unknown_peer;
  job.peer = initiator->id; // whose drop it is from here on
  if (initiator->static_static)
    return admit(*done.opened, done.from, now, out);
  backlog_.begin(done.from.remote.address);
  send_job(initiator->id, 0, static_work{std::move(*done.opened), done.from, {}}, out);
  return std::nullopt;
}

std::optional<drop_reason> tunnel::finish(handshake_job& job, static_work& done, moment now,
                                          outbox& out) {
  backlog_.end(done.from.remote.address);
  peer* const initiator = find(job.peer);
  if (!fits(job) || initiator == nullptr)
    return drop_reason::stale_handshake;
  if (!done.static_static)
    return drop_reason::invalid_handshake;
  initiator->static_static = done.static_static;
  return admit(done.opened, done.from, now, out);
}

/// Is an initiation new, and not too soon after the one that was answered last?
std::optional<drop_reason> tunnel::untimely(const peer& initiator, const timestamp& sent_at,
                                            moment now) const {
  if (sent_at <= initiator.latest_timestamp)
    return drop_reason::old_timestamp;
  if (initiator.last_initiation_consumed != time_point::min() &&
      now.steady - initiator.last_initiation_consumed < limits::initiation_interval_min)
    return drop_reason::handshake_flood;
  return std::nullopt;
}

/// The initiator is a peer: is its initiation to be answered? Needs its static_static.
std::optional<drop_reason> tunnel::admit(opened_initiation& opened, const return_path& from,
                                         moment now, outbox& out) {
  peer& initiator = *find(opened.initiator);
  const std::optional<timestamp> sent_at = open_timestamp(opened, initiator.static_static);
  if (!sent_at)
    return drop_reason::invalid_handshake;
  if (const std::optional<drop_reason> refused = untimely(initiator, *sent_at, now))
    return refused;
  if (std::exchange(initiator.response_at_work, true))
    return drop_reason::handshake_flood; // the interval runs from when that one is done
  backlog_.begin(from.remote.address);
  send_job(initiator.id, 0,
           respond_work{std::move(opened),
                        from,
                        *sent_at,
                        initiator.preshared_key,
                        fresh_ephemeral(),
                        fresh_index(),
                        {}},
           out);
  return std::nullopt;
}

std::optional<drop_reason> tunnel::finish(handshake_job& job, respond_work& done, moment now,
                                          outbox& out) {
  backlog_.end(done.from.remote.address);
  peer* const to = find(job.peer);
  if (to == nullptr)
    return drop_reason::stale_handshake;
  to->response_at_work = false;
  if (!fits(job) || !done.preshared_key.same_as(to->preshared_key) ||
      indices_.contains(done.sender_index))
    return drop_reason::stale_handshake;
  if (const std::optional<drop_reason> refused = untimely(*to, done.sent_at, now))
    return refused;
  if (!done.created)
    return drop_reason::invalid_handshake;
  to->latest_timestamp = done.sent_at;
  to->last_initiation_consumed = now.steady;
  // The session stands before the response leaves: what is sent on it may come at once.
  forget_session(to->next);
  to->next = std::make_unique<session>(std::move(done.created->keys), false, done.sender_index,
                                       done.opened.sender_index, now.steady);
  indices_[done.sender_index] = {to, to->next.get()};
  to->clock.on_session_derived(now.steady);
  to->rx_bytes += sizeof(wire::handshake_initiation);
  learn_endpoint(*to, done.from.remote, done.from.local, out);
  authenticated(*to, now);
  rearm(*to);
  if (!send_handshake(*to, done.created->message, done.from, now, out))
    return drop_reason::handshake_without_room;
  return std::nullopt;
}

// --- Initiator, second message -------------------------------------------------------------------

std::optional<drop_reason> tunnel::finish(handshake_job& job, finish_work& done, moment now,
                                          outbox& out) {
  peer* const from = find(job.peer);
  if (from == nullptr || !from->pending ||
      from->pending->local_index != load_le32(done.message.receiver_index.data()))
    return drop_reason::stale_handshake;
  --from->pending->responses_at_work;
  if (!fits(job) || !done.preshared_key.same_as(from->preshared_key))
    return drop_reason::stale_handshake;
  if (!done.keys) { // spoofed, perhaps: the initiation still waits
    if (!std::exchange(from->pending->failure_noted, true)) {
      note(peer_event::kind::handshake_failed, *from, out);
      out.events.back().reason = drop_reason::invalid_handshake;
    }
    return drop_reason::invalid_handshake;
  }
  const std::uint32_t local_index = from->pending->local_index;
  forget_initiation(*from);
  // A session that we answered for meanwhile, still unconfirmed, is kept to receive on.
  forget_session(from->previous);
  from->previous = from->next ? std::move(from->next) : std::move(from->current);
  forget_session(from->current);
  from->current =
      std::make_unique<session>(std::move(*done.keys), true, local_index,
                                load_le32(done.message.sender_index.data()), now.steady);
  indices_[local_index] = {from, from->current.get()};
  from->rx_bytes += sizeof(wire::handshake_response);
  from->latest_handshake = now.wall;
  learn_endpoint(*from, done.from.remote, done.from.local, out);
  authenticated(*from, now);
  from->clock.on_handshake_complete();
  from->clock.on_session_derived(now.steady);
  note(peer_event::kind::handshake_completed, *from, out);
  rearm(*from);
  // Section 5.4.5: the responder waits for a first packet before it sends.
  send_keepalive(*from, now, out);
  return std::nullopt;
}

std::optional<drop_reason> tunnel::receive_cookie(const_bytes message, moment now, outbox& out,
                                                  peer*& sender) {
  const wire::cookie_reply reply = wire::copy_from<wire::cookie_reply>(message);
  const auto owner = indices_.find(load_le32(reply.receiver_index.data()));
  if (owner == indices_.end())
    return drop_reason::unexpected_cookie;
  sender = owner->second.whose;
  if (!sender->cookies.consume(reply, now.steady))
    return drop_reason::unexpected_cookie;
  note(peer_event::kind::cookie_received, *sender, out);
  return std::nullopt;
}

// --- Both ----------------------------------------------------------------------------------------

void tunnel::on_handshake(handshake_job& done, moment now, outbox& out) {
  --jobs_out_;
  const std::optional<drop_reason> reason =
      std::visit([&](auto& work) { return finish(done, work, now, out); }, done.work);
  if (!reason)
    return;
  if (!std::holds_alternative<initiate_work>(done.work))
    --counts_.handshakes; // of those received: now it is a drop
  if (peer* const of = find(done.peer))
    return drop(*of, *reason);
  drops_.count(*reason);
}

/// Whether nothing that the job was made for has changed meanwhile.
bool tunnel::fits(const handshake_job& job) const {
  return up_ && identity_ && job.own.own_key == identity_->own_key;
}

template <class Work>
void tunnel::send_job(peer_id whose, std::uint64_t attempt, Work work, outbox& out) {
  ++jobs_out_;
  out.jobs.push_back(
      std::make_shared<handshake_job>(handshake_job{*identity_, whose, attempt, std::move(work)}));
}

/// Adds the macs and sends; false when the reserve has no room.
template <class Message>
bool tunnel::send_handshake(peer& to, const Message& message, const return_path& path, moment now,
                            outbox& out) {
  const originator::room room = out.origin.reserve(sizeof message, now);
  if (!room)
    return false;
  const bytes octets(room.data(), sizeof message);
  const const_bytes complete_but_macs = wire::as_bytes(message);
  std::copy(complete_but_macs.begin(), complete_but_macs.end(), octets.begin());
  to.cookies.add_macs(octets, now.steady);
  room.in->transmits.push_back({room.offset, sizeof message, sizeof message,
                                handshake_traffic_class, to.lane, to.id, path.remote, path.local});
  out.origin.commit(sizeof message, true);
  to.tx_bytes += sizeof message;
  to.clock.on_any_authenticated_packet_traversal(now.steady, to.persistent_keepalive);
  to.clock.on_any_authenticated_packet_sent();
  rearm(to);
  return true;
}

void tunnel::forget_initiation(peer& of) {
  if (!of.pending)
    return;
  indices_.erase(of.pending->local_index);
  of.pending.reset();
}

void tunnel::forget_session(std::unique_ptr<session>& slot) {
  if (!slot)
    return;
  indices_.erase(slot->local_index());
  for (inbound& datagram : inbound_) // what of the batch at hand is still to come on it
    if (datagram.on == slot.get() && !datagram.reason)
      datagram.reason = drop_reason::unknown_index;
  slot.reset();
}

std::uint32_t tunnel::fresh_index() {
  std::uint32_t index = random_.next_u32();
  while (indices_.contains(index))
    index = random_.next_u32();
  return index;
}

secret_key tunnel::fresh_ephemeral() {
  return secret_key::make([this](bytes out) { random_.fill(out); });
}

} // namespace troupe::crypto
