// Two routers without devices: TUNNEL, HANDSHAKER, UDP SENDER and TUN WRITER are real, and so is
// the cryptography; the test is the wire between them.
#pragma once

#include "actors/handshaker.hpp"
#include "actors/tun_writer.hpp"
#include "actors/tunnel.hpp"
#include "actors/udp_sender.hpp"
#include "crypto/noise.hpp"
#include "tests/actors/packets.hpp"
#include "tests/actors/stage_fixture.hpp"
#include "tests/crypto/seeded_random.hpp"
#include "tun/fake_queue.hpp"
#include "udp/fake_socket.hpp"

#include <string>
#include <vector>

namespace troupe::actors {

/// Remembers what it has given: the keys of a handshake are made of it.
class remembering_random final : public crypto::random_source {
public:
  explicit remembering_random(std::uint64_t seed) : seeded_(seed) {}
  void fill(bytes out) override {
    seeded_.fill(out);
    if (out.size() == key_octets)
      std::copy(out.begin(), out.end(), given.emplace_back().octets.begin());
  }

  std::vector<public_key> given;

private:
  crypto::seeded_random seeded_;
};

inline secret_key secret_number(std::uint8_t number) {
  return secret_key::make([&](std::span<std::uint8_t, key_octets> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::uint8_t>(number + 7 * i);
  });
}

struct router {
  /// With one TUN queue or two.
  router(actor_fixture& on, std::uint8_t number, spdlog::level::level_enum level,
         std::size_t queues)
      : address("10.0.0." + std::to_string(number)), secret(secret_number(number)),
        own_key(crypto::derive_public(secret)),
        outer{parse_ip_address("192.0.2." + std::to_string(number)).value(), 51820, 0}, log(level),
        random(std::make_shared<remembering_random>(number)) {
    const handshaker_actor worker = on.spawn(actors::handshaker, log.open("handshaker"));
    tunnel = on.spawn(actors::tunnel, tunnel_parts{random,
                                                   {worker},
                                                   choose_aead(conf::aead_kind::libsodium),
                                                   std::nullopt,
                                                   "",
                                                   log.open("tunnel"),
                                                   false});
    const std::shared_ptr<shortcut> to_sender = std::make_shared<shortcut>();
    const udp_sender_actor sender =
        on.spawn(actors::udp_sender, udp_sender_parts{"udp-sender/0",
                                                      0,
                                                      [to = udp](const use_sockets&) { return to; },
                                                      {},
                                                      tunnel,
                                                      std::make_shared<doorbell>(),
                                                      std::make_shared<passing_waiter>(),
                                                      to_sender,
                                                      log.open("udp-sender/0"),
                                                      false});
    use_sinks sinks{{{sender, to_sender}},
                    {},
                    {on.spawn(unanswered_stand_in, unanswered), std::make_shared<doorbell>()}};
    for (const std::shared_ptr<tun::fake_sink>& queue : {tun, second_queue}) {
      const std::string name = "tun-writer/" + std::to_string(sinks.writers.size());
      if (sinks.writers.size() == queues)
        break;
      const std::uint8_t index = static_cast<std::uint8_t>(sinks.writers.size());
      const std::shared_ptr<shortcut> to_writer = std::make_shared<shortcut>();
      sinks.writers.push_back(
          {on.spawn(actors::tun_writer,
                    tun_writer_parts{name, index, queue, tunnel, to_writer, log.open(name), false}),
           to_writer});
    }
    on.tell(tunnel, std::move(sinks));
    on.tell(tunnel, link_status{true, 1420});
  }

  std::string address;
  /// Whom ADMIN is told of.
  std::shared_ptr<std::vector<unanswered_peer>> unanswered =
      std::make_shared<std::vector<unanswered_peer>>();
  secret_key secret;
  public_key own_key;
  endpoint outer;
  captured_log log;
  std::shared_ptr<remembering_random> random;
  std::shared_ptr<udp::fake_sink> udp = std::make_shared<udp::fake_sink>();
  std::shared_ptr<tun::fake_sink> tun = std::make_shared<tun::fake_sink>();
  std::shared_ptr<tun::fake_sink> second_queue = std::make_shared<tun::fake_sink>(std::uint8_t{1});
  std::shared_ptr<counting_home> home = std::make_shared<counting_home>();
  tunnel_actor tunnel;
  std::uint64_t serial = 0;
};

struct router_pair : actor_fixture {
  explicit router_pair(spdlog::level::level_enum level = spdlog::level::trace,
                       std::size_t queues = 1)
      : left(*this, 1, level, queues), right(*this, 2, level, queues) {
    introduce(left, "right", right, right.outer);
    introduce(right, "left", left, std::nullopt); // it is called, and learns where from
  }

  void introduce(router& to, const std::string& name, const router& peer,
                 const std::optional<endpoint>& remote) {
    tunnel_change change;
    change.set_private_key = true;
    change.private_key = to.secret;
    peer_change& added = change.changed.emplace_back();
    added.settings.name = name;
    added.settings.key = peer.own_key;
    added.settings.preshared_key = preshared_key;
    added.settings.allowed_ips = {parse_ip_prefix(peer.address).value()};
    added.remote = remote;
    tell(to.tunnel, configure{std::make_shared<const tunnel_change>(std::move(change))});
  }

  /// A local application sends packets: one batch, as a TUN READER makes it. Nobody runs yet.
  void post(router& from, const std::vector<packet>& packets, std::uint8_t queue = 0) {
    tun::fake_source device;
    for (const packet& each : packets)
      device.push(each);
    bare_slab filled = slab::make("tun-reader", limits::transmit_slab_octets,
                                  limits::packets_per_slab_max, from.home);
    static_cast<void>(device.read_batch(*filled, 1420));
    caf::anon_send(from.tunnel,
                   plain_batch{slab::launch(std::move(filled), ++from.serial, {}), queue});
  }
  void send(router& from, const std::vector<packet>& packets, std::uint8_t queue = 0) {
    post(from, packets, queue);
    scheduler.run();
  }
  void send(router& from, const router& to) { send(from, {ipv4_packet(from.address, to.address)}); }

  /// Datagrams reach `to`, in batches as a UDP RECEIVER makes them. Nobody runs yet.
  void post(const std::vector<udp::fake_datagram>& datagrams, router& to, const router& from) {
    udp::fake_source socket;
    for (udp::fake_datagram each : datagrams) {
      each.remote = from.outer;
      socket.push(std::move(each));
    }
    for (bool more = true; more;) {
      bare_slab filled = slab::make("udp-receiver", limits::receive_slab_octets,
                                    limits::messages_per_receive_slab, to.home);
      more = !socket.receive_batch(*filled).socket_empty;
      caf::anon_send(to.tunnel, cipher_batch{slab::launch(std::move(filled), ++to.serial, {})});
    }
  }
  void deliver(const std::vector<udp::fake_datagram>& datagrams, router& to, const router& from) {
    post(datagrams, to, from);
    scheduler.run();
  }

  /// Carries datagrams until there are none.
  void exchange() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& [from, to] : {std::pair{&left, &right}, std::pair{&right, &left}}) {
        const std::vector<udp::fake_datagram> sent = from->udp->take_sent();
        if (!sent.empty())
          deliver(sent, *to, *from);
        moved = moved || !sent.empty();
      }
    }
  }

  secret_key preshared_key = secret_number(77);
  router left;
  router right;
};

} // namespace troupe::actors
