#include "actors/path_change.hpp"

#include "tests/actors/sample_config.hpp"
#include "tests/actors/stage_fixture.hpp"
#include "tun/fake_queue.hpp"
#include "udp/fake_socket.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

/// ADMIN's side of a data path with one of each, between stand-ins for TUNNEL and SUPERVISOR.
struct path_fixture : stage_fixture {
  std::shared_ptr<tun::fake_sink> first_queue = std::make_shared<tun::fake_sink>();
  tun::fake_device device{std::make_shared<tun::fake_source>(), first_queue};
  std::shared_ptr<udp::fake_sink> socket = std::make_shared<udp::fake_sink>();
  path_maker make{&system,
                  [this](const std::string& actor) { return log.open(actor); },
                  [] { return std::make_shared<passing_waiter>(); },
                  [this](const use_sockets&) { return socket; },
                  tunnel,
                  supervisor,
                  false};
  data_path in_use;
  conf::config running = sample_config();
  int commits = 0;

  path_fixture() {
    in_use.readers.push_back(make.reader(0, device.source(0), 1420, {}));
    in_use.sinks.writers.push_back(make.writer(0, device.sink(0)));
    make.add_sender({}, in_use);
    scheduler.run();
  }
  ~path_fixture() { // whom the fixture did not make it does not end
    for (const polled<tun_reader_actor>& each : in_use.readers)
      each.post(atom::stop_v);
    for (const sink<tun_writer_actor>& each : in_use.sinks.writers)
      caf::anon_send(each.actor, atom::stop_v);
    for (const polled<udp_sender_actor>& each : in_use.senders)
      each.post(atom::stop_v);
    scheduler.run();
  }

  static conf::config shaped(std::uint32_t queues, std::uint32_t senders, bool offload = true) {
    conf::config wanted = sample_config();
    wanted.tun.queues = queues;
    wanted.tun.offload = offload;
    wanted.udp.senders = senders;
    return wanted;
  }
  std::unique_ptr<path_change> prepare(const conf::config& wanted) {
    return path_change::prepare({make, device, in_use, {true, 1420}, [this] { ++commits; }},
                                running, wanted, {});
  }
  void change_to(const conf::config& wanted) {
    prepare(wanted)->commit();
    running = wanted;
    scheduler.run();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(shape_of_the_path, path_fixture)

BOOST_AUTO_TEST_CASE(all_hear_of_those_that_come) {
  change_to(shaped(3, 2));
  BOOST_TEST(in_use.readers.size() == 3U);
  BOOST_TEST(in_use.senders.size() == 2U);
  BOOST_TEST(device.queues() == 3U);
  const use_sinks& told = to_tunnel->sinks.at(0);
  BOOST_TEST(commits == 1);
  BOOST_TEST(told.writers.size() == 3U);
  BOOST_TEST(told.senders.size() == 2U);
  BOOST_TEST((told.writers[0].direct == in_use.sinks.writers[0].direct));
  std::string names;
  for (const data_path_change::newcomer& each : to_supervisor->changes.at(0).come)
    names += each.name + (each.is_source ? "! " : " ");
  BOOST_TEST(names == "tun-reader/1! tun-reader/2! tun-writer/1 tun-writer/2 udp-sender/1 ");
  BOOST_TEST(to_supervisor->changes.at(0).go.empty());
}

BOOST_AUTO_TEST_CASE(a_new_reader_reads_once_all_is_settled) {
  const std::unique_ptr<path_change> change = prepare(shaped(2, 1));
  device.source_of(1).push(std::vector<std::uint8_t>{0x45, 0, 0, 20});
  scheduler.run();
  BOOST_TEST(to_tunnel->plain.empty());
  change->commit();
  scheduler.run();
  BOOST_TEST(to_tunnel->plain.size() == 1U);
  BOOST_TEST(to_tunnel->queues.at(0) == 1);
}

BOOST_AUTO_TEST_CASE(without_a_commit_all_is_taken_back) {
  {
    const std::unique_ptr<path_change> change = prepare(shaped(3, 3, false));
    BOOST_TEST(device.queues() == 3U);
    BOOST_TEST(!device.offload);
  }
  scheduler.run();
  BOOST_TEST(device.queues() == 1U);
  BOOST_TEST(device.offload);
  BOOST_TEST(in_use.readers.size() == 1U);
  BOOST_TEST(in_use.senders.size() == 1U);
  BOOST_TEST(to_tunnel->sinks.empty());
  BOOST_TEST(to_supervisor->changes.empty());
}

BOOST_AUTO_TEST_CASE(a_queue_that_is_refused_takes_back_those_before_it) {
  device.queues_max = 2;
  BOOST_CHECK_THROW(prepare(shaped(3, 1)), std::system_error);
  BOOST_TEST(device.queues() == 1U);
  BOOST_TEST(to_tunnel->sinks.empty());
}

BOOST_AUTO_TEST_CASE(those_that_are_too_many_are_let_go) {
  change_to(shaped(3, 2));
  const tun_reader_actor last = in_use.readers.back().actor;
  const udp_sender_actor sender = in_use.senders.back().actor;
  change_to(shaped(1, 1));
  BOOST_TEST(in_use.readers.size() == 1U);
  BOOST_TEST(device.queues() == 1U);
  BOOST_TEST(!is_alive(last));
  const std::vector<caf::actor_addr>& gone = to_supervisor->changes.at(1).go;
  BOOST_TEST(gone.size() == 5U);
  BOOST_TEST((gone.at(0) == caf::actor_cast<caf::actor_addr>(last) ||
              gone.at(1) == caf::actor_cast<caf::actor_addr>(last)));
  BOOST_TEST(is_alive(sender)); // TUNNEL, which is none here, sends it the mark where it ends
  BOOST_TEST(to_tunnel->sinks.at(1).senders.size() == 1U);
  caf::anon_send(sender, atom::stop_v);
}

BOOST_AUTO_TEST_CASE(offloads_switched_live_give_the_writers_another_end) {
  change_to(shaped(1, 1, false));
  BOOST_TEST(!device.offload);
  BOOST_TEST(to_supervisor->changes.at(0).come.empty());
  caf::anon_send(in_use.sinks.writers[0].actor, deliver_batch{slab::launch(make_slab(), 1, {})});
  scheduler.run();
  BOOST_TEST(status_of(in_use.sinks.writers[0].actor).batches == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
