// The way out, whitepaper section 6.1 to 6.5:
//   1. parse the inner header              not_ip
//   2. cryptokey routing by destination    no_peer, no_endpoint
//   3. the peer's current session          none, or too old: stage a copy and shake hands
//   4. describe what is to be sealed       header before, tag behind; sealed in place, all at once
//   5. tell the timers, renew the session in time
// Packets of one peer leave in the order they came: while any is staged, later ones are staged
// behind.
#include "crypto/tunnel.hpp"

#include <algorithm>

namespace troupe::crypto {

namespace {

/// Appends a datagram, to the last train if it fits: same peer at the same place, same marking,
/// back to back, no longer than its segments, and none before it was shorter.
void append_datagram(slab& in, std::uint32_t offset, std::uint32_t length, ecn congestion,
                     const peer& to) {
  const std::uint8_t traffic_class = static_cast<std::uint8_t>(congestion);
  if (!in.transmits.empty()) {
    transmit& last = in.transmits.back();
    if (last.peer == to.id && last.remote == *to.remote && last.local == to.local &&
        last.traffic_class == traffic_class && last.offset + last.length == offset &&
        last.length % last.segment_octets == 0 && length <= last.segment_octets) {
      last.length += length;
      return;
    }
  }
  in.transmits.push_back(
      {offset, length, length, traffic_class, to.lane, to.id, *to.remote, to.local});
}

} // namespace

void tunnel::on_plain(slab& batch, moment now, outbox& out) {
  sealings_.clear();
  peer* run = nullptr; // whose packets were sealed last: its timers hear of them once a run
  for (std::uint32_t i = 0; i < batch.arrivals.size(); ++i) {
    peer* to = nullptr;
    const std::optional<drop_reason> reason = send_one(batch, batch.arrivals[i], now, out, to);
    if (reason) {
      batch.drops.push_back({i, *reason, to != nullptr ? to->id : peer_id::none});
      drops_.count(*reason);
      if (to != nullptr)
        to->drops.count(*reason);
    }
    if (run != nullptr && run != to)
      sent_on(*run, *run->current, now, out);
    run = !reason && to != nullptr && to->staged.empty() ? to : nullptr;
  }
  if (run != nullptr)
    sent_on(*run, *run->current, now, out);
  engine_->seal(sealings_);
  counts_.read += batch.arrivals.size();
  counts_.sealed += sealings_.size();
}

std::optional<drop_reason> tunnel::send_one(slab& batch, const arrival& packet, moment now,
                                            outbox& out, peer*& to) {
  if (!up_)
    return drop_reason::interface_down;
  const const_bytes inner = batch.range(packet.offset, packet.length);
  const std::optional<ip_header> header = parse_ip_header(inner);
  if (!header)
    return drop_reason::not_ip;
  to = find(routes_.find(header->target));
  if (to == nullptr)
    return drop_reason::no_peer;
  if (!to->remote)
    return drop_reason::no_endpoint;
  if (!identity_)
    return drop_reason::no_private_key;
  session* const on = to->sendable(now.steady);
  if (on == nullptr || !to->staged.empty()) {
    stage(*to, inner);
    if (on == nullptr)
      initiate(*to, false, now, out);
    return std::nullopt;
  }
  sealings_.push_back(
      describe_sealing(batch, packet.offset, packet.padded_length, header->congestion, *to, *on));
  return std::nullopt;
}

/// Everything about a datagram but its sealing, which this describes.
aead_job tunnel::describe_sealing(slab& in, std::uint32_t offset, std::uint32_t padded,
                                  ecn congestion, peer& to, session& on) {
  const aead_job job = on.sealing(in.memory().data() + offset, padded);
  const std::uint32_t datagram = padded + static_cast<std::uint32_t>(wire::data_overhead);
  append_datagram(in, offset - static_cast<std::uint32_t>(sizeof(wire::data_header)), datagram,
                  congestion, to);
  to.tx_bytes += datagram;
  return job;
}

void tunnel::stage(peer& to, const_bytes packet) {
  staging_.push(to.staged, to.id, packet,
                [&](peer_id evicted) { drop(*find(evicted), drop_reason::staging_full); });
}

/// Seals a copy of `inner` into the reserve; false when there is no room.
bool tunnel::originate(const_bytes inner, peer& to, session& on, moment now, outbox& out) {
  const std::size_t padded = wire::padded_length(inner.size(), mtu_);
  const originator::room room = out.origin.reserve(padded + wire::data_overhead, now);
  if (!room)
    return false;
  std::uint8_t* const packet = room.data() + sizeof(wire::data_header);
  std::copy(inner.begin(), inner.end(), packet);
  std::fill(packet + inner.size(), packet + padded, std::uint8_t{0});
  const std::optional<ip_header> header = parse_ip_header(inner);
  const aead_job job = describe_sealing(
      *room.in, room.offset + static_cast<std::uint32_t>(sizeof(wire::data_header)),
      static_cast<std::uint32_t>(padded), header ? header->congestion : ecn::not_ect, to, on);
  engine_->seal({&job, 1});
  out.origin.commit(padded + wire::data_overhead, inner.empty());
  return true;
}

/// Sends what waited. Without room in the reserve the rest goes on waiting, and so does all that
/// comes after it, until on_room.
void tunnel::release_staged(peer& to, moment now, outbox& out) {
  session* on = nullptr;
  while (!to.staged.empty() && (on = to.sendable(now.steady)) != nullptr) {
    if (!originate(staging_.front(to.staged), to, *on, now, out)) {
      if (!std::exchange(to.backlogged, true))
        backlogged_.push_back(to.id);
      return;
    }
    staging_.pop(to.staged);
    ++counts_.released;
    sent_on(to, *on, now, out);
  }
  if (!to.staged.empty())
    initiate(to, false, now, out);
}

void tunnel::on_room(moment now, outbox& out) {
  std::vector<peer_id> waiting;
  waiting.swap(backlogged_);
  for (const peer_id id : waiting)
    if (peer* const to = find(id); to != nullptr) {
      to->backlogged = false;
      release_staged(*to, now, out);
    }
}

/// Nothing to say but that we are here; what is staged says it as well.
void tunnel::send_keepalive(peer& to, moment now, outbox& out) {
  if (!identity_ || !to.remote)
    return;
  if (!to.staged.empty())
    return release_staged(to, now, out);
  session* const on = to.sendable(now.steady);
  if (on == nullptr)
    return initiate(to, false, now, out);
  if (!originate({}, to, *on, now, out))
    return drop(to, drop_reason::reserve_empty);
  keepalive_or_data_sent_on(to, *on, now, out);
}

/// Data went out on `on`, which is the current session of `to`.
void tunnel::sent_on(peer& to, session& on, moment now, outbox& out) {
  to.clock.on_data_sent(now.steady, random_);
  keepalive_or_data_sent_on(to, on, now, out);
}

/// Section 6.2: what is sent, keepalives included, renews its session in time.
void tunnel::keepalive_or_data_sent_on(peer& to, session& on, moment now, outbox& out) {
  to.clock.on_any_authenticated_packet_traversal(now.steady, to.persistent_keepalive);
  to.clock.on_any_authenticated_packet_sent();
  rearm(to);
  if (on.stale_for_sending(now.steady))
    initiate(to, false, now, out);
}

} // namespace troupe::crypto
