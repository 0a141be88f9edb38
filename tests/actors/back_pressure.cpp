// Each edge starved, on every actor's own thread: whoever is not served stops who feeds it, nothing
// is lost on the way, and all goes on when the edge is freed.
#include "tests/actors/two_routers.hpp"

#include <condition_variable>
#include <mutex>
#include <random>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

/// A device whose writes take until it is let go: what no TUN device does, and a slow machine may.
class slow_device final : public tun::fake_sink {
public:
  void block(bool blocked) {
    const std::lock_guard hold(mutex_);
    blocked_ = blocked;
    changed_.notify_all();
  }
  tun::write_result write_batch(const slab& from) override {
    std::unique_lock hold(mutex_);
    changed_.wait(hold, [&] { return !blocked_; });
    hold.unlock();
    return fake_sink::write_batch(from);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool blocked_ = false;
};

/// A device whose queue is always as full as the test wants.
struct starving : two_routers {
  std::shared_ptr<slow_device> left_device = std::make_shared<slow_device>();
  std::shared_ptr<slow_device> right_device = std::make_shared<slow_device>();

  starving() {
    left.tun_out = left_device;
    right.tun_out = right_device;
    start();
    send(left, 1, 2, 1);
    BOOST_TEST(received(right, 1).size() == 1U); // there is a session now
  }
  ~starving() { free_all(); }

  void free_all() {
    for (const std::shared_ptr<slow_device>& each : {left_device, right_device})
      each->block(false);
    for (const std::shared_ptr<cable>& each : {left_out, right_out})
      each->block(false);
  }
  /// What still waits once nothing moves any more.
  template <class Waiting>
  static std::size_t settled(Waiting waiting) {
    std::size_t before = SIZE_MAX;
    for (std::size_t now = waiting(); now != before; now = waiting()) {
      before = now;
      std::this_thread::sleep_for(100ms);
    }
    return before;
  }
};

/// More than all slabs on the way hold, in packets of the size that `send` makes.
constexpr std::size_t too_many = 20'000;

} // namespace

BOOST_FIXTURE_TEST_SUITE(back_pressure, starving)

BOOST_AUTO_TEST_CASE(blocked_socket_stops_the_tun_reader) {
  left_out->block(true);
  send(left, 1, 2, too_many);
  const std::size_t waiting = settled([&] { return left.tun_in->waiting(); });
  BOOST_TEST(waiting > 0U);
  BOOST_TEST(waiting >= too_many - limits::slabs_per_tun_reader * limits::packets_per_slab_max);
  left_out->block(false);
  BOOST_TEST(sizes_rise(received(right, too_many)));
}

BOOST_AUTO_TEST_CASE(device_that_falls_behind_stops_the_udp_receiver) {
  right_device->block(true);
  send(left, 1, 2, too_many);
  const std::size_t waiting = settled([&] { return right.udp_in->waiting(); });
  BOOST_TEST(waiting > 0U);
  BOOST_TEST(waiting >=
             too_many - limits::slabs_per_udp_receiver * limits::messages_per_receive_slab);
  right_device->block(false);
  BOOST_TEST(sizes_rise(received(right, too_many)));
}

BOOST_AUTO_TEST_CASE(blocked_edge_leaves_the_other_direction_alone) {
  left_out->block(true);
  send(left, 1, 2, too_many);
  settled([&] { return left.tun_in->waiting(); });
  send(right, 2, 1, 5000);
  BOOST_TEST(sizes_rise(received(left, 5000)));
  left_out->block(false);
  BOOST_TEST(sizes_rise(received(right, too_many)));
}

BOOST_AUTO_TEST_CASE(edges_starved_in_random_order_lose_nothing_and_go_on) {
  std::mt19937 random(20261125); // NOLINT: the same in each run
  std::vector<std::function<void(bool)>> edges;
  for (const std::shared_ptr<slow_device>& each : {left_device, right_device})
    edges.emplace_back([each](bool blocked) { each->block(blocked); });
  for (const std::shared_ptr<cable>& each : {left_out, right_out})
    edges.emplace_back([each](bool blocked) { each->block(blocked); });
  constexpr std::size_t turns = 60;
  constexpr std::size_t packets = 1300;
  std::thread frees_and_blocks([&] {
    for (std::size_t i = 0; i < 10 * turns; ++i) {
      edges[random() % edges.size()](random() % 2 == 0);
      std::this_thread::sleep_for(2ms);
    }
    free_all();
  });
  for (std::size_t i = 0; i < turns; ++i) {
    send(left, 1, 2, packets);
    send(right, 2, 1, packets);
    std::this_thread::sleep_for(15ms);
  }
  BOOST_TEST(sizes_rise(received(right, turns * packets)));
  BOOST_TEST(sizes_rise(received(left, turns * packets)));
  frees_and_blocks.join();
}

BOOST_AUTO_TEST_CASE(it_ends_while_every_edge_is_starved) {
  for (const std::shared_ptr<cable>& each : {left_out, right_out})
    each->block(true);
  send(left, 1, 2, too_many);
  send(right, 2, 1, too_many);
  settled([&] { return left.tun_in->waiting() + right.tun_in->waiting(); });
  stop();
  BOOST_TEST(left.end->all_stopped());
  BOOST_TEST(right.end->all_stopped());
}

BOOST_AUTO_TEST_SUITE_END()
