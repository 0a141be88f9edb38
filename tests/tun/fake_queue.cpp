#include "tun/fake_queue.hpp"

#include "messages/limits.hpp"

#include "tests/tun/sandbox.hpp"

#include <poll.h>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(fake_queue)

BOOST_AUTO_TEST_CASE(source_is_readable_while_packets_wait) {
  tun::fake_source source;
  BOOST_TEST((test::poll_now(source.fd()) & POLLIN) == 0);
  const std::vector<std::uint8_t> packet(100, 7);
  source.push(packet);
  source.push(packet);
  BOOST_TEST((test::poll_now(source.fd()) & POLLIN) != 0);

  const bare_slab small = test::make_slab(100 + 28 + 33);
  const tun::read_result first = source.read_batch(*small, 100);
  BOOST_TEST(first.packets == 1U);
  BOOST_TEST(!first.device_empty);
  BOOST_TEST((test::poll_now(source.fd()) & POLLIN) != 0);
  BOOST_TEST(test::to_vector(small->range(16, 100)) == packet);

  const bare_slab next = test::make_slab(4096);
  const tun::read_result second = source.read_batch(*next, 100);
  BOOST_TEST(second.packets == 1U);
  BOOST_TEST(second.device_empty);
  BOOST_TEST((test::poll_now(source.fd()) & POLLIN) == 0);
}

BOOST_AUTO_TEST_CASE(source_drops_what_is_oversize) {
  tun::fake_source source;
  source.push(std::vector<std::uint8_t>(limits::mtu_max + 1, 1));
  source.push(std::vector<std::uint8_t>(20, 2));
  const bare_slab into = test::make_slab(limits::transmit_slab_octets);
  const tun::read_result read = source.read_batch(*into, 1420);
  BOOST_TEST(read.oversize == 1U);
  BOOST_TEST(read.packets == 1U);
  BOOST_TEST(into->arrivals.at(0).length == 20U);
}

BOOST_AUTO_TEST_CASE(removed_queue_is_gone_and_wakes_its_reader) {
  tun::fake_source source;
  source.remove();
  BOOST_TEST((test::poll_now(source.fd()) & POLLIN) != 0);
  const bare_slab into = test::make_slab(4096);
  BOOST_TEST((source.read_batch(*into, 1420).state == tun::queue_state::gone));
  BOOST_TEST((test::poll_now(source.fd()) & POLLIN) != 0);

  tun::fake_sink sink;
  sink.remove();
  BOOST_TEST((sink.write_batch(*into).state == tun::queue_state::gone));
}

BOOST_AUTO_TEST_CASE(sink_keeps_what_was_delivered_in_order_and_refuses_while_down) {
  tun::fake_sink sink;
  const bare_slab from = test::make_slab(4096);
  from->memory()[10] = 1;
  from->memory()[20] = 2;
  from->deliveries.push_back({20, 2, peer_id::none});
  from->deliveries.push_back({10, 1, peer_id::none});
  const tun::write_result written = sink.write_batch(*from);
  BOOST_TEST(written.packets == 2U);
  BOOST_TEST(written.octets == 3U);
  const std::vector<std::vector<std::uint8_t>> expected{{2, 0}, {1}};
  BOOST_TEST((sink.take_written() == expected));

  sink.set_up(false);
  BOOST_TEST(sink.write_batch(*from).refused == 2U);
  BOOST_TEST(sink.take_written().empty());
}

BOOST_AUTO_TEST_SUITE_END()
