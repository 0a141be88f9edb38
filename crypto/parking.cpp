// Peers that a change removed, as long as it may be taken back: out of every table, and kept whole.
#include "crypto/tunnel.hpp"

#include <algorithm>

namespace troupe::crypto {

namespace {

/// Of a peer that has no indices.
void reset_sessions(peer& of) {
  of.previous.reset();
  of.current.reset();
  of.next.reset();
}

} // namespace

/// What was begun with HANDSHAKER when it was parked is stale, and so are its deadlines.
peer* tunnel::bring_back(const public_key& key) {
  const auto found = parked_.find(key);
  if (found == parked_.end())
    return nullptr;
  std::unique_ptr<peer>& place = peers_[slot_of(found->second->id)];
  place = std::move(found->second);
  parked_.erase(found);
  peer& back = *place;
  peers_by_key_.emplace(key, &back);
  back.static_static = {}; // the own key may be another by now
  back.last_initiation = time_point::min();
  back.initiation_at_work = false;
  back.response_at_work = false;
  back.backlogged = false;
  ++back.attempt;
  back.armed = never;
  for (std::unique_ptr<session>* const slot : {&back.previous, &back.current, &back.next})
    if (*slot &&
        !indices_.try_emplace((*slot)->local_index(), index_owner{&back, slot->get()}).second)
      slot->reset(); // a newer session has its index
  return &back;
}

void tunnel::park_peer(peer& gone, outbox& out) {
  retire_peer(gone, out);
  forget_initiation(gone);
  gone.clock.on_initiation_forgotten();
  for (const std::unique_ptr<session>* const slot : {&gone.previous, &gone.current, &gone.next})
    if (*slot)
      indices_.erase((*slot)->local_index());
  parked_keys_due_ = std::min(parked_keys_due_, gone.clock.keys_due());
  parked_.emplace(gone.key, std::move(peers_[slot_of(gone.id)]));
}

/// At their time, as those of the peers in use.
void tunnel::forget_parked_keys(time_point now) {
  parked_keys_due_ = never;
  for (const auto& [key, each] : parked_)
    if (each->clock.keys_due() <= now)
      reset_sessions(*each);
    else
      parked_keys_due_ = std::min(parked_keys_due_, each->clock.keys_due());
}

void tunnel::end_parked_sessions() {
  for (const auto& [key, each] : parked_) {
    reset_sessions(*each);
    each->clock.stop();
  }
}

/// Who was moved forgets where it was, too.
void tunnel::forget_parked() {
  for (const auto& [key, each] : peers_by_key_)
    each->remote_before.reset();
  for (const auto& [key, each] : parked_)
    free_slots_.push_back(static_cast<std::uint32_t>(slot_of(each->id)));
  parked_.clear();
  parked_keys_due_ = never;
}

} // namespace troupe::crypto
