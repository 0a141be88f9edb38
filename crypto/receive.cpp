// The way in, whitepaper section 6.1 to 6.5:
//   1. what message is it                  received_while_down, malformed_message; handshakes go to
//                                          handshake.cpp
//   2. find the session by its index       unknown_index
//   3. open, check and commit the counter  session_expired, decrypt_failed, replayed
//      All datagrams of a batch come to the middle of this step, are opened together, and then go
//      on one by one: whatever a later step changes, the counter is committed after it.
//   Beyond this point the datagram is known to come from the peer.
//   4. learn the peer's endpoint (roaming)
//   5. the first packet on the next session makes it current, and releases what waited for it
//   6. tell the timers, renew the session in time
//   7. a keepalive ends here
//   8. inner header, ECN, trim padding     malformed_inner, congestion_not_ecn
//   9. source check over all peers         spoofed_source
// Whatever fails is counted and answered by silence.
#include "crypto/tunnel.hpp"

#include <algorithm>

namespace troupe::crypto {

void tunnel::on_cipher(slab& batch, moment now, outbox& out) {
  inbound_.clear();
  openings_.clear();
  for (std::uint32_t i = 0; i < batch.arrivals.size(); ++i)
    sort_out(batch, i, now);
  engine_->open(openings_);
  counts_.received += inbound_.size();
  for (std::size_t i = 0; i < inbound_.size(); ++i) {
    inbound& datagram = inbound_[i];
    const std::optional<drop_reason> reason =
        datagram.reason ? datagram.reason : receive_one(batch, datagram, now, out);
    if (!reason)
      continue;
    peer* const from = datagram.from;
    batch.drops.push_back(
        {datagram.arrival_index, *reason, from != nullptr ? from->id : peer_id::none});
    drops_.count(*reason);
    if (from != nullptr)
      from->drops.count(*reason);
  }
  counts_.delivered += batch.deliveries.size();
  inbound_.clear();
}

/// Steps 1 and 2, and the first half of 3, of each datagram of an arrival.
void tunnel::sort_out(slab& batch, std::uint32_t arrival_index, moment now) {
  const arrival& train = batch.arrivals[arrival_index];
  const std::uint32_t segment = train.segment_octets == 0 ? train.length : train.segment_octets;
  std::uint32_t at = 0;
  do {
    inbound& datagram = inbound_.emplace_back();
    datagram.arrival_index = arrival_index;
    datagram.offset = train.offset + at;
    datagram.length = std::min(segment, train.length - at);
    const bytes message = batch.range(datagram.offset, datagram.length);
    const std::optional<wire::message_type> type = wire::classify(message);
    if (!up_)
      datagram.reason = drop_reason::received_while_down;
    else if (!type)
      datagram.reason = drop_reason::malformed_message;
    else if ((datagram.type = *type) == wire::message_type::transport_data)
      find_session(datagram, message, now);
    at += segment;
  } while (at < train.length);
}

void tunnel::find_session(inbound& datagram, bytes message, moment now) {
  const auto owner = indices_.find(load_le32(&message[4]));
  if (owner == indices_.end() || owner->second.on == nullptr) {
    datagram.reason = drop_reason::unknown_index;
    return;
  }
  datagram.from = owner->second.whose;
  const std::variant<aead_job, drop_reason> opening =
      owner->second.on->opening(message, now.steady);
  if (const drop_reason* reason = std::get_if<drop_reason>(&opening)) {
    datagram.reason = *reason;
    return;
  }
  datagram.on = owner->second.on;
  datagram.opening = openings_.size();
  openings_.push_back(std::get<aead_job>(opening));
}

std::optional<drop_reason> tunnel::receive_one(slab& batch, inbound& datagram, moment now,
                                               outbox& out) {
  if (datagram.type == wire::message_type::transport_data)
    return receive_data(batch, datagram, now, out);
  const const_bytes message = batch.range(datagram.offset, datagram.length);
  const arrival& train = batch.arrivals[datagram.arrival_index];
  const std::optional<drop_reason> refused =
      datagram.type == wire::message_type::cookie_reply
          ? receive_cookie(message, now, out, datagram.from)
          : receive_handshake(message, datagram.type, {train.remote, train.local}, now, out,
                              datagram.from);
  counts_.handshakes += refused ? 0U : 1U;
  return refused;
}

std::optional<drop_reason> tunnel::receive_data(slab& batch, const inbound& datagram, moment now,
                                                outbox& out) {
  const aead_job& opened = openings_[datagram.opening];
  peer& from = *datagram.from;
  session& on = *datagram.on;
  if (!opened.authentic)
    return drop_reason::decrypt_failed;
  if (!on.accept(opened))
    return drop_reason::replayed;
  const bytes packet{opened.text, opened.octets};

  const arrival& train = batch.arrivals[datagram.arrival_index];
  learn_endpoint(from, train.remote, train.local, out);
  if (&on == from.next.get())
    confirm_next(from, now, out);
  from.rx_bytes += datagram.length;
  authenticated(from, now);
  if (from.current.get() == &on && on.stale_for_receiving(now.steady) &&
      from.clock.take_last_minute_handshake())
    initiate(from, false, now, out);
  if (!packet.empty())
    from.clock.on_data_received(now.steady);
  rearm(from);
  if (packet.empty()) {
    ++counts_.keepalives;
    return std::nullopt;
  }
  return deliver(batch, datagram, packet, from);
}

std::optional<drop_reason> tunnel::deliver(slab& batch, const inbound& datagram, bytes packet,
                                           peer& from) {
  const std::optional<ip_header> header = parse_ip_header(packet);
  if (!header)
    return drop_reason::malformed_inner;
  const arrival& train = batch.arrivals[datagram.arrival_index];
  const ecn outer = static_cast<ecn>(train.traffic_class & 3);
  const std::optional<ecn> combined = decapsulated_ecn(outer, header->congestion);
  if (!combined)
    return drop_reason::congestion_not_ecn;
  if (*combined != header->congestion)
    set_ecn(packet, *combined);
  // Over all peers: another's more specific prefix inside this one's must not be spoofed.
  if (routes_.find(header->source) != from.id)
    return drop_reason::spoofed_source;
  batch.deliveries.push_back(
      {datagram.offset + static_cast<std::uint32_t>(sizeof(wire::data_header)),
       header->total_length, from.id});
  return std::nullopt;
}

/// The initiator has shown that it has the keys: from now on they are sent with, too.
void tunnel::confirm_next(peer& of, moment now, outbox& out) {
  forget_session(of.previous);
  of.previous = std::move(of.current);
  of.current = std::move(of.next);
  forget_initiation(of);
  of.clock.on_handshake_complete();
  of.latest_handshake = now.wall;
  note(peer_event::kind::handshake_completed, of, out);
  out.events.back().by_peer = true;
  release_staged(of, now, out);
}

/// Section 6.5: replies go where the last authenticated message came from, from where it reached
/// us.
void tunnel::learn_endpoint(peer& of, const endpoint& remote, const source_address& local,
                            outbox& out) {
  if (of.remote != remote) {
    const bool moved = of.remote.has_value();
    of.remote = remote;
    if (moved)
      note(peer_event::kind::endpoint_moved, of, out);
  }
  of.local = local;
}

void tunnel::authenticated(peer& from, moment now) {
  from.clock.on_any_authenticated_packet_received();
  from.clock.on_any_authenticated_packet_traversal(now.steady, from.persistent_keepalive);
}

} // namespace troupe::crypto
