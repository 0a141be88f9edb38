#include "actors/supervisor.hpp"

#include "actors/tunnel.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/graph_parts.hpp"
#include "tests/actors/packets.hpp"
#include "tests/actors/stand_ins.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <poll.h>

#include <filesystem>
#include <stdexcept>

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr std::size_t initiation_octets = 148;

using order = std::vector<std::string>;

/// Goes with the actor that it was made for, and writes that down.
class mourning_waiter final : public waiter {
public:
  mourning_waiter(std::string name, std::shared_ptr<order> ended)
      : name_(std::move(name)), ended_(std::move(ended)) {}
  ~mourning_waiter() override { ended_->push_back(name_); }
  bool wait(doorbell& bell, std::span<watched_fd> descriptors,
            std::chrono::milliseconds timeout) override {
    return passing_.wait(bell, descriptors, timeout);
  }

private:
  std::string name_;
  std::shared_ptr<order> ended_;
  passing_waiter passing_;
};

struct broken_source final : tun::fake_source {
  tun::read_result read_batch(slab&, std::uint32_t) override { throw std::runtime_error("broken"); }
};

bool is_tunnel(caf::resumable* job) {
  return dynamic_cast<tunnel_actor::stateful_pointer<tunnel_state>>(job) != nullptr;
}

bool is_admin(caf::resumable* job) {
  return dynamic_cast<admin_actor::stateful_pointer<admin_state>>(job) != nullptr;
}

struct graph_fixture : actor_fixture {
  udp::own_network network;
  fake_host host;
  std::shared_ptr<udp::fake_sink> udp_out = std::make_shared<udp::fake_sink>();
  std::shared_ptr<order> ended = std::make_shared<order>();
  supervisor_actor root;

  graph_fixture() { host.udp_out = udp_out; }
  /// Who was killed could not stop the others.
  ~graph_fixture() { stop(); }

  [[nodiscard]] graph_parts parts() const {
    graph_parts made = host.parts(sample_config(), 1);
    made.own_threads = false;
    // In the order in which SUPERVISOR makes the POLLING actors.
    const std::shared_ptr<order> names = std::make_shared<order>(order{
        "tun-reader/0", "udp-receiver/v6", "udp-receiver/v4", "uapi", "admin", "udp-sender/0"});
    made.make_waiter = [names, mourners = ended] {
      const std::string name = names->back();
      names->pop_back();
      return std::make_shared<mourning_waiter>(name, mourners);
    };
    return made;
  }
  void start(graph_parts made) { root = spawn(actors::supervisor, std::move(made)); }
  void start() { start(parts()); }
  void stop() {
    if (root)
      tell(root, end_program{0, "SIGTERM"});
  }

  [[nodiscard]] admin_actor its_admin() const {
    const std::vector<member>& control =
        dynamic_cast<supervisor_actor::stateful_pointer<supervisor_state>>(
            caf::actor_cast<caf::abstract_actor*>(root))
            ->state.stages.at(1);
    const auto found = std::find_if(control.begin(), control.end(),
                                    [](const member& each) { return each.name == "admin"; });
    return caf::actor_cast<admin_actor>(found->address);
  }

  [[nodiscard]] bool has_reported() const {
    pollfd one{host.end->fd(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(supervisor, graph_fixture)

BOOST_AUTO_TEST_CASE(a_packet_goes_through_the_whole_graph) {
  host.tun_in->push(ipv4_packet("10.0.0.1", "10.1.2.5"));
  start();
  const std::vector<udp::fake_datagram> sent = udp_out->take_sent();
  BOOST_TEST(sent.size() == 1);
  BOOST_TEST(sent.at(0).octets.size() == initiation_octets);
  BOOST_TEST(to_string(sent.at(0).remote) == "192.0.2.2:51820");
  BOOST_TEST(!has_reported());
}

BOOST_AUTO_TEST_CASE(it_stops_in_the_order_of_a_packets_way) {
  start();
  BOOST_TEST(ended->empty());
  stop();
  BOOST_REQUIRE(ended->size() == 6);
  std::sort(ended->begin(), ended->begin() + 3);
  BOOST_TEST((order(ended->begin(), ended->begin() + 3) ==
              order{"tun-reader/0", "udp-receiver/v4", "udp-receiver/v6"}));
  std::sort(ended->begin() + 3, ended->begin() + 5);
  BOOST_TEST((order(ended->begin() + 3, ended->end()) == order{"admin", "uapi", "udp-sender/0"}));
}

BOOST_AUTO_TEST_CASE(a_stage_is_stopped_only_when_the_one_before_it_is_down) {
  start();
  caf::anon_send(root, end_program{0, "SIGTERM"});
  scheduler.run_jobs_filtered([](caf::resumable* job) { return !is_tunnel(job); });
  BOOST_TEST(ended->size() == 5); // the senders wait for TUNNEL, which has not run
  BOOST_TEST(!has_reported());
  scheduler.run();
  BOOST_TEST(ended->size() == 6);
  BOOST_TEST(has_reported());
}

BOOST_AUTO_TEST_CASE(a_stop_overtakes_what_clients_have_asked) {
  start();
  const admin_actor asked = its_admin();
  for (int i = 0; i < 20; ++i)
    caf::anon_send(asked, uapi_call{});
  caf::anon_send(root, end_program{0, "SIGTERM"});
  scheduler.run_jobs_filtered([](caf::resumable* job) { return !is_admin(job); });
  bool done = false;
  scheduler.run_jobs_filtered(
      [&](caf::resumable* job) { return is_admin(job) && !std::exchange(done, true); });
  BOOST_TEST(has_ended(asked)); // with the first message it took
}

BOOST_AUTO_TEST_CASE(a_clean_end_is_reported_once_all_are_down) {
  start();
  stop();
  BOOST_TEST(has_reported());
  BOOST_TEST(host.end->status() == 0);
  BOOST_TEST(host.end->why() == "SIGTERM");
  BOOST_TEST(host.end->all_stopped());
  BOOST_TEST(has_ended(root));
  BOOST_TEST(!std::filesystem::exists(host.folder.at("uapi.sock")));
  BOOST_TEST(!std::filesystem::exists(host.folder.at("admin.sock")));
}

BOOST_AUTO_TEST_CASE(a_second_wish_to_end_changes_nothing) {
  start();
  caf::anon_send(root, end_program{0, "SIGTERM"});
  caf::anon_send(root, end_program{1, "again"});
  scheduler.run();
  BOOST_TEST(host.end->status() == 0);
  BOOST_TEST(host.end->why() == "SIGTERM");
}

BOOST_AUTO_TEST_CASE(a_deleted_interface_ends_the_program_with_the_status_of_its_parts) {
  for (const int status : {1, 0}) {
    fake_host own;
    own.udp_out = udp_out;
    graph_parts made = own.parts(sample_config(), 1);
    made.own_threads = false;
    made.make_waiter = [] { return std::make_shared<passing_waiter>(); };
    made.status_of_lost_device = status;
    own.tun_in->remove();
    start(std::move(made));
    BOOST_TEST(own.end->status() == status);
    BOOST_TEST(own.end->why() == "interface troupe0 was deleted");
    BOOST_TEST(own.end->all_stopped());
  }
}

BOOST_AUTO_TEST_CASE(a_dead_actor_ends_the_program_and_is_named) {
  host.tun_in = std::make_shared<broken_source>();
  start();
  BOOST_TEST(has_reported());
  BOOST_TEST(host.end->status() == 1);
  BOOST_TEST(host.end->why().find("actor tun-reader/0 ended by itself") == 0);
  BOOST_TEST(host.end->all_stopped());
  const std::string text = host.log_text();
  BOOST_TEST(text.find("tun-reader/0: ends by an unexpected error: broken") != std::string::npos);
  BOOST_TEST(text.find("supervisor: actor tun-reader/0 ended by itself") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_actor_that_does_not_stop_is_given_up) {
  const auto is_not_tunnel = [](caf::resumable* job) { return !is_tunnel(job); };
  start();
  caf::anon_send(root, end_program{0, "SIGTERM"});
  scheduler.run_jobs_filtered(is_not_tunnel);
  scheduler.advance_time(limits::stop_grace - std::chrono::milliseconds(1));
  scheduler.run_jobs_filtered(is_not_tunnel);
  BOOST_TEST(!has_reported());
  scheduler.advance_time(std::chrono::milliseconds(1));
  scheduler.run_jobs_filtered(is_not_tunnel);
  BOOST_TEST(has_reported());
  BOOST_TEST(host.end->status() == 1);
  BOOST_TEST(!host.end->all_stopped());
  BOOST_TEST(host.end->why() == "SIGTERM; these actors did not stop: tunnel, tun-writer/0, "
                                "udp-sender/0, handshaker");
  BOOST_TEST(has_ended(root));
}

BOOST_AUTO_TEST_CASE(a_graph_that_cannot_be_built_is_reported) {
  graph_parts made = parts();
  made.make_waiter = []() -> std::shared_ptr<waiter> {
    throw std::runtime_error("no descriptors left");
  };
  start(std::move(made));
  BOOST_TEST(has_reported());
  BOOST_TEST(host.end->status() == 1);
  BOOST_TEST(host.end->why() == "cannot start the actors: no descriptors left");
  BOOST_TEST(has_ended(root));
}

BOOST_AUTO_TEST_CASE(sockets_are_held_only_by_who_may_change_them) {
  start();
  BOOST_TEST(host.sockets.use_count() == 2); // the configuration's, and the test's
}

BOOST_AUTO_TEST_CASE(those_that_come_are_watched_and_those_that_may_end_are_not_missed) {
  start();
  const tunnel_actor first = spawn(tunnel_stand_in, std::make_shared<tunnel_record>());
  const tunnel_actor second = spawn(tunnel_stand_in, std::make_shared<tunnel_record>());
  bool stopped = false;
  tell(root, data_path_change{{{"udp-sender/1", caf::actor_cast<caf::actor_addr>(first), [] {}},
                               {"udp-sender/2", caf::actor_cast<caf::actor_addr>(second),
                                [&stopped] { stopped = true; }}},
                              {}});
  tell(root, data_path_change{{}, {caf::actor_cast<caf::actor_addr>(first)}});
  caf::anon_send_exit(first, caf::exit_reason::user_shutdown);
  scheduler.run();
  BOOST_TEST(!has_reported());
  caf::anon_send_exit(second, caf::exit_reason::kill);
  scheduler.run();
  BOOST_TEST(has_reported());
  BOOST_TEST(host.end->status() == 1);
  BOOST_TEST(host.end->why().find("udp-sender/2 ended by itself") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_comes_while_the_program_stops_is_stopped_too) {
  start();
  const tunnel_actor late = spawn(tunnel_stand_in, std::make_shared<tunnel_record>());
  caf::anon_send(root, end_program{0, "SIGTERM"});
  tell(root,
       data_path_change{{{"udp-sender/1", caf::actor_cast<caf::actor_addr>(late),
                          [late] { caf::anon_send_exit(late, caf::exit_reason::user_shutdown); }}},
                        {}});
  BOOST_TEST(has_reported());
  BOOST_TEST(host.end->status() == 0);
  BOOST_TEST(host.end->all_stopped());
}

BOOST_AUTO_TEST_SUITE_END()
