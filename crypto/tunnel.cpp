// What the tunnel is told to be, what time does to it, and what it answers when asked.
#include "crypto/tunnel.hpp"

#include <algorithm>

namespace troupe::crypto {

namespace {

peer_id make_id(std::uint32_t generation, std::uint32_t slot) {
  return static_cast<peer_id>(std::uint64_t{generation} << 32 | slot);
}

} // namespace

tunnel::tunnel(random_source& random, std::unique_ptr<aead_engine> engine)
    : random_(random), engine_(std::move(engine)) {
  init_primitives();
}

peer* tunnel::find(peer_id id) const {
  const std::size_t slot = slot_of(id);
  peer* const found = slot < peers_.size() ? peers_[slot].get() : nullptr;
  return found != nullptr && found->id == id ? found : nullptr;
}

peer* tunnel::find(const public_key& key) const {
  const auto found = peers_by_key_.find(key);
  return found == peers_by_key_.end() ? nullptr : found->second;
}

std::string_view tunnel::name_of(peer_id id) const {
  const peer* const found = find(id);
  return found != nullptr ? std::string_view(found->name) : std::string_view();
}

// --- Configuration -------------------------------------------------------------------------------

void tunnel::apply(const tunnel_change& change, moment now, outbox& out) {
  const bool other_key = change.set_private_key && set_private_key(change.private_key, out);
  for (const public_key& key : change.removed)
    if (peer* const gone = find(key); gone != nullptr && change.park_removed)
      park_peer(*gone, out);
    else if (gone != nullptr)
      remove_peer(*gone, out);
  may_be_taken_back_ = (may_be_taken_back_ || change.park_removed) && !change.forget_parked;
  for (const peer_change& changed : change.changed)
    set_peer(changed, change.bring_back, now, out);
  if (change.forget_parked)
    forget_parked();
  for (const peer_move& wanted : change.moves)
    if (peer* const to = find(wanted.key))
      move_peer(*to, wanted, now, out);
  for (const public_key& key : change.rehandshake)
    if (peer* const to = find(key)) {
      to->local = {}; // perhaps the address we last used is what stopped working
      initiate(*to, false, now, out);
    }
  if (change.forget_sources)
    for (const auto& [key, each] : peers_by_key_)
      each->local = {};
  if (up_ && other_key)
    wake_peers(now, out);
}

void tunnel::forget_sources(const std::vector<peer_id>& peers) {
  for (const peer_id id : peers)
    if (peer* const of = find(id))
      of->local = {};
}

/// Every session of the former key is retired and every peer shakes hands anew. The key that it has
/// already changes nothing (`wg syncconf` always sends one): false.
bool tunnel::set_private_key(secret_key private_key, outbox& out) {
  if (identity_ ? identity_->private_key.same_as(private_key) : !private_key)
    return false;
  identity_.reset();
  checker_.reset();
  if (private_key) {
    identity_ = identity::of(std::move(private_key));
    checker_.emplace(identity_->own_key);
    if (peer* const self = find(identity_->own_key)) {
      note(peer_event::kind::own_key_ignored, *self, out);
      remove_peer(*self, out);
    }
  }
  for (const auto& [key, each] : peers_by_key_) {
    each->static_static = {};
    each->last_initiation = time_point::min();
    forget_initiation(*each);
    if (!each->initiation_at_work)
      each->clock.on_initiation_forgotten();
    forget_session(each->next);
    if (each->current)
      each->current->retire();
    if (!identity_) // nobody will shake hands for it
      drop(*each, drop_reason::no_private_key, staging_.clear(each->staged));
  }
  return true;
}

/// Who keeps its way open, or has packets waiting, begins now and not with the next packet.
void tunnel::wake_peers(moment now, outbox& out) {
  for (const auto& [key, each] : peers_by_key_)
    if (each->persistent_keepalive > duration::zero() || !each->staged.empty())
      send_keepalive(*each, now, out);
}

void tunnel::set_peer(const peer_change& change, bool back_to_before, moment now, outbox& out) {
  const peer_settings& settings = change.settings;
  if (identity_ && settings.key == identity_->own_key) {
    out.events.push_back({peer_event::kind::own_key_ignored, settings.name, {}});
    return;
  }
  peer* const known = find(settings.key);
  peer* const back = known == nullptr ? bring_back(settings.key) : nullptr;
  peer& set = known != nullptr ? *known : back != nullptr ? *back : add_peer(settings.key);
  set.name = settings.name;
  if (known == nullptr)
    note(peer_event::kind::peer_added, set, out);
  set.preshared_key = settings.preshared_key;
  if (back_to_before && set.remote_before) {
    set.remote = *set.remote_before;
    set.local = {};
  } else if (change.remote && !(back != nullptr && back->remote) &&
             !(back_to_before && set.remote)) { // it has never left
    if (may_be_taken_back_ && known != nullptr && !set.remote_before)
      set.remote_before = set.remote;
    set.remote = change.remote;
    set.local = {};
  }
  if (known == nullptr || change.allowed_ips_changed)
    set_allowed_ips(set, settings.allowed_ips);

  const duration keepalive = std::chrono::seconds(settings.persistent_keepalive_s);
  const bool due_now = keepalive > duration::zero() &&
                       (set.persistent_keepalive == duration::zero() || change.remote);
  set.persistent_keepalive = keepalive;
  if (up_ && due_now)
    send_keepalive(set, now, out);
  if (up_ && change.remote && !set.staged.empty())
    release_staged(set, now, out);
  if (back != nullptr)
    rearm(set);
}

void tunnel::move_peer(peer& to, const peer_move& wanted, moment now, outbox& out) {
  const bool stays = to.remote && wanted.only_if_silent && !to.clock.is_silent();
  if (stays || to.remote == wanted.remote)
    return;
  if (may_be_taken_back_ && !to.remote_before)
    to.remote_before = to.remote;
  to.remote = wanted.remote;
  to.local = {};
  if (!up_)
    return;
  const bool is_asked = to.clock.awaits_retry();
  to.clock.on_moved();
  to.last_initiation = time_point::min(); // that one went elsewhere
  if (is_asked)
    initiate(to, true, now, out);
  else if (to.persistent_keepalive > duration::zero() || !to.staged.empty())
    send_keepalive(to, now, out);
}

std::uint8_t tunnel::lane_of(peer_id id) const {
  return static_cast<std::uint8_t>(slot_of(id) % lanes_);
}

void tunnel::share_out(std::uint8_t lanes) {
  lanes_ = lanes;
  for (const auto& [key, each] : peers_by_key_)
    each->lane = lane_of(each->id);
  for (const auto& [key, each] : parked_)
    each->lane = lane_of(each->id);
}

void tunnel::set_allowed_ips(const peer& of, const std::vector<ip_prefix>& allowed_ips) {
  routes_.remove_peer(of.id);
  for (const ip_prefix& prefix : allowed_ips)
    routes_.insert(prefix, of.id);
}

peer& tunnel::add_peer(const public_key& key) {
  std::uint32_t slot = static_cast<std::uint32_t>(peers_.size());
  if (free_slots_.empty()) {
    peers_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  peers_[slot] = std::make_unique<peer>(make_id(next_generation_++, slot), key);
  peer& added = *peers_[slot];
  added.lane = lane_of(added.id);
  peers_by_key_.emplace(key, &added);
  return added;
}

/// Out of everything that packets are looked up in, but for its sessions' indices.
void tunnel::retire_peer(peer& gone, outbox& out) {
  note(peer_event::kind::peer_removed, gone, out);
  drops_.count(drop_reason::peer_removed, staging_.clear(gone.staged));
  routes_.remove_peer(gone.id);
  peers_by_key_.erase(gone.key);
}

void tunnel::remove_peer(peer& gone, outbox& out) {
  retire_peer(gone, out);
  forget_sessions(gone);
  const std::size_t slot = slot_of(gone.id);
  peers_[slot].reset();
  free_slots_.push_back(static_cast<std::uint32_t>(slot));
}

void tunnel::forget_sessions(peer& of) {
  forget_initiation(of);
  forget_session(of.previous);
  forget_session(of.current);
  forget_session(of.next);
}

void tunnel::on_link(bool up, std::uint32_t mtu, moment now, outbox& out) {
  mtu_ = mtu;
  if (std::exchange(up_, up) == up)
    return;
  for (const auto& [key, each] : peers_by_key_) {
    each->last_initiation = time_point::min();
    if (up)
      continue;
    drop(*each, drop_reason::interface_down, staging_.clear(each->staged));
    forget_sessions(*each);
    each->clock.stop();
  }
  if (!up)
    end_parked_sessions();
  if (up)
    wake_peers(now, out);
}

// --- Time ----------------------------------------------------------------------------------------

void tunnel::on_timeout(moment now, outbox& out) {
  while (const std::optional<std::pair<time_point, peer_id>> due =
             deadlines_.take_due(now.steady)) {
    peer* const of = find(due->second);
    if (of == nullptr || of->armed != due->first)
      continue; // removed, or due earlier than this entry says
    of->armed = never;
    on_peer_timeout(*of, now, out);
    rearm(*of);
  }
  if (parked_keys_due_ <= now.steady)
    forget_parked_keys(now.steady);
}

void tunnel::on_peer_timeout(peer& of, moment now, outbox& out) {
  while (const std::optional<timer_action> action = of.clock.take_due(now.steady)) {
    switch (*action) {
    case timer_action::retry_handshake:
      of.local = {}; // perhaps the address we last used is what stopped working
      initiate(of, true, now, out);
      break;
    case timer_action::begin_deferred_handshake: // nothing was sent, so nothing has failed
      initiate(of, true, now, out);
      break;
    case timer_action::give_up_handshake:
      if (of.clock.take_no_answer())
        note(peer_event::kind::handshake_gave_up, of, out);
      drop(of, drop_reason::handshake_failed, staging_.clear(of.staged));
      forget_initiation(of);
      break;
    case timer_action::send_keepalive:
      send_keepalive(of, now, out);
      break;
    case timer_action::send_persistent_keepalive:
      of.clock.on_persistent_keepalive_due(now.steady, of.persistent_keepalive);
      if (of.persistent_keepalive > duration::zero())
        send_keepalive(of, now, out);
      break;
    case timer_action::start_handshake:
      of.local = {};
      initiate(of, false, now, out);
      break;
    case timer_action::forget_keys:
      if (of.current || of.next || of.previous)
        note(peer_event::kind::session_expired, of, out);
      forget_sessions(of);
      break;
    }
  }
}

void tunnel::rearm(peer& of) {
  const time_point due = of.clock.next_deadline();
  if (due >= of.armed)
    return;
  of.armed = due;
  deadlines_.add(due, of.id);
}

void tunnel::skip_to_counter(const public_key& of, std::uint64_t counter) {
  find(of)->current->skip_to_counter(counter);
}

// --- Answers -------------------------------------------------------------------------------------

tunnel_status tunnel::status(time_point now, bool only_dropped) const {
  tunnel_status status;
  status.peers.reserve(only_dropped ? 0 : peers_by_key_.size());
  for (const auto& [key, each] : peers_by_key_)
    if (!only_dropped || !each->drops.empty())
      status.peers.push_back(
          {key, each->remote, each->latest_handshake, each->rx_bytes, each->tx_bytes, each->drops});
  status.drops = drops_;
  status.counts = counts_;
  status.counts.waiting = staging_.packets();
  status.handshake_jobs_out = jobs_out_;
  status.under_load = now < under_load_until_;
  return status;
}

void tunnel::count_sink_drop(const peer_drop& dead) {
  if (peer* const of = find(dead.peer); of != nullptr)
    of->drops.count(dead.reason, dead.packets);
}

void tunnel::drop(peer& of, drop_reason reason, std::size_t packets) {
  of.drops.count(reason, packets);
  drops_.count(reason, packets);
}

void tunnel::note(peer_event::kind what, const peer& who, outbox& out) const {
  out.events.push_back({what, who.name, who.remote});
}

} // namespace troupe::crypto
