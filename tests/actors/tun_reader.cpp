#include "actors/tun_reader.hpp"

#include "tests/actors/packets.hpp"
#include "tests/actors/stage_fixture.hpp"
#include "tun/fake_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>

using namespace troupe;
using namespace troupe::actors;

namespace {

struct reader_fixture : stage_fixture {
  std::shared_ptr<tun::fake_source> device = std::make_shared<tun::fake_source>();
  tun_reader_actor reads = start(spdlog::level::trace);

  tun_reader_actor start(spdlog::level::level_enum level) {
    const logger own = log.open("tun-reader/0");
    own->set_level(level);
    return spawn(tun_reader, tun_reader_parts{"tun-reader/0", 2, device, 1420, tunnel, supervisor,
                                              bell, wait, own, false});
  }
  void push(std::size_t octets = 64) { device->push(ipv4_packet("10.0.0.1", "10.0.0.2", octets)); }
  void use_all_slabs() {
    for (std::size_t i = 0; i < limits::slabs_per_tun_reader; ++i) {
      push();
      tell(reads, atom::poll_v);
    }
  }
};

struct lying_source final : tun::fake_source {
  tun::read_result read_batch(slab&, std::uint32_t) override {
    tun::read_result read;
    read.malformed = std::exchange(malformed, 0);
    read.device_empty = read.malformed == 0;
    return read;
  }
  std::uint64_t malformed = 3;
};

struct broken_source final : tun::fake_source {
  tun::read_result read_batch(slab&, std::uint32_t) override { throw std::runtime_error("broken"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tun_reader, reader_fixture)

BOOST_AUTO_TEST_CASE(what_waits_becomes_one_batch) {
  push(64);
  push(100);
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == 1);
  const slab& batch = *to_tunnel->plain.at(0);
  BOOST_TEST(batch.arrivals.size() == 2);
  BOOST_TEST(batch.arrivals.at(1).length == 100);
  BOOST_TEST(batch.serial() == 1);
  BOOST_TEST((batch.filled_at() == scheduler.clock().now()));
  BOOST_TEST(device->waiting() == 0);
}

BOOST_AUTO_TEST_CASE(more_than_a_slab_holds_is_read_into_the_next_one) {
  for (std::size_t i = 0; i < limits::packets_per_slab_max + 1; ++i)
    push();
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == 2);
  BOOST_TEST(to_tunnel->plain.at(1)->arrivals.size() == 1);
  BOOST_TEST(to_tunnel->plain.at(1)->serial() == 2);
}

BOOST_AUTO_TEST_CASE(with_a_slab_it_waits_for_the_device) {
  tell(reads, atom::poll_v);
  BOOST_TEST(wait->watched.size() == 1);
  BOOST_TEST(wait->watched.at(0).fd == device->fd());
  BOOST_TEST(wait->watched.at(0).for_reading);
  BOOST_TEST((wait->timeout == forever));
}

BOOST_AUTO_TEST_CASE(without_a_slab_packets_stay_in_the_device) {
  use_all_slabs();
  push();
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == limits::slabs_per_tun_reader);
  BOOST_TEST(device->waiting() == 1);
  BOOST_TEST(wait->watched.empty()); // a readable device would not let it sleep
}

BOOST_AUTO_TEST_CASE(a_slab_that_comes_home_lets_it_read_on) {
  use_all_slabs();
  push();
  to_tunnel->plain.erase(to_tunnel->plain.begin());
  scheduler.run();
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == limits::slabs_per_tun_reader);
  BOOST_TEST(device->waiting() == 0);
}

BOOST_AUTO_TEST_CASE(beyond_its_window_packets_stay_in_the_device_though_there_are_slabs) {
  const std::shared_ptr<tun::fake_source> other = std::make_shared<tun::fake_source>();
  const tun_reader_actor narrow =
      spawn(actors::tun_reader, tun_reader_parts{"tun-reader/1", 0, other, 1420, tunnel, supervisor,
                                                 bell, wait, log.open("tun-reader/1"), false,
                                                 credit_settings{limits::credit_window_min}});
  const std::size_t packets = limits::credit_window_min / 1400 + 1;
  for (std::size_t i = 0; i < 3 * packets; ++i)
    other->push(ipv4_packet("10.0.0.1", "10.0.0.2", 1400));
  tell(narrow, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == 1); // a batch may exceed it
  BOOST_TEST(other->waiting() > 0U);
  BOOST_TEST(wait->watched.empty());
  const credit_status credit = *status_of(narrow).credit;
  BOOST_TEST(credit.slabs_out == 1U);
  BOOST_TEST(credit.window_octets == limits::credit_window_min);
  to_tunnel->plain.clear();
  scheduler.run();
  tell(narrow, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_deleted_device_is_reported_and_ends_it) {
  device->remove();
  tell(reads, atom::poll_v);
  BOOST_TEST(to_supervisor->devices_gone == 1);
  BOOST_TEST(has_ended(reads));
}

BOOST_AUTO_TEST_CASE(the_mtu_decides_about_padding) {
  push(1279);
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.at(0)->arrivals.at(0).padded_length == 1280);
  tell(reads, link_status{true, 1279});
  push(1279);
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.at(1)->arrivals.at(0).padded_length == 1279);
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_counted_and_does_not_stop_the_rest) {
  device->push(packet(limits::mtu_max + 1));
  push();
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == 1);
  BOOST_TEST(status_of(reads).drops[drop_reason::oversize_packet] == 1);
}

BOOST_AUTO_TEST_CASE(nothing_but_too_large_packets_costs_no_slab) {
  device->push(packet(limits::mtu_max + 1));
  tell(reads, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.empty());
  use_all_slabs();
  BOOST_TEST(to_tunnel->plain.size() == limits::slabs_per_tun_reader);
}

BOOST_AUTO_TEST_CASE(trace_names_the_batch_its_packets_and_octets) {
  push(64);
  push(100);
  tell(reads, atom::poll_v);
  BOOST_TEST(log.has("trace tun-reader/0: batch tun-reader/0#1: read 2 packets, 164 octets -> "
                     "tunnel"));
}

BOOST_AUTO_TEST_CASE(below_trace_a_batch_leaves_no_line) {
  const tun_reader_actor quiet = start(spdlog::level::debug);
  push();
  tell(quiet, atom::poll_v);
  BOOST_TEST(to_tunnel->plain.size() == 1);
  BOOST_TEST(log.text() == "");
}

BOOST_AUTO_TEST_CASE(stop_ends_it_and_leaves_the_packets) {
  push();
  tell(reads, atom::stop_v);
  BOOST_TEST(has_ended(reads));
  tell(reads, atom::poll_v);
  BOOST_TEST(device->waiting() == 1);
}

BOOST_AUTO_TEST_CASE(a_slab_that_comes_home_to_an_ended_reader_is_freed) {
  push();
  tell(reads, atom::poll_v);
  tell(reads, atom::stop_v);
  to_tunnel->plain.clear(); // the address sanitizer knows
  scheduler.run();
  BOOST_TEST(has_ended(reads));
}

BOOST_AUTO_TEST_CASE(status_tells_what_has_passed) {
  push(64);
  tell(reads, atom::poll_v);
  push(100);
  tell(reads, atom::poll_v);
  const stage_status status = status_of(reads);
  BOOST_TEST(status.actor == "tun-reader/0");
  BOOST_TEST(status.batches == 2);
  BOOST_TEST(status.packets == 2);
  BOOST_TEST(status.octets == 164);
  BOOST_TEST(to_reader->stage_answers.at(0).token == 7);
}

BOOST_AUTO_TEST_CASE(batch_tells_the_queue_it_was_read_from) {
  push();
  tell(reads, atom::poll_v);
  BOOST_TEST((to_tunnel->queues == std::vector<std::uint8_t>{2}));
}

BOOST_AUTO_TEST_CASE(super_packets_that_are_none_are_counted) {
  const tun_reader_actor own =
      spawn(actors::tun_reader,
            tun_reader_parts{"tun-reader/1", 1, std::make_shared<lying_source>(), 1420, tunnel,
                             supervisor, bell, wait, log.open("tun-reader/1"), false});
  tell(own, atom::poll_v);
  BOOST_TEST(status_of(own).drops[drop_reason::malformed_offload] == 3);
  BOOST_TEST(to_tunnel->plain.empty());
}

BOOST_AUTO_TEST_CASE(an_exception_ends_it_and_is_logged) {
  const tun_reader_actor broken =
      spawn(actors::tun_reader,
            tun_reader_parts{"tun-reader/1", 0, std::make_shared<broken_source>(), 1420, tunnel,
                             supervisor, bell, wait, log.open("tun-reader/1"), false});
  tell(broken, atom::poll_v);
  BOOST_TEST(has_ended(broken));
  BOOST_TEST(log.has("critical tun-reader/1: ends by an unexpected error: broken"));
}

BOOST_AUTO_TEST_SUITE_END()
