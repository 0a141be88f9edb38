#include "actors/uapi.hpp"

#include "tests/actors/control_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>

using namespace troupe;
using namespace troupe::actors;

namespace {

const std::string ok = "errno=0\n\n";
const std::string invalid = "errno=-" + std::to_string(EINVAL) + "\n\n";

std::string hex(std::uint8_t number) {
  std::string text;
  append_secret_hex(text, sample_secret(number));
  return text;
}

struct uapi_fixture : control_fixture {
  unix_client wg = join(uapi_path);

  uapi_fixture() { to_tunnel->changes.clear(); } // the first commit
  /// One that no ADMIN has started yet.
  uapi_actor spawn_on(control_socket socket) {
    return spawn(actors::uapi,
                 uapi_parts{std::make_shared<control_socket>(std::move(socket)), admin, supervisor,
                            std::make_shared<doorbell>(), wait, log.open("uapi"), false});
  }
  std::string set(const std::string& lines) { return ask(wg, "set=1\n" + lines + "\n"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(uapi, uapi_fixture)

BOOST_AUTO_TEST_CASE(get_tells_interface_and_peers) {
  status.peers.push_back({sample_key(2),
                          parse_endpoint("192.0.2.22:1"),
                          wall_time(std::chrono::seconds(17)),
                          10,
                          20,
                          {}});
  const std::string answer = ask(wg, "get=1\n\n");
  BOOST_TEST(answer.find("private_key=" + hex(1) + "\n") == 0);
  BOOST_TEST(answer.find("listen_port=" + std::to_string(sockets->port()) + "\n") !=
             std::string::npos);
  BOOST_TEST(answer.find("public_key=" + to_hex(sample_key(2)) + "\n") != std::string::npos);
  BOOST_TEST(answer.find("endpoint=192.0.2.22:1\nlast_handshake_time_sec=17\n") !=
             std::string::npos);
  BOOST_TEST(answer.find("tx_bytes=20\nrx_bytes=10\n") != std::string::npos);
  BOOST_TEST(answer.substr(answer.size() - ok.size()) == ok);
}

BOOST_AUTO_TEST_CASE(set_is_committed_whole) {
  BOOST_TEST(set("private_key=" + hex(7) + "\npublic_key=" + to_hex(sample_key(3)) +
                 "\npersistent_keepalive_interval=25\n") == ok);
  BOOST_TEST(only_change().set_private_key);
  BOOST_TEST(only_change().private_key.same_as(sample_secret(7)));
  BOOST_TEST(only_change().changed.size() == 1);
  BOOST_TEST(only_change().changed.at(0).settings.name == "phone"); // what UAPI cannot say stays
  BOOST_TEST(running->config().peers.at(1).settings.persistent_keepalive_s == 25);
}

BOOST_AUTO_TEST_CASE(a_mistake_in_the_last_line_changes_nothing) {
  BOOST_TEST(set("private_key=" + hex(7) + "\nlisten_port=1234\npublic_key=" +
                 to_hex(sample_key(3)) + "\npersistent_keepalive_interval=many\n") == invalid);
  BOOST_TEST(to_tunnel->changes.empty());
  BOOST_TEST(running->config().interface.private_key.same_as(sample_secret(1)));
  BOOST_TEST(running->bound_port() == sockets->port());
  BOOST_TEST(log.has("warning uapi: a set was refused whole: UAPI set, line 5"));
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_told_and_changes_nothing) {
  const std::shared_ptr<const udp::socket_pair> taken = udp::socket_pair::open(0, {});
  BOOST_TEST(set("listen_port=" + std::to_string(taken->port()) + "\nreplace_peers=true\n") ==
             "errno=-" + std::to_string(EADDRINUSE) + "\n\n");
  BOOST_TEST(to_tunnel->changes.empty());
  BOOST_TEST(running->config().peers.size() == 2);
  BOOST_TEST(log.has("warning admin: a UAPI set failed: nothing is changed: "));
}

BOOST_AUTO_TEST_CASE(a_get_after_a_set_in_one_write_shows_what_was_set) {
  const std::string both = ask(wg, "set=1\nfwmark=9\n\nget=1\n\n");
  turn();
  const std::string all = both + wg.read();
  BOOST_TEST(all.find(ok) == 0);
  BOOST_TEST(all.find("fwmark=9\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_unknown_operation_closes_without_an_answer) {
  BOOST_TEST(ask(wg, "reboot=1\n\n") == "");
  BOOST_TEST(wg.closed());
}

BOOST_AUTO_TEST_CASE(an_unknown_operation_behind_a_good_one_closes_after_its_answer) {
  BOOST_TEST(ask(wg, "set=1\nfwmark=9\n\nreboot=1\n\n") == ok);
  turn();
  BOOST_TEST(wg.closed());
}

BOOST_AUTO_TEST_CASE(a_character_after_get_is_an_error_and_the_connection_stays) {
  BOOST_TEST(ask(wg, "get=1\nx") == invalid);
  BOOST_TEST(ask(wg, "set=1\nfwmark=9\n\n") == ok);
}

BOOST_AUTO_TEST_CASE(a_silent_client_keeps_nobody_waiting) {
  unix_client other = join(uapi_path);
  wg.write("set=1\nprivate_key="); // and no more
  BOOST_TEST(ask(other, "set=1\nfwmark=9\n\n") == ok);
  BOOST_TEST(!wg.closed());
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_before_its_answer_harms_nobody) {
  unix_client other = join(uapi_path);
  wg.write("get=1\n\n");
  tell(uapi.actor, atom::poll_v);
  tell(uapi.actor, atom::poll_v);
  wg.leave();
  other.write("set=1\nfwmark=9\n\n");
  tell(uapi.actor, atom::poll_v); // looks: both are ready
  turn();
  BOOST_TEST(other.read() == ok);
}

BOOST_AUTO_TEST_CASE(many_gets_at_once_make_one_round_and_one_more) {
  std::vector<unix_client> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(join(uapi_path));
  for (unix_client& each : many)
    each.write("get=1\n\n");
  BOOST_TEST(turn() == 1);
  BOOST_TEST(turn() == 1);
  BOOST_TEST(turn() == 0);
  for (unix_client& each : many)
    BOOST_TEST(each.read().find("private_key=" + hex(1)) == 0);
}

BOOST_AUTO_TEST_CASE(who_gets_and_leaves_again_and_again_makes_one_round) {
  for (int i = 0; i < 20; ++i) {
    unix_client brief(uapi_path);
    brief.write("get=1\n\n");
    for (int each = 0; each < 3; ++each) // in, its request, and out
      tell(uapi.actor, atom::poll_v);
  }
  BOOST_TEST(to_tunnel->queries.size() == 1);
}

BOOST_AUTO_TEST_CASE(requests_wait_until_admin_has_started_the_actor) {
  const std::string path = folder.at("early.sock");
  const uapi_actor early = spawn_on(control_socket::listen(path, {}));
  unix_client impatient(path);
  impatient.write("get=1\n\n");
  scheduler.run();
  BOOST_TEST(to_tunnel->queries.empty());
  for (int i = 0; i < 3; ++i) // the connection, then the request
    tell(early, atom::poll_v);
  BOOST_TEST(to_tunnel->queries.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_request_may_come_octet_by_octet) {
  std::string answer;
  for (const char each : std::string("set=1\nfwmark=9\n\n"))
    answer += ask(wg, std::string_view(&each, 1));
  BOOST_TEST(answer == ok);
  BOOST_TEST(running->config().interface.fwmark == 9U);
}

BOOST_AUTO_TEST_CASE(removing_the_socket_ends_the_program) {
  std::filesystem::remove(uapi_path);
  turn();
  BOOST_TEST(to_supervisor->ends.size() == 1);
  BOOST_TEST(to_supervisor->ends.at(0).status == 0);
  BOOST_TEST(!has_ended(uapi.actor)); // that is for SUPERVISOR to ask for, in its order
}

BOOST_AUTO_TEST_CASE(removing_the_socket_before_the_first_turn_ends_the_program) {
  const std::string path = folder.at("early.sock");
  const uapi_actor early = spawn_on(control_socket::listen(path, {}));
  std::filesystem::remove(path);
  tell(early, atom::poll_v);
  BOOST_TEST(to_supervisor->ends.size() == 1);
}

BOOST_AUTO_TEST_CASE(removing_the_socket_before_there_is_a_watch_ends_the_program) {
  const std::string path = folder.at("early.sock");
  control_socket socket = control_socket::listen(path, {});
  std::filesystem::remove(path);
  tell(spawn_on(std::move(socket)), atom::poll_v);
  BOOST_TEST(to_supervisor->ends.size() == 1);
  BOOST_TEST(log.has("warning uapi: cannot watch " + path));
}

BOOST_AUTO_TEST_CASE(a_socket_that_came_without_a_file_is_not_missed) {
  const std::string path = folder.at("given.sock");
  unique_fd given = listening_at(path);
  std::filesystem::remove(path);
  const uapi_actor with_it = spawn_on(control_socket::adopt(std::move(given), path));
  for (int i = 0; i < 2; ++i)
    tell(with_it, atom::poll_v);
  BOOST_TEST(to_supervisor->ends.empty());
  BOOST_TEST(!log.has("cannot watch"));
}

BOOST_AUTO_TEST_CASE(touching_the_socket_ends_nothing) {
  std::filesystem::permissions(uapi_path, std::filesystem::perms::all);
  turn();
  turn();
  BOOST_TEST(to_supervisor->ends.empty());
  BOOST_TEST(ask(wg, "set=1\nfwmark=9\n\n") == ok);
}

BOOST_AUTO_TEST_CASE(no_key_is_ever_in_a_log) {
  set("private_key=" + hex(7) + "\npublic_key=" + to_hex(sample_key(3)) +
      "\npreshared_key=" + hex(8) + "\n");
  set("private_key=" + hex(7) + "\nsurprise=" + hex(8) + "\n");
  set("private_key=" + hex(7).substr(1) + "\n");
  set("public_key=" + to_hex(sample_key(3)) + "\npreshared_key=" + hex(8) + "0\n");
  ask(wg, "get=1\n\n");
  const std::string text = log.text();
  BOOST_TEST(text != "");
  for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{7}, std::uint8_t{8}}) {
    std::string base64;
    append_secret_base64(base64, sample_secret(number));
    BOOST_TEST(text.find(hex(number).substr(1)) == std::string::npos);
    BOOST_TEST(text.find(base64) == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(stop_ends_it_and_removes_the_socket) {
  tell(uapi.actor, atom::stop_v);
  BOOST_TEST(has_ended(uapi.actor));
  BOOST_TEST(!std::filesystem::exists(uapi_path));
}

BOOST_AUTO_TEST_SUITE_END()
