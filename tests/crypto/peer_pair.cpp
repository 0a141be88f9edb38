#include "tests/crypto/peer_pair.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <utility>

namespace troupe::crypto {

namespace {

constexpr std::uint32_t header_room = sizeof(wire::data_header);

/// For slabs that a test fills and reads itself: gone with their last reference.
class no_home : public slab_home {
public:
  void take_back(bare_slab) noexcept override {}
};

slab_ref make_slab(std::size_t octets, std::size_t descriptors, time_point now) {
  static const std::shared_ptr<slab_home> home = std::make_shared<no_home>();
  return slab::launch(slab::make("test", std::max<std::size_t>(octets, 1), descriptors, home), 1,
                      now);
}

void fill_payload(octets& packet, std::size_t header, std::uint8_t marker) {
  std::fill(packet.begin() + static_cast<std::ptrdiff_t>(header), packet.end(), marker);
}

std::uint16_t ipv4_checksum(const_bytes header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 20; i += 2)
    sum += i == 10 ? 0U : load_be16(&header[i]);
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

} // namespace

// --- Inner packets ------------------------------------------------------------------------------

octets ipv4_packet(const ip_address& source, const ip_address& target, std::size_t length,
                   std::uint8_t marker, ecn congestion) {
  octets packet(length);
  fill_payload(packet, 20, marker);
  packet[0] = 0x45;
  packet[1] = static_cast<std::uint8_t>(congestion);
  store_be16(&packet[2], static_cast<std::uint16_t>(length));
  packet[8] = 64;
  packet[9] = 17;
  std::copy_n(source.octets.begin(), 4, packet.begin() + 12);
  std::copy_n(target.octets.begin(), 4, packet.begin() + 16);
  store_be16(&packet[10], ipv4_checksum(packet));
  return packet;
}

octets ipv6_packet(const ip_address& source, const ip_address& target, std::size_t length,
                   std::uint8_t marker, ecn congestion) {
  octets packet(length);
  fill_payload(packet, 40, marker);
  packet[0] = 0x60;
  packet[1] = static_cast<std::uint8_t>(static_cast<unsigned>(congestion) << 4);
  store_be16(&packet[4], static_cast<std::uint16_t>(length - 40));
  packet[6] = 17;
  packet[7] = 64;
  std::copy_n(source.octets.begin(), 16, packet.begin() + 8);
  std::copy_n(target.octets.begin(), 16, packet.begin() + 24);
  return packet;
}

bool has_valid_ipv4_checksum(const_bytes packet) {
  return load_be16(&packet[10]) == ipv4_checksum(packet);
}

ip_prefix prefix_of(std::string_view text) {
  return parse_ip_prefix(text).value();
}

ip_address address_of(std::string_view text) {
  return parse_ip_address(text).value();
}

// --- One tunnel ---------------------------------------------------------------------------------

class test_peer::reserve_home : public slab_home {
public:
  void take_back(bare_slab returned) noexcept override {
    if (!closed_)
      returned_.push_back(std::move(returned));
  }
  [[nodiscard]] std::vector<bare_slab> take() { return std::exchange(returned_, {}); }
  /// Slabs and their home own each other, so the end must be said.
  void close() {
    closed_ = true;
    returned_.clear();
  }

  static std::vector<bare_slab> stock(const std::shared_ptr<reserve_home>& home,
                                      std::size_t slabs) {
    std::vector<bare_slab> made;
    for (std::size_t i = 0; i < slabs; ++i)
      made.push_back(
          slab::make("reserve", limits::transmit_slab_octets, limits::packets_per_slab_max, home));
    return made;
  }

private:
  std::vector<bare_slab> returned_;
  bool closed_ = false;
};

test_peer::test_peer(test_network& on, std::size_t its_number, std::size_t reserve_slabs)
    : number(its_number), network_(on), random_(its_number + 1),
      home_(std::make_shared<reserve_home>()), out(reserve_home::stock(home_, reserve_slabs)),
      core(random_) {
  const std::uint8_t high = static_cast<std::uint8_t>(number >> 8);
  const std::uint8_t low = static_cast<std::uint8_t>(number & 0xff);
  address = {address_of("198.18.0.1"), 51820, 0};
  address.address.octets[2] = high;
  address.address.octets[3] = low;
  inner_v4 = address_of("10.0.0.0");
  inner_v4.octets[2] = high;
  inner_v4.octets[3] = low;
  inner_v6 = address_of("fd00::");
  inner_v6.octets[14] = high;
  inner_v6.octets[15] = low;
  set_private_key(secret_key::make([this](bytes fresh) { random_.fill(fresh); }));
}

test_peer::~test_peer() {
  home_->close();
}

void test_peer::set_private_key(const secret_key& fresh) {
  private_key = fresh;
  key = derive_public(fresh);
  tunnel_change change;
  change.set_private_key = true;
  change.private_key = fresh;
  apply(change);
}

void test_peer::remove_private_key() {
  tunnel_change change;
  change.set_private_key = true;
  apply(change);
}

peer_settings test_peer::settings_of(const test_peer& other, const peer_options& options) const {
  peer_settings settings{"peer " + std::to_string(other.number), other.key, options.preshared_key,
                         options.more_allowed_ips, options.persistent_keepalive_s};
  settings.allowed_ips.push_back({other.inner_v4, 32});
  settings.allowed_ips.push_back({other.inner_v6, 128});
  return settings;
}

void test_peer::knows(const test_peer& other, const peer_options& options) {
  tunnel_change change;
  change.changed.push_back({settings_of(other, options), std::nullopt, true});
  if (options.with_endpoint)
    change.changed.back().remote = other.address;
  apply(change);
}

void test_peer::forgets(const test_peer& other) {
  tunnel_change change;
  change.removed.push_back(other.key);
  apply(change);
}

void test_peer::apply(const tunnel_change& change) {
  core.apply(change, network_.now(), out);
  end_turn();
}

void test_peer::link(bool up, std::uint32_t mtu) {
  mtu_ = mtu;
  mtu_max_ = std::max(mtu_max_, mtu);
  core.on_link(up, mtu, network_.now(), out);
  end_turn();
}

octets test_peer::packet_to(const test_peer& other, std::uint8_t marker, std::size_t length) const {
  return ipv4_packet(inner_v4, other.inner_v4, length, marker);
}

void test_peer::send_to(const test_peer& other, std::uint8_t marker, std::size_t length) {
  send({packet_to(other, marker, length)});
}

void test_peer::send(const std::vector<octets>& packets) {
  std::size_t room = 0;
  for (const octets& packet : packets)
    room += wire::padded_length(packet.size(), mtu_) + wire::data_overhead;
  const slab_ref batch = make_slab(room, packets.size(), network_.now().steady);
  std::uint32_t used = 0;
  for (const octets& packet : packets) {
    const std::uint32_t length = static_cast<std::uint32_t>(packet.size());
    const std::uint32_t padded =
        static_cast<std::uint32_t>(wire::padded_length(packet.size(), mtu_));
    arrival came;
    came.offset = used + header_room;
    came.length = length;
    came.padded_length = padded;
    batch->arrivals.push_back(came);
    std::copy(packet.begin(), packet.end(), batch->range(came.offset, length).begin());
    used += padded + static_cast<std::uint32_t>(wire::data_overhead);
  }
  core.on_plain(*batch, network_.now(), out);
  last_send_drops = batch->drops;
  last_train_lengths.clear();
  last_train_peers.clear();
  for (const transmit& train : batch->transmits) {
    last_train_lengths.push_back(train.segments());
    last_train_peers.push_back(train.peer);
  }
  fly(*batch);
  end_turn();
}

void test_peer::receive(const std::vector<test_datagram>& datagrams) {
  std::vector<std::vector<test_datagram>> trains;
  for (const test_datagram& datagram : datagrams)
    trains.push_back({datagram});
  receive_trains(trains);
}

void test_peer::receive_trains(const std::vector<std::vector<test_datagram>>& trains) {
  std::size_t room = 0;
  for (const std::vector<test_datagram>& train : trains)
    for (const test_datagram& datagram : train)
      room += datagram.message.size();
  const slab_ref batch = make_slab(room, trains.size(), network_.now().steady);
  std::uint32_t used = 0;
  for (const std::vector<test_datagram>& train : trains) {
    const test_datagram& first = train.front();
    const std::uint32_t segment = static_cast<std::uint32_t>(first.message.size());
    arrival came;
    came.offset = used;
    came.segment_octets = train.size() > 1 ? segment : 0;
    came.traffic_class = first.traffic_class;
    came.remote = first.source;
    came.local = {first.target.address, 1};
    for (const test_datagram& datagram : train) {
      BOOST_REQUIRE(came.length % std::max(1U, segment) == 0);
      BOOST_REQUIRE(datagram.message.size() <= segment);
      const std::uint32_t length = static_cast<std::uint32_t>(datagram.message.size());
      std::copy(datagram.message.begin(), datagram.message.end(),
                batch->range(used, length).begin());
      came.length += length;
      used += length;
    }
    batch->arrivals.push_back(came);
  }
  core.on_cipher(*batch, network_.now(), out);
  last_receive_drops = batch->drops;
  for (const delivery& delivered : batch->deliveries) {
    const bytes packet = batch->range(delivered.offset, delivered.length);
    received.emplace_back(packet.begin(), packet.end());
  }
  end_turn();
}

void test_peer::timeout() {
  core.on_timeout(network_.now(), out);
  end_turn();
}

void test_peer::perform_jobs() {
  while (!jobs.empty())
    perform_job();
}

void test_peer::perform_job() {
  const std::shared_ptr<handshake_job> job = jobs.front();
  jobs.pop_front();
  perform(*job);
  core.on_handshake(*job, network_.now(), out);
  end_turn();
}

void test_peer::release_slabs() {
  hold_slabs = false;
  held_slabs_.clear();
  end_turn();
}

/// As the actor ends its turn: the slabs filled leave, and those that are home make room.
void test_peer::end_turn() {
  std::vector<slab_ref>& launched = out.origin.finish_turn(network_.now().steady);
  for (slab_ref& each : launched) {
    fly(*each);
    if (hold_slabs)
      held_slabs_.push_back(std::move(each));
  }
  launched.clear();
  std::move(out.jobs.begin(), out.jobs.end(), std::back_inserter(jobs));
  out.jobs.clear();
  jobs_max = std::max(jobs_max, jobs.size());
  std::move(out.events.begin(), out.events.end(), std::back_inserter(events));
  out.events.clear();
  take_slabs_home();
}

void test_peer::take_slabs_home() {
  std::vector<bare_slab> returned = home_->take();
  if (returned.empty())
    return;
  for (bare_slab& each : returned)
    out.origin.take_back(std::move(each));
  core.on_room(network_.now(), out);
  end_turn();
}

void test_peer::fly(const slab& from) {
  for (const transmit& train : from.transmits)
    for (std::uint32_t sent = 0; sent < train.length; sent += train.segment_octets) {
      const std::uint32_t length = std::min(train.segment_octets, train.length - sent);
      const const_bytes message = from.range(train.offset + sent, length);
      network_.fly({number,
                    address,
                    train.remote,
                    train.traffic_class,
                    network_.now().steady,
                    {message.begin(), message.end()},
                    train.local},
                   mtu_, mtu_max_);
    }
}

tunnel_status test_peer::status() const {
  return core.status(network_.now().steady);
}

peer_status test_peer::status_of(const test_peer& other) const {
  const tunnel_status all = status();
  const std::vector<peer_status>::const_iterator found =
      std::find_if(all.peers.begin(), all.peers.end(),
                   [&](const peer_status& each) { return each.key == other.key; });
  BOOST_REQUIRE(found != all.peers.end());
  return *found;
}

std::size_t test_peer::count(peer_event::kind what) const {
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [&](const peer_event& each) { return each.what == what; }));
}

std::vector<std::uint8_t> test_peer::markers() const {
  std::vector<std::uint8_t> last_octets;
  for (const octets& packet : received)
    last_octets.push_back(packet.back());
  return last_octets;
}

} // namespace troupe::crypto
