// Both ends of an exchange of datagrams: a device's sockets, and all that uses them.
#pragma once

#include "udp/receiver.hpp"
#include "udp/sender.hpp"

#include "tests/udp/own_network.hpp"
#include "tests/udp/slabs.hpp"

#include <net/if.h>
#include <poll.h>

#include <deque>
#include <memory>
#include <string>

namespace troupe::udp {

/// A device's sockets, with all that receives from them and sends on them.
struct station {
  explicit station(std::uint16_t port, const socket_options& options = {})
      : sockets(socket_pair::open(port, options)), v4(sockets->of(ip_family::v4)),
        v6(sockets->of(ip_family::v6)), sends(sockets) {}

  send_result send(const transmit_slab& from) {
    send_cursor cursor;
    return sends.send_batch(*from, 0, cursor);
  }
  send_result send(const endpoint& to, std::string_view payload, const source_address& local = {},
                   std::uint8_t traffic_class = 0) {
    transmit_slab from;
    transmit& what = from.add(to, payload);
    what.local = local;
    what.traffic_class = traffic_class;
    return send(from);
  }

  /// The next datagram, however it came; the test fails if none comes.
  arrival receive(ip_family family) {
    receiver& source = family == ip_family::v4 ? v4 : v6;
    if (waiting.empty()) {
      pollfd waits{.fd = source.fd(), .events = POLLIN, .revents = 0};
      BOOST_REQUIRE_MESSAGE(::poll(&waits, 1, 10'000) == 1, "no datagram came");
      into->arrivals.clear();
      last = source.receive_batch(*into);
      for (const arrival& train : into->arrivals)
        cut(train);
      BOOST_REQUIRE(!waiting.empty());
      BOOST_TEST(last.datagrams == waiting.size());
      BOOST_TEST(last.messages == into->arrivals.size());
    }
    const arrival first = waiting.front();
    waiting.pop_front();
    return first;
  }
  std::string receive_text(ip_family family) {
    const arrival came = receive(family);
    return text_of(into->range(came.offset, came.length));
  }

  std::shared_ptr<const socket_pair> sockets;
  receiver v4;
  receiver v6;
  udp::sender sends;
  bare_slab into = make_receive_slab();
  receive_result last;
  std::deque<arrival> waiting;

private:
  void cut(const arrival& train) {
    for (std::uint32_t i = 0; i < train.segments(); ++i) {
      arrival one = train;
      one.offset += i * train.segment_octets;
      one.length = train.segments() == 1
                       ? train.length
                       : std::min(train.segment_octets, train.length - i * train.segment_octets);
      waiting.push_back(one);
    }
  }
};

inline source_address local(const char* address, const char* device) {
  return {.address = parse_ip_address(address).value(),
          .interface_index = ::if_nametoindex(device)};
}

struct loopback : own_network {
  station left{1000};
  station right{2000};
};

/// `left` is near, `right` is far.
struct cable : two_networks {
  station left{1000};
  std::unique_ptr<station> right = open_right();

private:
  std::unique_ptr<station> open_right() {
    to_far();
    std::unique_ptr<station> opened = std::make_unique<station>(std::uint16_t{2000});
    to_near();
    return opened;
  }
};

} // namespace troupe::udp
