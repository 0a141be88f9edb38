// The graph as the program runs it: every actor on its thread. Two routers in one process, and the
// cable between them.
#include "tests/actors/graph_parts.hpp"
#include "tests/actors/packets.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <poll.h>

#include <optional>
#include <thread>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

/// What is sent into it arrives at the other end.
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
  [[nodiscard]] std::string offload() const override { return sink_.offload(); }

private:
  endpoint near_;
  std::shared_ptr<udp::fake_source> far_;
  udp::fake_sink sink_;
};

conf::config config_of(std::uint8_t own, std::uint8_t peer) {
  conf::config config;
  config.interface.name = "troupe" + std::to_string(own);
  config.interface.private_key = sample_secret(own);
  config.peers = {sample_peer(peer, "other")};
  config.peers[0].remote =
      conf::parse_endpoint_setting("192.0.2." + std::to_string(peer) + ":51820");
  return config;
}

endpoint endpoint_of(std::uint8_t number) {
  return parse_endpoint("192.0.2." + std::to_string(number) + ":51820").value();
}

struct program_fixture {
  udp::own_network network;
  fake_host left;
  fake_host right;
  caf::actor_system_config caf_config;
  std::optional<caf::actor_system> system;
  supervisor_actor left_root;
  supervisor_actor right_root;

  program_fixture() {
    left.udp_out = std::make_shared<cable>(endpoint_of(1), right.udp_in);
    right.udp_out = std::make_shared<cable>(endpoint_of(2), left.udp_in);
    caf_config.set("scheduler.policy", caf::atom("sharing"));
    caf_config.set("scheduler.max-threads", 2);
    caf_config.add_message_types<caf::id_block::troupe>();
    system.emplace(caf_config);
    left_root = system->spawn<caf::detached>(supervisor, left.parts(config_of(1, 2), 1));
    right_root = system->spawn<caf::detached>(supervisor, right.parts(config_of(2, 1), 2));
  }
  ~program_fixture() { stop(); }

  static void send(fake_host& from, int own, int peer, std::size_t packets) {
    for (std::size_t i = 0; i < packets; ++i)
      from.tun_in->push(ipv4_packet("10.1." + std::to_string(own) + ".1",
                                    "10.1." + std::to_string(peer) + ".1", 100 + i));
  }
  /// Waits until so many have come; a hanging test is a failed one.
  static std::vector<packet> received(fake_host& by, std::size_t packets) {
    std::vector<packet> all;
    while (all.size() < packets) {
      for (packet& each : by.tun_out->take_written())
        all.push_back(std::move(each));
      std::this_thread::sleep_for(1ms);
    }
    return all;
  }
  static void wait_for(const program_end& end) {
    pollfd one{end.fd(), POLLIN, 0};
    BOOST_TEST(::poll(&one, 1, -1) == 1);
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

bool sizes_rise(const std::vector<packet>& packets) {
  for (std::size_t i = 0; i < packets.size(); ++i)
    if (packets[i].size() != 100 + i)
      return false;
  return true;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(program, program_fixture)

BOOST_AUTO_TEST_CASE(packets_pass_both_ways_and_every_thread_ends) {
  send(left, 1, 2, 1);
  BOOST_TEST(received(right, 1).size() == 1); // there is a session now
  send(left, 1, 2, 1000);
  send(right, 2, 1, 1000);
  BOOST_TEST(sizes_rise(received(right, 1000)));
  BOOST_TEST(sizes_rise(received(left, 1000)));
  stop();
  for (const fake_host* each : {&left, &right}) {
    BOOST_TEST(each->end->status() == 0);
    BOOST_TEST(each->end->all_stopped());
  }
}

BOOST_AUTO_TEST_CASE(it_ends_in_the_middle_of_traffic) {
  send(left, 1, 2, 1);
  BOOST_TEST(received(right, 1).size() == 1);
  std::thread pushes([&] {
    for (int i = 0; i < 50; ++i)
      send(left, 1, 2, 100);
  });
  stop();
  pushes.join();
  BOOST_TEST(left.end->all_stopped());
  BOOST_TEST(right.end->all_stopped());
}

BOOST_AUTO_TEST_CASE(a_deleted_interface_wakes_its_sleeping_reader) {
  send(left, 1, 2, 1);
  BOOST_TEST(received(right, 1).size() == 1);
  left.tun_in->remove();
  wait_for(*left.end);
  BOOST_TEST(left.end->status() == 1);
  BOOST_TEST(left.end->why() == "interface troupe1 was deleted");
}

BOOST_AUTO_TEST_SUITE_END()
