#include "actors/change_desk.hpp"

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/fake_link.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/actors/temporary_folder.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

struct desk_fixture {
  udp::own_network network;
  captured_log log;
  temporary_folder folder;
  pending_file pending{folder.at("state")};
  std::shared_ptr<fake_link> link = std::make_shared<fake_link>();
  std::shared_ptr<running_configuration> running = std::make_shared<running_configuration>(
      sample_config(), udp::socket_pair::open(0, {}), link, log.open("admin"));
  recording_target target;
  change_desk desk{running, pending, log.open("admin")};
  moment now{time_point{} + 1h, wall_time{} + 1000h};

  /// Without the peer `phone`.
  std::variant<std::vector<conf::change_line>, rpc_failure>
  remove_phone(std::optional<duration> confirm = std::nullopt) {
    conf::config desired = running->config();
    desired.peers.pop_back();
    return desk.change({std::move(desired), {}, confirm, "a test"}, now, target);
  }
  std::variant<std::vector<conf::change_line>, rpc_failure> let_phone_expire(duration later) {
    conf::config desired = running->config();
    desired.peers.at(1).expires = std::chrono::floor<std::chrono::seconds>(now.wall + later);
    return desk.change({std::move(desired), {}, std::nullopt, "a test"}, now, target);
  }
  [[nodiscard]] std::size_t peers() const { return running->config().peers.size(); }
  void pass(duration time) {
    now.steady += time;
    now.wall += time;
    if (desk.deadline(now) <= now.steady)
      desk.on_deadline(now, target);
  }
  [[nodiscard]] std::string pending_text() const {
    std::ostringstream text;
    text << std::ifstream(pending.path()).rdbuf();
    return text.str();
  }
};

rpc_code code_of(const std::variant<std::vector<conf::change_line>, rpc_failure>& done) {
  return std::get<rpc_failure>(done).code;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(change_desk_, desk_fixture)

BOOST_AUTO_TEST_CASE(a_change_says_what_it_did_and_is_remembered) {
  const auto done = remove_phone();
  const auto& lines = std::get<std::vector<conf::change_line>>(done);
  BOOST_TEST(lines.size() == 1);
  BOOST_TEST(conf::to_string(lines.at(0)) == "- peer phone");
  BOOST_TEST(!target.changes.at(0).park_removed);
  BOOST_TEST(log.has("configuration changed: 1 peer removed"));
  BOOST_TEST(desk.history().size() == 1);
  BOOST_TEST(desk.history().back().who == "a test");
  BOOST_TEST(desk.history().back().what == "1 peer removed");
  BOOST_TEST(!pending.exists());
  BOOST_TEST((desk.deadline(now) == never));
}

BOOST_AUTO_TEST_CASE(a_change_that_is_confirmed_stays) {
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(remove_phone(5s)));
  BOOST_TEST(target.changes.at(0).park_removed);
  BOOST_TEST(pending.exists());
  pass(4s);
  BOOST_TEST(!desk.confirm("a test", now, target));
  BOOST_TEST(target.changes.back().forget_parked);
  BOOST_TEST(!pending.exists());
  pass(10s);
  BOOST_TEST(peers() == 1);
  BOOST_TEST(desk.confirm("a test", now, target).has_value());
}

BOOST_AUTO_TEST_CASE(a_change_that_is_not_confirmed_goes_by_itself) {
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(remove_phone(5s)));
  pass(4999ms);
  BOOST_TEST(peers() == 1);
  pass(1ms);
  BOOST_TEST(peers() == 2);
  BOOST_TEST(!std::filesystem::exists(folder.at("state")));
  BOOST_TEST(target.changes.at(1).changed.at(0).settings.name == "phone");
  BOOST_TEST(target.changes.at(2).forget_parked);
  BOOST_TEST(desk.history().back().what == "taken back");
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(remove_phone()));
}

BOOST_AUTO_TEST_CASE(while_one_waits_no_other_is_made) {
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(remove_phone(60s)));
  pass(10s);
  BOOST_TEST((code_of(remove_phone()) == rpc_code::pending));
  BOOST_TEST((code_of(remove_phone(5s)) == rpc_code::pending));
  const std::string why = desk.busy(now.steady).value().text;
  BOOST_TEST(why.find("a change by a test waits to be confirmed") != std::string::npos);
  BOOST_TEST(why.find("50 s more") != std::string::npos);
  BOOST_TEST(!desk.rollback("a test", now, target));
  BOOST_TEST(peers() == 2);
  BOOST_TEST(desk.rollback("a test", now, target).has_value());
}

BOOST_AUTO_TEST_CASE(what_waits_is_on_disk_whole_and_for_its_owner_alone) {
  conf::config desired = running->config();
  desired.interface.private_key_file = "/some.key";
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(
      desk.change({desired, {}, std::nullopt, "a test"}, now, target)));
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(remove_phone(60s)));
  const std::string text = pending_text();
  BOOST_TEST(text.find("name = \"phone\"") != std::string::npos);
  BOOST_TEST(text.find("private_key = \"") != std::string::npos);
  BOOST_TEST(text.find("private_key_file = \"/some.key\"") != std::string::npos);
  const auto rights = std::filesystem::status(pending.path()).permissions();
  BOOST_TEST(
      (rights == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
}

BOOST_AUTO_TEST_CASE(where_nothing_can_be_kept_no_change_waits) {
  std::ofstream(folder.at("file")) << "no folder";
  change_desk other(running, pending_file(folder.at("file") + "/state"), log.open("admin"));
  conf::config desired = running->config();
  desired.peers.pop_back();
  const auto done = other.change({desired, {}, 5s, "a test"}, now, target);
  BOOST_TEST((code_of(done) == rpc_code::refused));
  BOOST_TEST(peers() == 2);
  BOOST_TEST(target.untouched());
}

BOOST_AUTO_TEST_CASE(a_change_that_fails_leaves_nothing_waiting) {
  link->refused = {parse_ip_prefix("10.8.0.0/16").value()};
  conf::config desired = running->config();
  desired.peers[0].settings.allowed_ips = {parse_ip_prefix("10.8.0.0/16").value()};
  BOOST_TEST((code_of(desk.change({desired, {}, 5s, "a test"}, now, target)) == rpc_code::refused));
  BOOST_TEST(!pending.exists());
  BOOST_TEST((desk.deadline(now) == never));
  BOOST_TEST(desk.history().empty());
  BOOST_TEST(target.untouched());
}

BOOST_AUTO_TEST_CASE(an_undo_that_fails_is_told_apart) {
  link->refused = {parse_ip_prefix("10.8.0.0/16").value()};
  link->stuck = {parse_ip_prefix("10.7.0.0/16").value()};
  conf::config desired = running->config();
  desired.peers[0].settings.allowed_ips = {parse_ip_prefix("10.7.0.0/16").value(),
                                           parse_ip_prefix("10.8.0.0/16").value()};
  BOOST_TEST((code_of(desk.change({desired, {}, std::nullopt, "a test"}, now, target)) ==
              rpc_code::rollback_incomplete));
}

BOOST_AUTO_TEST_CASE(the_history_is_of_the_last_ones) {
  for (std::uint32_t i = 1; i <= 30; ++i) {
    conf::config desired = running->config();
    desired.interface.fwmark = i;
    BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(
        desk.change({desired, {}, std::nullopt, std::to_string(i)}, now, target)));
  }
  BOOST_TEST(desk.history().size() == limits::history_max);
  BOOST_TEST(desk.history().front().who == "11");
  BOOST_TEST(desk.history().back().who == "30");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_taken_back_is_tried_until_it_can) {
  conf::config desired = running->config();
  desired.peers[0].settings.allowed_ips = {parse_ip_prefix("10.7.0.0/16").value()};
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(
      desk.change({desired, {}, 5s, "a test"}, now, target)));
  link->stuck = {parse_ip_prefix("10.7.0.0/16").value()};
  pass(5s);
  BOOST_TEST(log.has("the change cannot be taken back: cannot remove 10.7.0.0/16"));
  BOOST_TEST(pending.exists());
  BOOST_TEST((code_of(remove_phone()) == rpc_code::pending));
  BOOST_TEST(desk.busy(now.steady)->text.find("could not be taken back so far") !=
             std::string::npos);
  BOOST_TEST((desk.rollback("a test", now, target)->code == rpc_code::rollback_incomplete));
  const std::size_t remembered = desk.history().size();
  pass(10s);
  BOOST_TEST(desk.history().size() == remembered);
  link->stuck.clear();
  pass(10s);
  BOOST_TEST(desk.history().back().what == "taken back");
  BOOST_TEST(!pending.exists());
  BOOST_TEST((running->config().peers[0].settings.allowed_ips ==
              sample_config().peers[0].settings.allowed_ips));
}

BOOST_AUTO_TEST_CASE(a_port_that_the_kernel_chose_comes_back) {
  const std::uint16_t chosen = running->bound_port();
  conf::config desired = running->config();
  desired.interface.listen_port = udp::socket_pair::open(0, {})->port();
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(
      desk.change({desired, {}, 5s, "a test"}, now, target)));
  BOOST_TEST(running->bound_port() == desired.interface.listen_port);
  pass(5s);
  BOOST_TEST(running->bound_port() == chosen);
}

BOOST_AUTO_TEST_CASE(what_changes_nothing_neither_waits_nor_is_remembered) {
  BOOST_TEST(std::get<std::vector<conf::change_line>>(
                 desk.change({running->config(), {}, 5s, "a test"}, now, target))
                 .empty());
  BOOST_TEST((desk.deadline(now) == never));
  BOOST_TEST(!pending.exists());
  BOOST_TEST(desk.history().empty());
}

BOOST_AUTO_TEST_CASE(what_no_file_can_say_cannot_be_come_back_to) {
  conf::config bare = running->config();
  bare.interface.private_key = {};
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(
      desk.change({bare, {}, std::nullopt, "a client of UAPI"}, now, target)));
  const auto done = remove_phone(5s);
  BOOST_TEST((code_of(done) == rpc_code::refused));
  BOOST_TEST(std::get<rpc_failure>(done).text.find("no private key yet") != std::string::npos);
  BOOST_TEST(peers() == 2);
}

BOOST_AUTO_TEST_CASE(a_file_that_stays_is_a_change_that_waits) {
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(remove_phone(5s)));
  std::filesystem::remove(pending.path());
  std::filesystem::create_directory(pending.path()); // no file that unlink(2) takes away
  BOOST_TEST((desk.confirm("a test", now, target)->code == rpc_code::refused));
  BOOST_TEST(desk.busy(now.steady).has_value());
  std::filesystem::remove(pending.path());
  BOOST_TEST(!desk.confirm("a test", now, target));
}

BOOST_AUTO_TEST_CASE(a_peer_leaves_at_its_moment_and_is_kept) {
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(let_phone_expire(90s)));
  BOOST_TEST((desk.deadline(now) == now.steady + limits::expiry_look));
  target.changes.clear();
  pass(60s);
  BOOST_TEST((desk.deadline(now) == now.steady + 30s));
  pass(30s - 1ns);
  BOOST_TEST(target.untouched());
  BOOST_TEST((desk.deadline(now) == now.steady + 1ns));
  pass(1ns);
  BOOST_TEST((target.changes.at(0).removed == std::vector{sample_key(3)}));
  BOOST_TEST(target.changes.at(0).changed.empty());
  BOOST_TEST(link->present.count(parse_ip_prefix("10.1.3.0/24").value()) == 0);
  BOOST_TEST(peers() == 2);
  BOOST_TEST(desk.history().back().who == "nobody: expired");
  BOOST_TEST(desk.history().back().what == "peer phone disabled");
  BOOST_TEST(log.has("peer phone has expired and is disabled"));
  BOOST_TEST((desk.deadline(now) == never));
  pass(1h);
  BOOST_TEST(target.changes.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_later_date_lets_it_in_again) {
  static_cast<void>(let_phone_expire(1s));
  pass(1s);
  target.changes.clear();
  static_cast<void>(let_phone_expire(1s));
  BOOST_TEST(target.changes.at(0).changed.at(0).settings.name == "phone");
}

BOOST_AUTO_TEST_CASE(a_date_in_the_past_is_accepted_and_said) {
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(let_phone_expire(-1s)));
  BOOST_TEST((target.changes.at(0).removed == std::vector{sample_key(3)}));
  BOOST_TEST(log.has("peer phone has expired and is disabled"));
  BOOST_TEST((desk.deadline(now) == never));
}

BOOST_AUTO_TEST_CASE(a_change_that_waits_neither_delays_an_expiry_nor_brings_the_peer_back) {
  static_cast<void>(let_phone_expire(3s));
  conf::config other = running->config();
  other.interface.fwmark = 7;
  BOOST_TEST(std::holds_alternative<std::vector<conf::change_line>>(
      desk.change({other, {}, 5s, "a test"}, now, target)));
  target.changes.clear();
  pass(3s);
  BOOST_TEST((target.changes.at(0).removed == std::vector{sample_key(3)}));
  BOOST_TEST(desk.busy(now.steady).has_value());
  pass(2s);
  BOOST_TEST(running->config().interface.fwmark == 0);
  BOOST_TEST(!running->config().peers.at(1).in_use());
  for (const tunnel_change& each : target.changes)
    BOOST_TEST(each.changed.empty());
}

BOOST_AUTO_TEST_CASE(a_peer_that_expires_while_it_is_parked_does_not_come_back) {
  static_cast<void>(let_phone_expire(3s));
  static_cast<void>(remove_phone(5s));
  target.changes.clear();
  pass(3s);
  pass(2s);
  BOOST_TEST(!running->config().peers.at(1).in_use());
  BOOST_TEST(target.changes.at(0).changed.empty());
  BOOST_TEST(target.changes.at(1).forget_parked);
}

BOOST_AUTO_TEST_CASE(a_kernel_that_keeps_a_route_holds_up_no_expiry) {
  link->stuck = {parse_ip_prefix("10.1.3.0/24").value()};
  static_cast<void>(let_phone_expire(1s));
  target.changes.clear();
  pass(1s);
  BOOST_TEST((target.changes.at(0).removed == std::vector{sample_key(3)}));
  BOOST_TEST(log.has("cannot remove 10.1.3.0/24; it stays as it is"));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_is_looked_at_again) {
  static_cast<void>(let_phone_expire(100h));
  target.changes.clear();
  now.wall += 200h;
  BOOST_TEST((desk.deadline(now) == now.steady)); // whoever asks now
  pass(limits::expiry_look);                      // and who asked before
  BOOST_TEST((target.changes.at(0).removed == std::vector{sample_key(3)}));
}

BOOST_AUTO_TEST_CASE(who_has_expired_before_the_start_is_named) {
  conf::config config = sample_config();
  config.peers[0].expired = true;
  const auto started =
      std::make_shared<running_configuration>(config, running->sockets(), link, log.open("admin"));
  const change_desk fresh(started, std::nullopt, log.open("admin"));
  BOOST_TEST(log.has("peer laptop has expired and is disabled"));
}

BOOST_AUTO_TEST_SUITE_END()
