// The way in, whitepaper section 6.1 to 6.5:
//   1. what message is it                  received_while_down, malformed_message; handshakes go to
//                                          handshake.cpp
//   2. find the session by its index       unknown_index
//   3. open, check and commit the counter  session_expired, decrypt_failed, replayed
//   Beyond this point the datagram is known to come from the peer.
//   4. learn the peer's endpoint (roaming)
//   5. the first packet on the next session makes it current, and releases what waited for it
//   6. tell the timers, renew the session in time
//   7. a keepalive ends here
//   8. inner header, ECN, trim padding     malformed_inner, congestion_not_ecn
//   9. source check over all peers         spoofed_source
// Whatever fails is counted and answered by silence.
#include "crypto/tunnel.hpp"

namespace troupe::crypto {

void tunnel::on_cipher(slab& batch, moment now, outbox& out) {
  for (std::uint32_t i = 0; i < batch.arrivals.size(); ++i) {
    peer* from = nullptr;
    const std::optional<drop_reason> reason = receive_one(batch, batch.arrivals[i], now, out, from);
    if (!reason)
      continue;
    batch.drops.push_back({i, *reason, from != nullptr ? from->id : peer_id::none});
    drops_.count(*reason);
    if (from != nullptr)
      from->drops.count(*reason);
  }
}

std::optional<drop_reason> tunnel::receive_one(slab& batch, const arrival& datagram, moment now,
                                               outbox& out, peer*& from) {
  if (!up_)
    return drop_reason::received_while_down;
  const const_bytes message = batch.range(datagram.offset, datagram.length);
  const std::optional<wire::message_type> type = wire::classify(message);
  if (!type)
    return drop_reason::malformed_message;
  if (*type == wire::message_type::transport_data)
    return receive_data(batch, datagram, now, out, from);
  if (*type == wire::message_type::cookie_reply)
    return receive_cookie(message, now, out, from);
  return receive_handshake(message, *type, {datagram.remote, datagram.local}, now, out, from);
}

std::optional<drop_reason> tunnel::receive_data(slab& batch, const arrival& datagram, moment now,
                                                outbox& out, peer*& from) {
  const bytes message = batch.range(datagram.offset, datagram.length);
  const auto owner = indices_.find(load_le32(&message[4]));
  if (owner == indices_.end() || owner->second.on == nullptr)
    return drop_reason::unknown_index;
  from = owner->second.whose;
  session& on = *owner->second.on;

  const std::variant<session::opened, drop_reason> opened = on.open(message, now.steady);
  if (const drop_reason* reason = std::get_if<drop_reason>(&opened))
    return *reason;
  const bytes packet = std::get<session::opened>(opened).packet;

  learn_endpoint(*from, datagram.remote, datagram.local, out);
  if (&on == from->next.get())
    confirm_next(*from, now, out);
  from->rx_bytes += datagram.length;
  authenticated(*from, now);
  if (from->current.get() == &on && on.stale_for_receiving(now.steady) &&
      from->clock.take_last_minute_handshake())
    initiate(*from, false, now, out);
  if (!packet.empty())
    from->clock.on_data_received(now.steady);
  rearm(*from);
  return packet.empty() ? std::nullopt : deliver(batch, datagram, packet, *from);
}

std::optional<drop_reason> tunnel::deliver(slab& batch, const arrival& datagram, bytes packet,
                                           peer& from) {
  const std::optional<ip_header> header = parse_ip_header(packet);
  if (!header)
    return drop_reason::malformed_inner;
  const ecn outer = static_cast<ecn>(datagram.traffic_class & 3);
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
