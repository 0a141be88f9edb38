// Any datagrams and packets, in any order and at any time, to a tunnel that has a session: the
// input is a list of steps. The peer is a bare one with session keys of its own, so that what lies
// behind the authentication is reached as well.
#include "messages/wire.hpp"

#include "crypto/session.hpp"
#include "crypto/tunnel.hpp"
#include "tests/crypto/seeded_random.hpp"
#include "tests/fuzz/packets.hpp"
#include "tests/fuzz/poison.hpp"

#include <deque>

namespace troupe::fuzz {

using namespace crypto;

namespace {

enum class step : std::uint8_t {
  datagram,   // as it is
  data,       // with the receiver index of the session; its tag will not fit
  inner,      // sealed as it is: traffic class, then the packet
  packet,     // from the TUN device: how many, then the packet
  handshake,  // an initiation or response with a right mac1
  cookie,     // a cookie reply
  initiation, // as it should be: renews the session
  wait,       // so many times 10 ms
};
constexpr std::uint8_t steps = 8;
/// Beside the step: HANDSHAKER is slow, and its results come after a later step.
constexpr std::uint8_t hold_jobs = 0x80;

constexpr std::uint32_t mtu = 1420;
constexpr std::uint32_t header_room = sizeof(wire::data_header);

octets written(step what, const octets& payload, std::uint8_t flags = 0) {
  octets input{static_cast<std::uint8_t>(static_cast<unsigned>(what) | flags),
               static_cast<std::uint8_t>(payload.size() >> 8),
               static_cast<std::uint8_t>(payload.size())};
  input.insert(input.end(), payload.begin(), payload.end());
  return input;
}

octets joined(const std::vector<octets>& parts) {
  octets all;
  for (const octets& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

secret_key drawn_key(random_source& random) {
  return secret_key::make([&](bytes fresh) { random.fill(fresh); });
}

class reserve_home final : public slab_home {
public:
  void take_back(bare_slab back) noexcept override {
    if (!closed)
      returned.push_back(std::move(back));
  }

  std::vector<bare_slab> returned;
  /// Slabs and their home own each other, so the end must be said.
  bool closed = false;
};

std::vector<bare_slab> stock(const std::shared_ptr<reserve_home>& home) {
  std::vector<bare_slab> made;
  for (int i = 0; i < 2; ++i)
    made.push_back(slab::make("reserve", 16 * 1024, 8, home));
  return made;
}

/// A slab that is as large as what lies in it, for a sanitizer.
class exact_slab {
public:
  explicit exact_slab(std::size_t octets) {
    static const std::shared_ptr<reserve_home> nobody = [] {
      const std::shared_ptr<reserve_home> made = std::make_shared<reserve_home>();
      made->closed = true;
      return made;
    }();
    const std::size_t pages = (octets / 4096 + 1) * 4096;
    held_ = slab::launch(slab::make("fuzz", pages, 8, nobody), 1, {});
    behind_.emplace(held_->memory().subspan(octets));
  }
  slab& operator*() { return *held_; }
  slab* operator->() { return &*held_; }

private:
  slab_ref held_;
  std::optional<poisoned> behind_;
};

class network {
public:
  network() : out_(stock(home_)), core_(random_) {
    core_.share_out(2);
    tunnel_change change;
    change.set_private_key = true;
    change.private_key = drawn_key(random_);
    const public_key victim = derive_public(change.private_key);
    change.changed.push_back(
        {{"bare", self_.own_key, {}, {prefix("10.1.0.0/16"), prefix("fd01::/16")}, 25},
         endpoint{parse_ip_address("192.0.2.1").value(), 1, 0}});
    change.changed.push_back(
        {{"other", derive_public(drawn_key(random_)), {}, {prefix("10.1.2.0/24")}, 0}, {}});
    static_static_ = crypto::static_static(self_, victim).value();
    theirs_ = victim;
    cookies_.emplace(victim);
    core_.on_link(true, mtu, now_, out_);
    core_.apply(change, now_, out_);
    end_turn();
    initiate();
    settle();
    TROUPE_ASSERT(own_.has_value());
  }
  network(const network&) = delete;
  network& operator=(const network&) = delete;
  ~network() {
    home_->closed = true;
    home_->returned.clear();
  }

  void run(reader input) {
    while (!input.empty()) {
      const std::uint8_t what = input.octet();
      reader payload(input.take(input.number()));
      act(static_cast<step>(what % steps), payload);
      end_turn();
      if ((what & hold_jobs) == 0)
        settle();
    }
  }

private:
  static ip_prefix prefix(std::string_view text) { return parse_ip_prefix(text).value(); }

  void act(step what, reader& payload) {
    switch (what) {
    case step::datagram:
      return receive(rest_of(payload), 0);
    case step::data: {
      octets message = rest_of(payload);
      message.insert(message.begin(), 8, 0);
      message[0] = static_cast<std::uint8_t>(wire::message_type::transport_data);
      store_le32(&message[4], their_index_);
      return receive(message, 0);
    }
    case step::inner: {
      const std::uint8_t traffic_class = payload.octet();
      return receive_sealed(rest_of(payload), traffic_class);
    }
    case step::packet: {
      const std::size_t copies = payload.octet() % 8U;
      return send(rest_of(payload), copies);
    }
    case step::handshake:
      return receive_handshake(rest_of(payload));
    case step::cookie: {
      octets message = rest_of(payload);
      message.resize(sizeof(wire::cookie_reply));
      message[0] = static_cast<std::uint8_t>(wire::message_type::cookie_reply);
      message[1] = message[2] = message[3] = 0;
      return receive(message, 0);
    }
    case step::initiation:
      return initiate();
    case step::wait: {
      const std::chrono::milliseconds passed(10 * payload.number());
      now_.steady += passed;
      now_.wall += passed;
      return core_.on_timeout(now_, out_);
    }
    }
  }

  static octets rest_of(reader& payload) {
    const const_bytes rest = payload.take(2048);
    return {rest.begin(), rest.end()};
  }

  void receive(const octets& message, std::uint8_t traffic_class) {
    exact_slab batch(message.size());
    std::copy(message.begin(), message.end(), batch->memory().begin());
    arrival came;
    came.length = static_cast<std::uint32_t>(message.size());
    came.traffic_class = traffic_class;
    came.remote = {parse_ip_address("198.51.100.1").value(), 7, 0};
    came.local = {parse_ip_address("198.51.100.2").value(), 1};
    batch->arrivals.push_back(came);
    core_.on_cipher(*batch, now_, out_);
    TROUPE_ASSERT(batch->deliveries.size() + batch->drops.size() <= 1);
    for (const delivery& each : batch->deliveries) {
      TROUPE_ASSERT(each.offset + each.length <= came.length);
      const std::optional<ip_header> header =
          parse_ip_header(batch->range(each.offset, each.length));
      TROUPE_ASSERT(header && header->total_length == each.length);
      TROUPE_ASSERT(contains(prefix("10.1.0.0/16"), header->source) ||
                    contains(prefix("fd01::/16"), header->source));
      TROUPE_ASSERT(!contains(prefix("10.1.2.0/24"), header->source));
    }
  }

  void receive_sealed(const octets& inner, std::uint8_t traffic_class) {
    if (!own_->may_send(now_.steady))
      return;
    octets message(inner.size() + wire::data_overhead);
    std::copy(inner.begin(), inner.end(), message.begin() + header_room);
    const aead_job sealing = own_->sealing(message.data() + header_room, inner.size());
    engine_->seal({&sealing, 1});
    receive(message, traffic_class);
  }

  void receive_handshake(octets message) {
    const bool response = !message.empty() && message[0] % 2 == 0;
    message.resize(response ? sizeof(wire::handshake_response)
                            : sizeof(wire::handshake_initiation));
    store_le32(message.data(), response ? 2 : 1);
    cookies_->add_macs(message, now_.steady);
    receive(message, 0);
  }

  void initiate() {
    created_ = create_initiation(self_, theirs_, static_static_, drawn_key(random_),
                                 timestamps_.next(now_.wall), ++own_index_);
    cookies_->add_macs(wire::as_writable_bytes(created_->message), now_.steady);
    const const_bytes message = wire::as_bytes(created_->message);
    receive({message.begin(), message.end()}, 0);
  }

  void send(octets packet, std::size_t copies) {
    packet.resize(std::min<std::size_t>(packet.size(), mtu));
    const std::uint32_t length = static_cast<std::uint32_t>(packet.size());
    const std::uint32_t padded = static_cast<std::uint32_t>(wire::padded_length(length, mtu));
    const std::uint32_t slot = padded + static_cast<std::uint32_t>(wire::data_overhead);
    exact_slab batch(slot * copies);
    for (std::uint32_t i = 0; i < copies; ++i) {
      arrival came;
      came.offset = i * slot + header_room;
      came.length = length;
      came.padded_length = padded;
      batch->arrivals.push_back(came);
      std::copy(packet.begin(), packet.end(), batch->range(came.offset, length).begin());
    }
    core_.on_plain(*batch, now_, out_);
    TROUPE_ASSERT(batch->deliveries.empty() && batch->drops.size() <= copies);
    take(*batch, slot * copies);
  }

  /// What left in `sent`. Data for the newest session opens, so no nonce is used twice.
  void take(slab& sent, std::size_t octets_max) {
    for (const transmit& train : sent.transmits) {
      TROUPE_ASSERT(train.offset + train.length <= octets_max);
      for (std::uint32_t at = 0; at < train.length; at += train.segment_octets) {
        const bytes message =
            sent.range(train.offset + at, std::min(train.segment_octets, train.length - at));
        const std::optional<wire::message_type> type = wire::classify(message);
        TROUPE_ASSERT(type.has_value());
        if (*type == wire::message_type::handshake_response)
          take_response(wire::copy_from<wire::handshake_response>(message));
        else if (*type == wire::message_type::transport_data && own_ &&
                 load_le32(&message[4]) == own_->local_index())
          require_opens(message);
      }
    }
  }

  void require_opens(bytes message) {
    aead_job opening = std::get<aead_job>(own_->opening(message, now_.steady));
    engine_->open({&opening, 1});
    TROUPE_ASSERT(opening.authentic && own_->accept(opening));
  }

  void take_response(const wire::handshake_response& response) {
    if (load_le32(response.receiver_index.data()) != own_index_)
      return;
    std::optional<session_keys> keys = consume_response(self_, created_->kept, {}, response);
    TROUPE_ASSERT(keys.has_value());
    their_index_ = load_le32(response.sender_index.data());
    own_.emplace(std::move(*keys), true, own_index_, their_index_, now_.steady);
  }

  void end_turn() {
    std::vector<slab_ref>& launched = out_.origin.finish_turn(now_.steady);
    for (const slab_ref& each : launched)
      take(*each, each->memory().size());
    launched.clear();
    std::move(out_.jobs.begin(), out_.jobs.end(), std::back_inserter(jobs_));
    out_.jobs.clear();
    out_.events.clear();
    while (!home_->returned.empty()) {
      out_.origin.take_back(std::move(home_->returned.back()));
      home_->returned.pop_back();
      if (home_->returned.empty()) {
        core_.on_room(now_, out_);
        end_turn();
      }
    }
  }

  void settle() {
    while (!jobs_.empty()) {
      const std::shared_ptr<handshake_job> job = jobs_.front();
      jobs_.pop_front();
      perform(*job);
      core_.on_handshake(*job, now_, out_);
      end_turn();
    }
  }

  moment now_{time_point(std::chrono::hours(1)), wall_time(std::chrono::hours(480'000))};
  seeded_random random_{1};
  std::shared_ptr<reserve_home> home_ = std::make_shared<reserve_home>();
  outbox out_;
  tunnel core_;
  std::deque<std::shared_ptr<handshake_job>> jobs_;

  // The peer.
  std::unique_ptr<aead_engine> engine_ = make_sodium_engine();
  identity self_ = identity::of(drawn_key(random_));
  public_key theirs_;
  secret_key static_static_;
  std::optional<cookie_maker> cookies_;
  timestamp_source timestamps_;
  std::optional<created_initiation> created_;
  std::uint32_t own_index_ = 0;
  std::uint32_t their_index_ = 0;
  std::optional<session> own_;
};

} // namespace

std::vector<octets> seeds() {
  const octets in = ipv4_packet("10.1.0.1", "10.0.0.1", 17, octets(16, 7));
  const octets out = ipv4_packet("10.0.0.1", "10.1.0.1", 17, octets(16, 7));
  const octets in_marked = joined({{3}, ipv6_packet("fd01::1", "fd00::1", 17, octets(20, 7))});
  const octets spoofed = joined({{0}, ipv4_packet("10.1.2.3", "10.0.0.1", 17, octets(16, 7))});
  return {
      joined({written(step::inner, joined({{0}, in})), written(step::packet, joined({{3}, out}))}),
      joined({written(step::inner, in_marked), written(step::inner, spoofed),
              written(step::inner, {})}),
      joined({written(step::wait, {0x40, 0}), written(step::initiation, {}),
              written(step::packet, joined({{1}, out})), written(step::inner, joined({{0}, in}))}),
      joined({written(step::wait, {0xff, 0xff}), written(step::packet, joined({{2}, out})),
              written(step::cookie, octets(64, 1)), written(step::handshake, octets(92, 2)),
              written(step::wait, {2, 0})}),
      joined({written(step::wait, {0, 50}), written(step::initiation, {}, hold_jobs),
              written(step::wait, {0, 50}), written(step::initiation, {}, hold_jobs),
              written(step::handshake, octets(148, 1)), written(step::inner, joined({{0}, in}))}),
      joined({written(step::data, octets(40)), written(step::datagram, octets(148, 1)),
              written(step::datagram, octets(64, 3)), written(step::handshake, octets(92, 2))}),
  };
}

} // namespace troupe::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  troupe::fuzz::network().run(troupe::fuzz::reader({data, size}));
  return 0;
}
