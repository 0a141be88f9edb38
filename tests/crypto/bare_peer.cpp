#include "tests/crypto/bare_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace troupe::crypto {

namespace {

constexpr std::uint32_t own_index = 0xbadc0de;

secret_key drawn_key(random_source& random) {
  return secret_key::make([&](bytes fresh) { random.fill(fresh); });
}

} // namespace

bare_peer::bare_peer(test_network& on, test_peer& victim, const std::vector<ip_prefix>& allowed_ips)
    : cookies(victim.key), network_(on), victim_(victim) {
  self = identity::of(drawn_key(random_));
  tunnel_change change;
  change.changed.push_back({{"bare", self.own_key, {}, allowed_ips, 0}, std::nullopt});
  victim.apply(change);
}

test_datagram bare_peer::initiation() {
  created_ =
      create_initiation(self, victim_.key, static_static(self, victim_.key).value(),
                        drawn_key(random_), timestamps_.next(network_.now().wall), own_index);
  wire::handshake_initiation message = created_->message;
  cookies.add_macs(wire::as_writable_bytes(message), network_.now().steady);
  return from_here(wire::as_bytes(message));
}

void bare_peer::connect() {
  victim_.receive({initiation()});
  network_.settle();
  const test_datagram& answer = network_.last(victim_, wire::message_type::handshake_response);
  BOOST_REQUIRE(answer.target == address);
  const wire::handshake_response response =
      wire::copy_from<wire::handshake_response>(answer.message);
  session_keys keys = consume_response(self, created_->kept, {}, response).value();
  own.emplace(std::move(keys), true, own_index, load_le32(response.sender_index.data()),
              network_.now().steady);
}

test_datagram bare_peer::sealed(const octets& inner, std::uint8_t traffic_class) {
  octets message(inner.size() + wire::data_overhead);
  std::copy(inner.begin(), inner.end(), message.begin() + sizeof(wire::data_header));
  const aead_job job = own->sealing(message.data() + sizeof(wire::data_header), inner.size());
  make_sodium_engine()->seal({&job, 1});
  return from_here(message, traffic_class);
}

std::optional<drop_reason> bare_peer::send(const octets& inner, std::uint8_t traffic_class) {
  victim_.receive({sealed(inner, traffic_class)});
  return victim_.last_receive_drops.empty()
             ? std::nullopt
             : std::optional(victim_.last_receive_drops.front().reason);
}

test_datagram bare_peer::from_here(const_bytes message, std::uint8_t traffic_class) const {
  return {~std::size_t{0},
          address,
          victim_.address,
          traffic_class,
          network_.now().steady,
          {message.begin(), message.end()},
          {}};
}

test_datagram forged_initiation(const endpoint& source, const test_peer& receiver,
                                cookie_maker& cookies, time_point now) {
  wire::handshake_initiation message;
  message.header = wire::header_of(wire::message_type::handshake_initiation);
  message.unencrypted_ephemeral.fill(9);
  cookies.add_macs(wire::as_writable_bytes(message), now);
  const const_bytes octets_of = wire::as_bytes(message);
  return {~std::size_t{0}, source, receiver.address, 0, now, {octets_of.begin(), octets_of.end()}};
}

} // namespace troupe::crypto
