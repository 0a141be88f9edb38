// The wire and the clock of peer_pair.hpp.
#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace troupe::crypto {

test_peer& test_network::add(std::size_t reserve_slabs) {
  peers_.push_back(std::make_unique<test_peer>(*this, peers_.size(), reserve_slabs));
  return *peers_.back();
}

void test_network::settle() {
  bool busy = true;
  while (busy) {
    busy = false;
    for (const std::unique_ptr<test_peer>& each : peers_)
      if (!each->hold_jobs && !each->jobs.empty()) {
        each->perform_jobs();
        busy = true;
      }
    while (!flying_.empty()) {
      const test_datagram arriving = flying_.front();
      flying_.pop_front();
      if (test_peer* const target = at(arriving.target))
        target->receive({arriving});
      busy = true;
    }
  }
}

void test_network::advance(duration span) {
  const time_point target = now_.steady + span;
  settle();
  for (;;) {
    time_point next = never;
    for (const std::unique_ptr<test_peer>& each : peers_)
      next = std::min(next, each->core.next_deadline());
    if (next > target)
      break;
    jump(std::max(next, now_.steady) - now_.steady);
    for (const std::unique_ptr<test_peer>& each : peers_)
      if (each->core.next_deadline() <= now_.steady)
        each->timeout();
    settle();
  }
  jump(target - now_.steady);
}

void test_network::jump(duration span) {
  now_.steady += span;
  now_.wall += span;
}

void test_network::fly(test_datagram datagram, std::uint32_t sender_mtu,
                       std::uint32_t sender_mtu_max) {
  require_sane(datagram, sender_mtu, sender_mtu_max);
  tap.push_back(datagram);
  if (!filter || filter(datagram))
    flying_.push_back(std::move(datagram));
}

void test_network::require_sane(const test_datagram& datagram, std::uint32_t sender_mtu,
                                std::uint32_t sender_mtu_max) {
  BOOST_REQUIRE(wire::classify(datagram.message));
  if (datagram.type() != wire::message_type::transport_data) {
    BOOST_REQUIRE_EQUAL(datagram.traffic_class, 0x88);
    return;
  }
  BOOST_REQUIRE_LT(datagram.traffic_class, 4); // DSCP 0
  const std::size_t inner = datagram.message.size() - wire::data_overhead;
  // Longer than the MTU is only what was staged when the MTU was larger, and that is not padded.
  BOOST_REQUIRE(inner % limits::padding_multiple == 0 || inner >= sender_mtu);
  BOOST_REQUIRE_LE(inner, sender_mtu_max);
  BOOST_REQUIRE(nonces_
                    .insert({datagram.sender, load_le32(&datagram.message[4]),
                             load_le64(&datagram.message[8])})
                    .second);
}

test_peer* test_network::at(const endpoint& where) {
  for (const std::unique_ptr<test_peer>& each : peers_)
    if (each->address == where)
      return each.get();
  return nullptr;
}

std::size_t test_network::sent(const test_peer& by, wire::message_type type) const {
  return static_cast<std::size_t>(
      std::count_if(tap.begin(), tap.end(), [&](const test_datagram& each) {
        return each.sender == by.number && each.type() == type;
      }));
}

std::size_t test_network::keepalives_sent(const test_peer& by) const {
  return static_cast<std::size_t>(
      std::count_if(tap.begin(), tap.end(), [&](const test_datagram& each) {
        return each.sender == by.number && each.is_keepalive();
      }));
}

const test_datagram& test_network::last(const test_peer& by, wire::message_type type) const {
  const std::vector<test_datagram>::const_reverse_iterator found =
      std::find_if(tap.rbegin(), tap.rend(), [&](const test_datagram& each) {
        return each.sender == by.number && each.type() == type;
      });
  BOOST_REQUIRE(found != tap.rend());
  return *found;
}

std::vector<test_datagram> test_network::data_of(const test_peer& by) const {
  std::vector<test_datagram> found;
  for (const test_datagram& each : tap)
    if (each.sender == by.number && each.type() == wire::message_type::transport_data &&
        !each.is_keepalive())
      found.push_back(each);
  return found;
}

peer_pair::peer_pair(const peer_options& options) : alice(add()), bob(add()) {
  alice.knows(bob, options);
  bob.knows(alice, options);
  alice.link(true);
  bob.link(true);
}

void peer_pair::connect() {
  alice.send_to(bob);
  settle();
  BOOST_REQUIRE_EQUAL(bob.received.size(), 1U);
  bob.send_to(alice);
  settle();
  BOOST_REQUIRE_EQUAL(alice.received.size(), 1U);
  alice.received.clear();
  bob.received.clear();
  tap.clear();
}

} // namespace troupe::crypto
