// A TUN device with offloads, what is read from it and what to write to it, for tests.
#pragma once

#include "messages/limits.hpp"

#include "tests/tun/packets.hpp"
#include "tests/tun/sandbox.hpp"
#include "tun/device.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace troupe::test {

inline constexpr std::uint32_t mtu = 1420;

/// Up and with 10.9.0.1/24 and fd09::1/64, and with no packets of its own.
inline void bring_up(const std::string& name) {
  run("sysctl -q -w net.ipv6.conf." + name + ".router_solicitations=0");
  run("ip link set " + name + " mtu 1420 addrgenmode none up");
  run("ip addr add 10.9.0.1/24 dev " + name);
  run("ip addr add fd09::1/64 dev " + name + " nodad");
  BOOST_REQUIRE(prints("ip -6 route show table local dev " + name, "local fd09::1"));
}

struct reading {
  std::vector<octets> packets; // for port 7 of 10.9.0.2 or fd09::2
  std::size_t slabs = 0;
  std::uint64_t lost = 0;
};

inline bool is_for_us(const const_bytes& packet) {
  const std::size_t transport = ip_end(packet);
  const std::uint8_t protocol = packet[is_ipv4(packet) ? 9 : 6];
  return (protocol == 6 || protocol == 17) && load_be16(&packet[transport + 2]) == 7;
}

/// All that waits, in slabs of so many octets. `known_mtu`: what the reader takes the MTU for.
inline reading read_all(tun::packet_source& source, std::size_t slab_octets,
                        std::uint32_t known_mtu = mtu) {
  reading all;
  for (bool empty = false; !empty;) {
    const bare_slab slab = make_slab(slab_octets);
    const tun::read_result read = source.read_batch(*slab, known_mtu);
    BOOST_TEST(read.packets == slab->arrivals.size());
    empty = read.device_empty;
    ++all.slabs;
    all.lost += read.oversize + read.malformed;
    for (const arrival& each : slab->arrivals) {
      const const_bytes packet = slab->range(each.offset, each.length);
      BOOST_TEST(each.length <= mtu);
      for (std::uint32_t i = each.length; i < each.padded_length; ++i)
        BOOST_TEST(slab->memory()[each.offset + i] == 0);
      if (is_for_us(packet))
        all.packets.emplace_back(packet.begin(), packet.end());
    }
  }
  return all;
}

struct offload_device : sandbox {
  explicit offload_device(const tun::device_options& options = {})
      : tunnel(tun::device::open("tA", options)) {
    bring_up("tA");
  }

  tun::device tunnel;
  std::shared_ptr<tun::packet_source> source = tunnel.source(0);
  std::shared_ptr<tun::packet_sink> sink = tunnel.sink(0);
};

/// Packets back to back in a slab, to be written.
inline bare_slab deliveries_of(const std::vector<octets>& packets, std::uint8_t queue = 0) {
  bare_slab slab = make_slab(limits::receive_slab_octets);
  std::uint32_t offset = 0;
  for (const octets& packet : packets) {
    std::copy(packet.begin(), packet.end(), slab->memory().begin() + offset);
    slab->deliveries.push_back(
        {offset, static_cast<std::uint32_t>(packet.size()), peer_id::none, queue});
    offset += static_cast<std::uint32_t>(packet.size());
  }
  return slab;
}

inline std::string received(const unique_fd& socket) {
  BOOST_REQUIRE(wait_for(socket.fd(), POLLIN));
  std::string buffer(2000, '\0');
  const ssize_t length = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
  BOOST_REQUIRE(length >= 0);
  buffer.resize(static_cast<std::size_t>(length));
  return buffer;
}

inline packet_fields datagram_to_us(bool v6, const std::string& payload) {
  packet_fields fields;
  fields.v6 = v6;
  fields.tcp = false;
  fields.source_port = 9;
  fields.target_port = 7;
  fields.payload.assign(payload.begin(), payload.end());
  return fields;
}

/// To 10.9.0.1 or fd09::1 from the other side.
inline octets packet_to_us(const packet_fields& fields) {
  octets packet = make_packet(fields);
  if (fields.v6) {
    for (const std::size_t address : {8U, 24U})
      packet[address + 1] = 0x09;
    packet[23] = 2;
    packet[39] = 1;
  } else {
    store_be32(&packet[12], 0x0a090002);
    store_be32(&packet[16], 0x0a090001);
  }
  mend_ip_checksum(packet);
  mend_transport_checksum(packet, fields.protocol(), fields.transport());
  return packet;
}

} // namespace troupe::test
