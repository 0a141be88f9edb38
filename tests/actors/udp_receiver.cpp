#include "actors/udp_receiver.hpp"

#include "tests/actors/stage_fixture.hpp"
#include "udp/fake_socket.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

struct receiver_fixture : stage_fixture {
  std::shared_ptr<udp::fake_source> first = std::make_shared<udp::fake_source>();
  std::shared_ptr<udp::fake_source> in_use = first;
  udp_receiver_actor receives = start(spdlog::level::trace);

  udp_receiver_actor start(spdlog::level::level_enum level) {
    const logger own = log.open("udp-receiver/v4");
    own->set_level(level);
    return spawn(udp_receiver, udp_receiver_parts{"udp-receiver/v4",
                                                  [this](const use_sockets&) { return in_use; },
                                                  {},
                                                  tunnel,
                                                  bell,
                                                  wait,
                                                  own,
                                                  false});
  }
  static void push(udp::fake_source& socket, std::size_t octets = 32) {
    socket.push({std::vector<std::uint8_t>(octets, 1), {}, {}, 0});
  }
  static void fail(udp::fake_source& socket) {
    socket.fail_once(std::make_error_code(std::errc::not_enough_memory));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(udp_receiver, receiver_fixture)

BOOST_AUTO_TEST_CASE(what_waits_becomes_one_batch) {
  push(*first, 32);
  push(*first, 100);
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == 1);
  const slab& batch = *to_tunnel->cipher.at(0);
  BOOST_TEST(batch.arrivals.size() == 2);
  BOOST_TEST(batch.serial() == 1);
  BOOST_TEST(log.has("batch udp-receiver/v4#1: received 2 datagrams, 132 octets -> tunnel"));
}

BOOST_AUTO_TEST_CASE(without_a_slab_datagrams_stay_in_the_socket) {
  for (std::size_t i = 0; i < limits::slabs_per_udp_receiver; ++i) {
    push(*first);
    tell(receives, atom::poll_v);
  }
  push(*first);
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == limits::slabs_per_udp_receiver);
  BOOST_TEST(wait->watched.empty());

  to_tunnel->cipher.erase(to_tunnel->cipher.begin());
  scheduler.run();
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == limits::slabs_per_udp_receiver);
  BOOST_TEST(to_tunnel->cipher.back()->serial() == limits::slabs_per_udp_receiver + 1);
}

BOOST_AUTO_TEST_CASE(truncated_datagrams_are_counted_and_do_not_stop_the_rest) {
  push(*first, limits::datagram_max + 2);
  push(*first);
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == 1);
  BOOST_TEST(status_of(receives).drops[drop_reason::truncated] == 1);
}

BOOST_AUTO_TEST_CASE(an_error_that_stays_pauses_twice_as_long_each_time) {
  std::chrono::milliseconds expected = limits::socket_retry_first;
  for (int i = 0; i < 10; ++i) {
    fail(*first);
    tell(receives, atom::poll_v);
    BOOST_TEST((wait->timeout == expected));
    BOOST_TEST(wait->watched.empty()); // a socket with an error is always ready
    expected = std::min<std::chrono::milliseconds>(2 * expected, limits::socket_retry_max);
  }
  BOOST_TEST((wait->timeout == limits::socket_retry_max));
}

BOOST_AUTO_TEST_CASE(an_error_that_stays_is_logged_once) {
  for (int i = 0; i < 10; ++i) {
    fail(*first);
    tell(receives, atom::poll_v);
  }
  BOOST_TEST(log.count("warning udp-receiver/v4: cannot receive: Cannot allocate memory") == 1);
}

BOOST_AUTO_TEST_CASE(after_an_error_it_goes_on) {
  fail(*first);
  tell(receives, atom::poll_v);
  push(*first);
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == 1);
  BOOST_TEST((wait->timeout == forever));
  BOOST_TEST(wait->watched.size() == 1);
}

BOOST_AUTO_TEST_CASE(new_sockets_take_over_and_the_old_one_is_let_go) {
  const std::shared_ptr<udp::fake_source> second = std::make_shared<udp::fake_source>();
  push(*second);
  const std::weak_ptr<udp::fake_source> old = first;
  first.reset();
  in_use = second;
  tell(receives, use_sockets{});
  BOOST_TEST(old.expired());
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == 1);
  BOOST_TEST(wait->watched.at(0).fd == second->fd());
}

BOOST_AUTO_TEST_CASE(new_sockets_end_the_pause) {
  fail(*first);
  tell(receives, atom::poll_v);
  tell(receives, use_sockets{});
  tell(receives, atom::poll_v);
  BOOST_TEST((wait->timeout == forever));
}

BOOST_AUTO_TEST_CASE(without_a_socket_of_its_family_it_waits_for_one) {
  in_use = nullptr;
  tell(receives, use_sockets{});
  tell(receives, atom::poll_v);
  BOOST_TEST(wait->watched.at(0).fd == -1);
  in_use = first;
  push(*first);
  tell(receives, use_sockets{});
  tell(receives, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == 1);
}

BOOST_AUTO_TEST_CASE(below_trace_a_batch_leaves_no_line) {
  const udp_receiver_actor quiet = start(spdlog::level::debug);
  push(*first);
  tell(quiet, atom::poll_v);
  BOOST_TEST(to_tunnel->cipher.size() == 1);
  BOOST_TEST(log.text() == "");
}

BOOST_AUTO_TEST_CASE(stop_ends_it) {
  tell(receives, atom::stop_v);
  BOOST_TEST(has_ended(receives));
}

BOOST_AUTO_TEST_CASE(status_tells_what_has_passed) {
  push(*first, 32);
  push(*first, 100);
  first->count_kernel_drops(3);
  tell(receives, atom::poll_v);
  const stage_status status = status_of(receives);
  BOOST_TEST(status.actor == "udp-receiver/v4");
  BOOST_TEST(status.batches == 1);
  BOOST_TEST(status.packets == 2);
  BOOST_TEST(status.octets == 132);
  BOOST_TEST(status.kernel_drops == 3);
}

BOOST_AUTO_TEST_SUITE_END()
