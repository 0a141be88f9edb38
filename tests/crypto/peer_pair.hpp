// A network of tunnels in memory, for tests of the protocol: a clock that only a test moves, random
// numbers it can have again, and a wire that records every datagram and lets a test drop, change,
// keep and inject them. Slabs are filled and emptied here as the actors do it. One thread.
//
// Wherever a datagram leaves, what holds for all is required: padding, and no nonce used twice.
#pragma once

#include "messages/wire.hpp"

#include "crypto/tunnel.hpp"
#include "tests/crypto/octets.hpp"
#include "tests/crypto/seeded_random.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

namespace troupe::crypto {

class test_network;

/// A datagram between two endpoints, and who sent it.
struct test_datagram {
  std::size_t sender = 0; // its number in the network
  endpoint source;
  endpoint target;
  std::uint8_t traffic_class = 0;
  time_point sent_at;
  octets message;
  /// The own address it is to leave from, if the sender cares.
  source_address local = {};

  [[nodiscard]] wire::message_type type() const { return wire::classify(message).value(); }
  [[nodiscard]] bool is_keepalive() const {
    return type() == wire::message_type::transport_data && message.size() == wire::keepalive_octets;
  }
};

// --- Inner packets ------------------------------------------------------------------------------

/// With a right header checksum. `length` is the whole packet's; the payload is `marker` repeated.
octets ipv4_packet(const ip_address& source, const ip_address& target, std::size_t length,
                   std::uint8_t marker = 0, ecn congestion = ecn::not_ect);
octets ipv6_packet(const ip_address& source, const ip_address& target, std::size_t length,
                   std::uint8_t marker = 0, ecn congestion = ecn::not_ect);
bool has_valid_ipv4_checksum(const_bytes packet);

// --- One tunnel ---------------------------------------------------------------------------------

struct peer_options {
  secret_key preshared_key;
  std::uint16_t persistent_keepalive_s = 0;
  bool with_endpoint = true;
  std::vector<ip_prefix> more_allowed_ips;
};

class test_peer {
public:
  test_peer(test_network& on, std::size_t its_number, std::size_t reserve_slabs);
  test_peer(const test_peer&) = delete;
  test_peer& operator=(const test_peer&) = delete;
  ~test_peer();

  // --- Set-up ------------------------------------------------------------------------------------
  /// Replaces the key pair.
  void set_private_key(const secret_key& fresh);
  /// Takes it from the tunnel; `private_key` keeps it.
  void remove_private_key();
  void knows(const test_peer& other, const peer_options& options = {});
  void forgets(const test_peer& other);
  void apply(const tunnel_change& change);
  void link(bool up, std::uint32_t mtu = limits::mtu_default);
  [[nodiscard]] peer_settings settings_of(const test_peer& other,
                                          const peer_options& options = {}) const;

  // --- Packets -----------------------------------------------------------------------------------
  /// One batch of inner packets; then the turn ends, and what is sent flies.
  void send(const std::vector<octets>& packets);
  /// One small packet to `other`, told apart by its marker.
  void send_to(const test_peer& other, std::uint8_t marker = 0, std::size_t length = 28);
  [[nodiscard]] octets packet_to(const test_peer& other, std::uint8_t marker = 0,
                                 std::size_t length = 28) const;
  /// One batch of datagrams, as if the socket had them; then the turn ends.
  void receive(const std::vector<test_datagram>& datagrams);
  /// The same of datagrams some of which came joined: all of a train from where its first did, as
  /// long as that, but for the last, which may be shorter.
  void receive_trains(const std::vector<std::vector<test_datagram>>& trains);
  void timeout();
  void perform_jobs();
  /// The oldest one only.
  void perform_job();
  /// Lets go of the slabs that `hold_slabs` kept.
  void release_slabs();

  // --- What a test looks at ----------------------------------------------------------------------
  [[nodiscard]] tunnel_status status() const;
  [[nodiscard]] std::uint64_t drops(drop_reason reason) const { return status().drops[reason]; }
  [[nodiscard]] peer_status status_of(const test_peer& other) const;
  [[nodiscard]] std::size_t count(peer_event::kind what) const;
  [[nodiscard]] std::vector<std::uint8_t> markers() const;

  const std::size_t number;
  secret_key private_key;
  public_key key;
  /// Where the wire finds it; a test moves it to roam.
  endpoint address;
  ip_address inner_v4;
  ip_address inner_v6;

  /// Keep jobs, or slabs sent, until the test lets them go.
  bool hold_jobs = false;
  bool hold_slabs = false;
  std::deque<std::shared_ptr<handshake_job>> jobs;
  /// The most that were out at a time.
  std::size_t jobs_max = 0;

  /// Inner packets that came out, and the drops of the last batch each way.
  std::vector<octets> received;
  std::vector<dropped> last_send_drops;
  std::vector<dropped> last_receive_drops;
  /// Segments of each transmit of the last batch, and whose it is.
  std::vector<std::uint32_t> last_train_lengths;
  std::vector<peer_id> last_train_peers;
  std::vector<peer_event> events;

private:
  class reserve_home;

  void end_turn();
  void fly(const slab& from);
  void take_slabs_home();

  test_network& network_;
  seeded_random random_;
  std::shared_ptr<reserve_home> home_;
  std::uint32_t mtu_ = limits::mtu_default;
  /// What is staged may be as long as the MTU once was.
  std::uint32_t mtu_max_ = limits::mtu_default;

public:
  outbox out;
  tunnel core;

private:
  std::vector<slab_ref> held_slabs_;
};

// --- All of them, and the wire ------------------------------------------------------------------

class test_network {
public:
  test_peer& add(std::size_t reserve_slabs = limits::slabs_of_tunnel_reserve);
  [[nodiscard]] test_peer& operator[](std::size_t number) { return *peers_[number]; }
  [[nodiscard]] moment now() const { return now_; }

  /// Does all there is to do now: flying datagrams arrive one by one, jobs are performed.
  void settle();
  /// settle, and then every deadline up to `span` from now.
  void advance(duration span);
  /// Moves the clock and does nothing.
  void jump(duration span);
  void set_wall_clock(wall_time to) { now_.wall = to; }

  /// Sees each datagram as it leaves; may change it. False: it is lost. Empty: all arrive.
  std::function<bool(test_datagram&)> filter;
  /// All that was ever sent, as it was sent.
  std::vector<test_datagram> tap;

  [[nodiscard]] std::size_t sent(const test_peer& by, wire::message_type type) const;
  [[nodiscard]] std::size_t keepalives_sent(const test_peer& by) const;
  [[nodiscard]] std::size_t handshakes_sent(const test_peer& by) const {
    return sent(by, wire::message_type::handshake_initiation);
  }
  /// The last one of the kind. There must be one.
  [[nodiscard]] const test_datagram& last(const test_peer& by, wire::message_type type) const;
  [[nodiscard]] std::vector<test_datagram> data_of(const test_peer& by) const;

  /// For a peer: what it sends leaves here.
  void fly(test_datagram datagram, std::uint32_t sender_mtu, std::uint32_t sender_mtu_max);

private:
  void require_sane(const test_datagram& datagram, std::uint32_t sender_mtu,
                    std::uint32_t sender_mtu_max);
  [[nodiscard]] test_peer* at(const endpoint& where);

  moment now_{time_point(std::chrono::hours(1)), wall_time(std::chrono::hours(480'000))};
  std::vector<std::unique_ptr<test_peer>> peers_;
  std::deque<test_datagram> flying_;
  /// Sender, receiver index, counter: wherever a datagram goes, for an endpoint may move.
  std::set<std::tuple<std::size_t, std::uint32_t, std::uint64_t>> nonces_;
};

/// Two who know each other and whose links are up.
struct peer_pair : test_network {
  explicit peer_pair(const peer_options& options = {});

  /// A handshake that alice begins, with everything quiet afterwards and the tap empty.
  void connect();

  test_peer& alice;
  test_peer& bob;
};

/// 10.0.0.0/8 and the like, which must parse.
ip_prefix prefix_of(std::string_view text);
ip_address address_of(std::string_view text);

inline constexpr wire::message_type initiation_type = wire::message_type::handshake_initiation;
inline constexpr wire::message_type response_type = wire::message_type::handshake_response;
inline constexpr wire::message_type cookie_type = wire::message_type::cookie_reply;
inline constexpr wire::message_type data_type = wire::message_type::transport_data;

} // namespace troupe::crypto
