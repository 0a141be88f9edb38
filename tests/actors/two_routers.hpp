// Two routers in one process as the program runs them, every actor on its thread, and the cable
// between them.
#pragma once

#include "tests/actors/graph_parts.hpp"
#include "tests/actors/packets.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <thread>

namespace troupe::actors {

/// What is sent into it arrives at the other end. It may be blocked as a socket is.
class cable final : public udp::datagram_sink {
public:
  cable(const endpoint& near, std::shared_ptr<udp::fake_source> far)
      : near_(near), far_(std::move(far)) {}

  udp::send_result send_batch(const slab& from, std::uint8_t lane,
                              udp::send_cursor& cursor) override {
    const udp::send_result result = sink_.send_batch(from, lane, cursor);
    for (udp::fake_datagram& each : sink_.take_sent()) {
      each.remote = near_;
      far_->push(std::move(each));
    }
    return result;
  }
  void block(bool blocked) { blocked ? sink_.block_after(0) : sink_.allow(); }
  void begin_wait(time_point) override {}
  void end_wait(time_point) override {}
  [[nodiscard]] udp::send_queue queue() const override { return {}; }
  [[nodiscard]] std::string offload() const override { return sink_.offload(); }

private:
  endpoint near_;
  std::shared_ptr<udp::fake_source> far_;
  udp::fake_sink sink_;
};

inline conf::config config_of(std::uint8_t own, std::uint8_t peer) {
  conf::config config;
  config.interface.name = "troupe" + std::to_string(own);
  config.interface.private_key = sample_secret(own);
  config.peers = {sample_peer(peer, "other")};
  config.peers[0].endpoints = {
      conf::parse_endpoint_setting("192.0.2." + std::to_string(peer) + ":51820").value()};
  return config;
}

inline endpoint endpoint_of(std::uint8_t number) {
  return parse_endpoint("192.0.2." + std::to_string(number) + ":51820").value();
}

struct two_routers {
  udp::own_network network;
  fake_host left;
  fake_host right;
  std::shared_ptr<cable> left_out = std::make_shared<cable>(endpoint_of(1), right.udp_in);
  std::shared_ptr<cable> right_out = std::make_shared<cable>(endpoint_of(2), left.udp_in);
  caf::actor_system_config caf_config;
  std::optional<caf::actor_system> system;
  supervisor_actor left_root;
  supervisor_actor right_root;

  two_routers() {
    caf_config.set("scheduler.policy", caf::atom("sharing"));
    caf_config.set("scheduler.max-threads", 2);
    caf_config.add_message_types<caf::id_block::troupe>();
  }
  ~two_routers() { stop(); }

  void start() {
    left.udp_out = left_out;
    right.udp_out = right_out;
    system.emplace(caf_config);
    left_root = system->spawn<caf::detached>(supervisor, left.parts(config_of(1, 2), 1));
    right_root = system->spawn<caf::detached>(supervisor, right.parts(config_of(2, 1), 2));
  }

  /// Packets whose sizes begin with 100 and go up to 1,399, again and again.
  static void send(fake_host& from, int own, int peer, std::size_t packets) {
    for (std::size_t i = 0; i < packets; ++i)
      from.tun_in->push(ipv4_packet("10.1." + std::to_string(own) + ".1",
                                    "10.1." + std::to_string(peer) + ".1", 100 + i % 1300));
  }
  /// Waits until so many have come; a hanging test is a failed one.
  static std::vector<packet> received(fake_host& by, std::size_t packets) {
    std::vector<packet> all;
    while (all.size() < packets) {
      for (packet& each : by.tun_out->take_written())
        all.push_back(std::move(each));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return all;
  }
  /// Whether they are what `send` has sent, in its order.
  static bool sizes_rise(const std::vector<packet>& packets) {
    for (std::size_t i = 0; i < packets.size(); ++i)
      if (packets[i].size() != 100 + i % 1300)
        return false;
    return true;
  }
  static void wait_for(const program_end& end) {
    doorbell nobody_rings;
    watched_fd ended = watch_reading(end.fd());
    poll_waiter().wait(nobody_rings, {&ended, 1}, forever);
    BOOST_TEST(ended.readable);
  }
  void stop() {
    if (!system)
      return;
    caf::anon_send(left_root, end_program{0, "SIGTERM"});
    caf::anon_send(right_root, end_program{0, "SIGTERM"});
    wait_for(*left.end);
    wait_for(*right.end);
    left_root = nullptr;
    right_root = nullptr;
    system.reset(); // returns when every thread has ended
  }
};

} // namespace troupe::actors
