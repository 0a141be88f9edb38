// Any super-packets and headers of theirs for the splitter, and any batches of packets for the
// coalescer: streams that are joined until the input spoils them. What must hold of an answer is
// written in tests/tun/join_oracle.hpp.
#include "tests/fuzz/poison.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/tun/join_oracle.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>

namespace troupe::fuzz {

namespace {

using test::packet_fields;

// The first octet of an input, and then, of a batch, what is wanted and which queue.
constexpr std::uint8_t super_packet = 0;

/// One packet of a batch is four octets, and what `raw` and `spoilt` add.
enum part : std::uint8_t {
  // First octet: of which stream.
  stream_number = 0x03,
  is_tcp = 0x04,
  is_v6 = 0x08,
  has_options = 0x10,
  other_queue = 0x20,
  raw = 0x40, // instead: a length and the packet
  // Second: what is different about it.
  gap = 0x01,
  other_acknowledgement = 0x02,
  other_traffic_class = 0x04,
  has_psh = 0x08,
  any_flags = 0x10, // an octet more
  spoilt = 0x20,    // a place and what is changed there
  mended = 0x40,    // after that
  no_checksum = 0x80,
  // Third and fourth: octets of payload.
};

constexpr std::size_t packets_max = 300;

class batch_maker {
public:
  batch_maker() {
    for (unsigned i = 0; i < streams_.size(); ++i) {
      packet_fields& fields = streams_[i];
      fields.source_port = static_cast<std::uint16_t>(i & stream_number);
      fields.tcp = (i & is_tcp) != 0;
      fields.v6 = (i & is_v6) != 0;
      if ((i & has_options) != 0)
        fields.tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    }
  }

  /// The queue comes with it.
  std::pair<octets, std::uint8_t> next(reader& input) {
    const std::uint8_t which = input.octet();
    const std::uint8_t queue = (which & other_queue) != 0 ? 1 : 0;
    if ((which & raw) != 0) {
      const const_bytes packet = input.take(input.number());
      return {octets(packet.begin(), packet.end()), queue};
    }
    return {next_of(streams_[which % streams_.size()], input), queue};
  }

private:
  static octets next_of(packet_fields& fields, reader& input) {
    const std::uint8_t how = input.octet();
    const std::size_t payload = input.number() % 2048U;
    fields.sequence += how & gap;
    fields.acknowledgement += (how & other_acknowledgement) != 0 ? 1 : 0;
    fields.traffic_class ^= (how & other_traffic_class) != 0 ? 0xb8 : 0;
    fields.flags = (how & has_psh) != 0 ? 0x18 : 0x10;
    if ((how & any_flags) != 0)
      fields.flags = input.octet();
    fields.payload = test::some_octets(payload, static_cast<std::uint8_t>(fields.sequence));
    octets packet = make_packet(fields);
    if ((how & no_checksum) != 0 && !fields.tcp)
      store_be16(&packet[fields.transport() + 6], 0);
    if ((how & spoilt) != 0)
      spoil(packet, fields, input, (how & mended) != 0);
    fields.sequence += static_cast<std::uint32_t>(payload);
    ++fields.identification;
    return packet;
  }

  static void spoil(octets& packet, const packet_fields& fields, reader& input, bool mend) {
    packet[input.number() % packet.size()] ^= input.octet();
    if (!mend || packet[0] != (fields.v6 ? 0x60 : 0x45))
      return;
    test::mend_ip_checksum(packet);
    test::mend_transport_checksum(packet, fields.protocol(), fields.transport());
  }

  std::array<packet_fields, 32> streams_;
};

class nobody final : public slab_home {
public:
  void take_back(bare_slab) noexcept override {}
};

/// Packets with memory around each that must not be read.
struct guarded_batch {
  explicit guarded_batch(const std::vector<std::pair<octets, std::uint8_t>>& packets) {
    constexpr std::size_t guard = 16;
    std::size_t room = guard;
    for (const auto& [packet, queue] : packets)
      room += packet.size() + guard;
    from = slab::make("fuzz", room, 8, std::make_shared<nobody>());
    std::uint32_t at = 0;
    for (const auto& [packet, queue] : packets) {
      guards.emplace_back(from->range(at, guard));
      at += guard;
      const std::uint32_t length = static_cast<std::uint32_t>(packet.size());
      std::copy(packet.begin(), packet.end(), from->range(at, length).begin());
      from->deliveries.push_back({at, length, peer_id::none, queue});
      at += length;
    }
    guards.emplace_back(from->memory().subspan(at));
  }

  bare_slab from;
  std::deque<poisoned> guards; // go first
};

void expect_right_joins(const guarded_batch& batch, const tun::joins& wanted, std::uint8_t queue) {
  static tun::coalescer joins; // as a TUN WRITER has it: for all its batches
  const std::span<const tun::joined> groups = joins.group(*batch.from, wanted, queue);
  const std::string problem = test::problem_of(*batch.from, joins, groups, wanted, queue);
  if (!problem.empty())
    std::fprintf(stderr, "%s\n", problem.c_str());
  TROUPE_ASSERT(problem.empty());
}

void join(reader& input) {
  const std::uint8_t what = input.octet();
  const tun::joins wanted{.segments = (what & 1) == 0, .datagrams = (what & 2) == 0};
  batch_maker maker;
  std::vector<std::pair<octets, std::uint8_t>> packets;
  while (!input.empty() && packets.size() < packets_max)
    packets.push_back(maker.next(input));
  const guarded_batch batch(packets);
  for (const std::uint8_t queue : {std::uint8_t{0}, std::uint8_t{1}})
    expect_right_joins(batch, wanted, queue);
}

/// Where the payload begins in what the splitter took for a super-packet.
std::size_t headers_of(const tun::vnet_header& about, const octets& packet) {
  const std::size_t ip = packet[0] >> 4U == 4 ? (packet[0] & 0xfU) * std::size_t{4} : 40;
  const bool told = (about.flags & tun::vnet::needs_checksum) != 0;
  const std::size_t transport = told ? about.checksum_start : ip;
  const bool udp = (about.gso_type & ~tun::vnet::ecn_bit) == tun::vnet::udp_segments;
  return transport + (udp ? 8 : (packet[transport + 12] >> 4U) * std::size_t{4});
}

void split(reader& input) {
  tun::vnet_header about;
  const const_bytes said = input.take(sizeof about);
  std::copy(said.begin(), said.end(), reinterpret_cast<std::uint8_t*>(&about));
  const const_bytes rest = input.take(65536);
  const octets packet(rest.begin(), rest.end()); // of its own size, for a sanitizer
  octets completed = packet;
  const bool complete = tun::complete_checksum(about, completed);
  TROUPE_ASSERT(completed.size() == packet.size() && (complete || completed == packet));
  const std::optional<tun::splitter> by = tun::splitter::of(about, packet);
  if (!by)
    return;
  TROUPE_ASSERT(by->segments() >= 1 && by->segments() <= packet.size());
  const std::ptrdiff_t headers = static_cast<std::ptrdiff_t>(headers_of(about, packet));
  std::vector<std::pair<octets, std::uint8_t>> segments;
  octets stream;
  for (std::size_t i = 0; i < by->segments(); ++i) {
    octets segment(by->length_of(i));
    TROUPE_ASSERT(segment.size() <= by->length_of(0));
    by->write(i, segment.data());
    stream.insert(stream.end(), segment.begin() + headers, segment.end());
    segments.emplace_back(std::move(segment), std::uint8_t{0});
  }
  TROUPE_ASSERT(std::equal(stream.begin(), stream.end(), packet.begin() + headers, packet.end()));
  segments.resize(std::min(segments.size(), packets_max));
  expect_right_joins(guarded_batch(segments), {.segments = true, .datagrams = true}, 0);
}

octets of_stream(unsigned which, unsigned how, std::size_t payload) {
  return {static_cast<std::uint8_t>(which), static_cast<std::uint8_t>(how),
          static_cast<std::uint8_t>(payload >> 8), static_cast<std::uint8_t>(payload)};
}

octets batch_of(const std::vector<octets>& parts) {
  octets all{1, 0};
  for (const octets& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

octets super_packet_of(const packet_fields& fields, std::uint8_t type, std::uint16_t gso_size) {
  tun::vnet_header about;
  about.flags = tun::vnet::needs_checksum;
  about.gso_type = type;
  about.gso_size = gso_size;
  about.checksum_start = static_cast<std::uint16_t>(fields.transport());
  about.checksum_offset = fields.tcp ? 16 : 6;
  octets input(1 + sizeof about, super_packet);
  std::memcpy(&input[1], &about, sizeof about);
  const octets packet = make_packet(fields);
  input.insert(input.end(), packet.begin(), packet.end());
  return input;
}

} // namespace

std::vector<octets> seeds() {
  std::vector<octets> all;
  for (const bool v6 : {false, true})
    for (const bool tcp : {false, true}) {
      packet_fields fields;
      fields.v6 = v6;
      fields.tcp = tcp;
      fields.payload = test::some_octets(500);
      const std::uint8_t type = !tcp ? tun::vnet::udp_segments
                                : v6 ? tun::vnet::tcp6_segments
                                     : tun::vnet::tcp4_segments;
      all.push_back(super_packet_of(fields, type, 100));
      const unsigned which = (v6 ? unsigned{is_v6} : 0U) | (tcp ? unsigned{is_tcp} : 0U);
      std::vector<octets> parts(60, of_stream(which, 0, 1400));
      all.push_back(batch_of(parts));
      parts.resize(5);
      parts.push_back(of_stream(which, has_psh, 700));
      parts.push_back(of_stream(which, gap, 700));
      parts.push_back(of_stream(which, no_checksum, 700));
      parts.push_back(of_stream(which, no_checksum, 700));
      parts.push_back(of_stream(which | has_options, 0, 700));
      parts.push_back(of_stream(which | has_options | other_queue, 0, 700));
      parts.push_back(of_stream(which, spoilt | mended, 700));
      parts.push_back({0, 13, 1});
      parts.push_back({raw, 0, 4, 0x45, 0, 0, 20});
      all.push_back(batch_of(parts));
    }
  return all;
}

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  troupe::fuzz::reader input({data, size});
  if (input.octet() % 2 == troupe::fuzz::super_packet)
    troupe::fuzz::split(input);
  else
    troupe::fuzz::join(input);
  return 0;
}
