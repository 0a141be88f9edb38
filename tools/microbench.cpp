// What the steps of the data path cost by themselves, on one core and with warm caches: for
// finding out where time goes, not for promising anything.
#include "messages/interfaces.hpp"
#include "messages/limits.hpp"
#include "messages/wire.hpp"

#include "crypto/aead.hpp"
#include "crypto/replay_window.hpp"
#include "crypto/routing.hpp"
#include "tun/checksum.hpp"
#include "tun/coalesce.hpp"
#include "tun/split.hpp"

#include <benchmark/benchmark.h>

#include <caf/all.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace troupe {
namespace {

using octets = std::vector<std::uint8_t>;

std::int64_t as_signed(std::size_t value) {
  return static_cast<std::int64_t>(value);
}

void count_octets(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(as_signed(each) * static_cast<std::int64_t>(state.iterations()));
}

// --- AEAD

/// Packets of one length, alone or as many as TUNNEL has in a batch.
struct aead_batch {
  explicit aead_batch(const benchmark::State& state)
      : length(static_cast<std::size_t>(state.range(0))),
        texts(static_cast<std::size_t>(state.range(1)), octets(length + wire::tag_octets)) {
    for (octets& text : texts)
      jobs.push_back({key.data(), jobs.size(), text.data(), length, {}, false});
  }
  void count(benchmark::State& state) const {
    count_octets(state, texts.size() * length);
    state.SetItemsProcessed(as_signed(texts.size()) *
                            static_cast<std::int64_t>(state.iterations()));
  }

  const byte_array<32> key{};
  const std::size_t length;
  std::vector<octets> texts;
  std::vector<crypto::aead_job> jobs;
};

constexpr const char* no_engine = "not built in, or nothing for this processor";

void seal_with(benchmark::State& state, std::unique_ptr<crypto::aead_engine> engine) {
  if (!engine)
    return state.SkipWithError(no_engine);
  aead_batch batch(state);
  for (auto _ : state)
    engine->seal(batch.jobs);
  batch.count(state);
}

const std::vector<std::vector<std::int64_t>> lengths_and_packets = {{64, 512, 1424, 8960}, {1, 48}};

void seal_libsodium(benchmark::State& state) {
  seal_with(state, crypto::make_sodium_engine());
}
BENCHMARK(seal_libsodium)->ArgsProduct(lengths_and_packets);

void seal_ipsec_mb(benchmark::State& state) {
  seal_with(state, crypto::make_ipsec_mb_engine());
}
BENCHMARK(seal_ipsec_mb)->ArgsProduct(lengths_and_packets);

void seal_libgcrypt(benchmark::State& state) {
  seal_with(state, crypto::make_libgcrypt_engine());
}
BENCHMARK(seal_libgcrypt)->ArgsProduct(lengths_and_packets);

/// Each time anew, since opening is in place: the copy is in the time.
void open_with(benchmark::State& state, std::unique_ptr<crypto::aead_engine> engine) {
  if (!engine)
    return state.SkipWithError(no_engine);
  aead_batch batch(state);
  engine->seal(batch.jobs);
  const std::vector<octets> sealed = batch.texts;
  for (auto _ : state) {
    for (std::size_t i = 0; i < sealed.size(); ++i)
      std::copy(sealed[i].begin(), sealed[i].end(), batch.texts[i].begin());
    engine->open(batch.jobs);
    if (!batch.jobs.back().authentic)
      return state.SkipWithError("what was sealed does not open");
  }
  batch.count(state);
}

void open_libsodium(benchmark::State& state) {
  open_with(state, crypto::make_sodium_engine());
}
BENCHMARK(open_libsodium)->ArgsProduct(lengths_and_packets);

void open_ipsec_mb(benchmark::State& state) {
  open_with(state, crypto::make_ipsec_mb_engine());
}
BENCHMARK(open_ipsec_mb)->ArgsProduct(lengths_and_packets);

void open_libgcrypt(benchmark::State& state) {
  open_with(state, crypto::make_libgcrypt_engine());
}
BENCHMARK(open_libgcrypt)->ArgsProduct(lengths_and_packets);

// --- Offloads

constexpr std::size_t segment_octets = 1368;
constexpr std::size_t tcp_headers = 20 + 32;

/// A TCP super-packet of so many segments, with time stamps as Linux sends them.
octets super_packet(std::size_t segments) {
  octets packet(tcp_headers + segments * segment_octets);
  packet[0] = 0x45;
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  packet[8] = 64;
  packet[9] = 6;
  packet[12] = packet[16] = 10;
  packet[32] = 8 << 4;
  packet[33] = 0x10; // ACK
  for (std::size_t i = tcp_headers; i < packet.size(); ++i)
    packet[i] = static_cast<std::uint8_t>(i * 7);
  return packet;
}

constexpr std::size_t segments = 46; // the most that 64 KiB hold

const tun::vnet_header tso{
    tun::vnet::needs_checksum, tun::vnet::tcp4_segments, tcp_headers, segment_octets, 20, 16};

void split_super_packet(benchmark::State& state) {
  const octets packet = super_packet(segments);
  octets out(2048);
  for (auto _ : state) {
    const std::optional<tun::splitter> splitter = tun::splitter::of(tso, packet);
    for (std::size_t i = 0; i < splitter->segments(); ++i)
      splitter->write(i, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  count_octets(state, packet.size());
}
BENCHMARK(split_super_packet);

class no_home final : public slab_home {
public:
  void take_back(bare_slab) noexcept override {}
};

void coalesce_segments(benchmark::State& state) {
  const octets packet = super_packet(segments);
  const std::optional<tun::splitter> splitter = tun::splitter::of(tso, packet);
  const bare_slab batch =
      slab::make("bench", limits::receive_slab_octets, limits::messages_per_receive_slab,
                 std::make_shared<no_home>());
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < splitter->segments(); ++i) {
    const std::uint32_t length = static_cast<std::uint32_t>(splitter->length_of(i));
    splitter->write(i, batch->memory().data() + offset);
    batch->deliveries.push_back({offset, length, peer_id::none, 0});
    offset += length + static_cast<std::uint32_t>(wire::data_overhead);
  }
  tun::coalescer coalescer;
  for (auto _ : state)
    benchmark::DoNotOptimize(coalescer.group(*batch, {true, true}).size());
  count_octets(state, packet.size());
}
BENCHMARK(coalesce_segments);

void checksum(benchmark::State& state) {
  const octets data(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state)
    benchmark::DoNotOptimize(tun::add_words(0, data));
  count_octets(state, data.size());
}
BENCHMARK(checksum)->Arg(20)->Arg(1400)->Arg(65000);

// --- Look-ups

/// A /32 for each of many peers, scattered; the same addresses are asked for.
void find_route(benchmark::State& state) {
  crypto::routing_table table;
  std::vector<ip_address> addresses;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(state.range(0)); ++i) {
    byte_array<4> address;
    store_be32(address.data(), i * 2654435761U);
    addresses.push_back(make_ipv4(address.data()));
    table.insert({addresses.back(), 32}, static_cast<peer_id>(i + 1));
  }
  std::size_t at = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(table.find(addresses[at++ % addresses.size()]));
}
BENCHMARK(find_route)->Arg(1)->Arg(100)->Arg(10000)->Arg(130000);

void accept_counter(benchmark::State& state) {
  crypto::replay_window window;
  std::uint64_t counter = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(window.accept(counter++));
}
BENCHMARK(accept_counter);

// --- Actors

/// There and back between two actors that each have a thread: two hops and two wake-ups.
void hop_there_and_back(benchmark::State& state) {
  caf::actor_system_config config;
  config.add_message_types<caf::id_block::troupe>();
  caf::actor_system system(config);
  const caf::actor echo = system.spawn<caf::detached>([](caf::event_based_actor*) -> caf::behavior {
    return {[](atom::tick) { return atom::tick_v; }};
  });
  caf::scoped_actor self(system);
  for (auto _ : state) {
    self->send(echo, atom::tick_v);
    self->receive([](atom::tick) {});
  }
  self->send_exit(echo, caf::exit_reason::user_shutdown);
}
BENCHMARK(hop_there_and_back)->UseRealTime();

} // namespace
} // namespace troupe

BENCHMARK_MAIN();
