#include "actors/tun_writer.hpp"

#include "tests/actors/packets.hpp"
#include "tests/actors/stage_fixture.hpp"
#include "tun/fake_queue.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

struct writer_fixture : stage_fixture {
  std::shared_ptr<tun::fake_sink> device = std::make_shared<tun::fake_sink>();
  std::shared_ptr<shortcut> direct = std::make_shared<shortcut>();
  tun_writer_actor writes = start(spdlog::level::trace);

  tun_writer_actor start(spdlog::level::level_enum level) {
    const logger own = log.open("tun-writer/0");
    own->set_level(level);
    return spawn(tun_writer,
                 tun_writer_parts{"tun-writer/0", 0, device, tunnel, direct, own, false});
  }

  slab_ref batch_of(const packet& first, const packet& second, std::uint64_t serial) const {
    bare_slab filled = make_slab();
    std::uint32_t used = 0;
    for (const packet& each : {first, second}) {
      const std::uint32_t length = static_cast<std::uint32_t>(each.size());
      std::copy(each.begin(), each.end(), filled->range(used, length).begin());
      filled->deliveries.push_back({used, length, peer_id{1}});
      used += length;
    }
    return slab::launch(std::move(filled), serial, {});
  }
};

struct refusing_sink final : tun::fake_sink {
  tun::write_result write_batch(const slab& from) override {
    tun::write_result result = fake_sink::write_batch(from);
    result.joining_refused = true;
    return result;
  }
  [[nodiscard]] std::string offload() const override { return "off: it was refused"; }
};

const packet one = ipv4_packet("10.0.0.2", "10.0.0.1", 40);
const packet other = ipv4_packet("10.0.0.2", "10.0.0.1", 60);

} // namespace

BOOST_FIXTURE_TEST_SUITE(tun_writer, writer_fixture)

BOOST_AUTO_TEST_CASE(what_the_device_refuses_is_told_by_peer) {
  device->set_up(false);
  tell(writes, deliver_batch{batch_of(one, other, 1)});
  std::uint32_t packets = 0;
  for (const peer_drop& each : to_tunnel->dead) {
    BOOST_TEST((each.peer == peer_id{1}));
    BOOST_TEST((each.reason == drop_reason::tun_refused));
    packets += each.packets;
  }
  BOOST_TEST(packets == 2U);
}

BOOST_AUTO_TEST_CASE(packets_are_written_in_order_and_the_slab_goes_home) {
  tell(writes, deliver_batch{batch_of(one, other, 1)});
  BOOST_TEST((device->take_written() == std::vector<packet>{one, other}));
  BOOST_TEST(home->slabs == 1);
  BOOST_TEST(log.has("batch test#1: wrote 2 packets, 100 octets; the device refused 0"));
}

BOOST_AUTO_TEST_CASE(what_the_device_refuses_is_counted) {
  device->set_up(false);
  tell(writes, deliver_batch{batch_of(one, other, 1)});
  BOOST_TEST(home->slabs == 1);
  BOOST_TEST(status_of(writes).drops[drop_reason::tun_refused] == 2);
}

BOOST_AUTO_TEST_CASE(a_deleted_device_keeps_no_slab) {
  device->remove();
  tell(writes, deliver_batch{batch_of(one, other, 1)});
  BOOST_TEST(home->slabs == 1);
  BOOST_TEST(!has_ended(writes));
}

BOOST_AUTO_TEST_CASE(below_trace_a_batch_leaves_no_line) {
  tell(start(spdlog::level::debug), deliver_batch{batch_of(one, other, 1)});
  BOOST_TEST(device->take_written().size() == 2);
  BOOST_TEST(log.text() == "");
}

BOOST_AUTO_TEST_CASE(what_came_before_stop_is_written) {
  caf::anon_send(writes, deliver_batch{batch_of(one, other, 1)});
  tell(writes, atom::stop_v);
  BOOST_TEST(device->take_written().size() == 2);
  BOOST_TEST(has_ended(writes));
}

BOOST_AUTO_TEST_CASE(status_tells_what_has_passed) {
  tell(writes, deliver_batch{batch_of(one, other, 1)});
  const stage_status status = status_of(writes);
  BOOST_TEST(status.actor == "tun-writer/0");
  BOOST_TEST(status.batches == 1);
  BOOST_TEST(status.packets == 2);
  BOOST_TEST(status.octets == 100);
  BOOST_TEST(status.units == 2);
  BOOST_TEST(status.offload == "off: in memory");
}

BOOST_AUTO_TEST_CASE(a_small_batch_is_written_by_whoever_hands_it_over) {
  BOOST_TEST(direct->try_do(batch_of(one, other, 7)));
  BOOST_TEST(device->take_written().size() == 2U);
  BOOST_TEST(home->slabs == 1);
  BOOST_TEST(status_of(writes).packets == 2);
  BOOST_TEST(log.has("trace tun-writer/0: batch test#7: wrote 2 packets"));
}

BOOST_AUTO_TEST_CASE(behind_a_batch_it_was_told_of_there_is_no_short_cut) {
  const slab_ref large = batch_of(packet(limits::shortcut_octets_max, 1), other, 1);
  BOOST_TEST(!direct->try_do(large));
  BOOST_TEST(device->take_written().empty());
  BOOST_TEST(!direct->try_do(batch_of(one, other, 2)));
  tell(writes, deliver_batch{large});
  tell(writes, deliver_batch{batch_of(one, other, 2)});
  BOOST_TEST(device->take_written().size() == 4U);
  BOOST_TEST(direct->try_do(batch_of(one, other, 3)));
}

BOOST_AUTO_TEST_CASE(once_it_has_ended_there_is_no_short_cut) {
  tell(writes, atom::stop_v);
  BOOST_TEST(!direct->try_do(batch_of(one, other, 1)));
}

BOOST_AUTO_TEST_CASE(refused_joining_is_told_to_whoever_reads_the_log) {
  const std::shared_ptr<refusing_sink> sink = std::make_shared<refusing_sink>();
  const tun_writer_actor own = spawn(
      actors::tun_writer, tun_writer_parts{"tun-writer/0", 0, sink, tunnel,
                                           std::make_shared<shortcut>(), log.open("x"), false});
  tell(own, deliver_batch{batch_of(one, other, 1)});
  BOOST_TEST(log.has("warning x: joining packets for the device: off: it was refused"));
  BOOST_TEST(status_of(own).offload == "off: it was refused");
}

BOOST_AUTO_TEST_CASE(what_is_behind_a_handover_waits_for_its_end) {
  const auto over = std::make_shared<handover>(2, [&] { caf::anon_send(writes, atom::go_on_v); });
  direct->tell();
  tell(writes, handover_mark{over, true, true});
  const slab_ref batch = batch_of(one, other, 1);
  BOOST_TEST(!direct->try_do(batch));
  tell(writes, deliver_batch{batch});
  BOOST_TEST(device->take_written().empty());
  over->arrive();
  scheduler.run();
  BOOST_TEST(device->take_written().size() == 2);
  BOOST_TEST(direct->try_do(batch_of(one, other, 2)));
}

BOOST_AUTO_TEST_CASE(another_end_of_the_queue_is_used_from_then_on) {
  const auto next = std::make_shared<tun::fake_sink>();
  tell(writes, use_queue{next});
  tell(writes, deliver_batch{batch_of(one, other, 1)});
  BOOST_TEST(device->take_written().empty());
  BOOST_TEST(next->take_written().size() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
