#include "actors/admin.hpp"

#include "tests/actors/control_fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

using json = nlohmann::ordered_json;

conf::config with_names() {
  conf::config config = sample_config();
  config.peers[1].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  return config;
}

struct admin_fixture : control_fixture {
  unix_client troupectl = join(admin_path);

  json call(const std::string& line) {
    const std::string answer = ask(troupectl, line + "\n");
    BOOST_REQUIRE(!answer.empty());
    BOOST_TEST(answer.back() == '\n');
    BOOST_TEST(std::count(answer.begin(), answer.end(), '\n') == 1);
    return json::parse(answer);
  }
};

struct names_fixture : control_fixture {
  const endpoint phone_is = parse_endpoint("192.0.2.9:51820").value();

  names_fixture() : control_fixture(with_names()) { to_tunnel->changes.clear(); }

  void fail() { tell(admin.actor, name_answer{asked->back(), {}, "no such host"}); }
  void wait_until_asked_again(duration pause) {
    const std::size_t before = asked->size();
    tell(admin.actor, atom::poll_v);
    BOOST_TEST((admin_wait->timeout == pause));
    advance(pause - 1ms);
    tell(admin.actor, atom::poll_v);
    BOOST_TEST(asked->size() == before);
    advance(1ms);
    tell(admin.actor, atom::poll_v);
    BOOST_TEST(asked->size() == before + 1);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(admin)

BOOST_FIXTURE_TEST_CASE(status_is_answered_in_the_shape_of_json_rpc, admin_fixture) {
  const json answer = call(R"({"jsonrpc":"2.0","id":17,"method":"status"})");
  BOOST_TEST(answer["jsonrpc"] == "2.0");
  BOOST_TEST(answer["id"] == 17);
  BOOST_TEST(answer["result"]["interface"]["name"] == "troupe0");
  BOOST_TEST(answer["result"]["interface"]["public_key"] == to_base64(sample_key(1)));
  BOOST_TEST(answer["result"]["interface"]["listen_port"] == sockets->port());
  BOOST_TEST(answer["result"]["peers"].size() == 2);
  BOOST_TEST(answer["result"]["peers"][0]["name"] == "laptop");
}

BOOST_FIXTURE_TEST_CASE(flow_is_answered_without_peers_that_lost_nothing, admin_fixture) {
  troupectl.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"flow\"}\n");
  for (int i = 0; i < 2; ++i)
    tell(admin.actor, atom::poll_v);
  BOOST_REQUIRE(to_tunnel->queries.size() == 1U);
  BOOST_TEST(to_tunnel->queries[0].only_dropped);
}

BOOST_FIXTURE_TEST_CASE(rates_of_flow_are_of_the_time_since_a_question_long_enough_ago,
                        admin_fixture) {
  const auto seconds_of = [&](duration later) {
    advance(later);
    status.thread.at = scheduler.clock().now();
    return call(R"({"jsonrpc":"2.0","id":1,"method":"flow"})")["result"]["seconds"].get<double>();
  };
  BOOST_TEST(seconds_of(0s) == 0.0);
  BOOST_TEST(seconds_of(50ms) == 0.0);
  BOOST_TEST(seconds_of(450ms) == 0.5);
  for (int i = 0; i < 20; ++i) // who asks all the time does not take it from others
    static_cast<void>(seconds_of(10ms));
  BOOST_TEST(seconds_of(10ms) >= 0.2);
  BOOST_TEST(seconds_of(61s) == 0.0); // too long ago
}

BOOST_FIXTURE_TEST_CASE(an_id_comes_back_as_it_was, admin_fixture) {
  BOOST_TEST(call(R"({"jsonrpc":"2.0","id":"a \"b\"","method":"status"})")["id"] == "a \"b\"");
  BOOST_TEST(call(R"({"method":"status"})")["id"].is_null());
}

BOOST_FIXTURE_TEST_CASE(what_is_no_json_is_a_parse_error, admin_fixture) {
  const json answer = call("status, please");
  BOOST_TEST(answer["error"]["code"] == -32700);
  BOOST_TEST(answer["id"].is_null());
  BOOST_TEST(call("\"\xff\"")["error"]["code"] == -32700);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_request_is_an_error, admin_fixture) {
  for (const char* const line : {"[]", "7", "{}", R"({"method":3})", R"({"jsonrpc":"2.0","id":1})"})
    BOOST_TEST(call(line)["error"]["code"] == -32600);
}

BOOST_FIXTURE_TEST_CASE(what_is_not_quite_json_rpc_is_an_invalid_request, admin_fixture) {
  for (const std::string line : {
           R"({"jsonrpc":"1.0","id":1,"method":"status"})",
           R"({"id":1,"method":"status"})",
           R"({"jsonrpc":"2.0","id":{},"method":"status"})",
           R"({"jsonrpc":"2.0","id":1,"method":7})",
           R"([{"jsonrpc":"2.0","id":1,"method":"status"}])",
           R"(17)",
       })
    BOOST_TEST(call(line)["error"]["code"] == -32600, line);
}

BOOST_FIXTURE_TEST_CASE(a_notification_is_not_answered, admin_fixture) {
  BOOST_TEST(ask(troupectl, "{\"jsonrpc\":\"2.0\",\"method\":\"status\"}\n") == "");
  BOOST_TEST(!troupectl.closed());
}

BOOST_FIXTURE_TEST_CASE(an_unknown_method_is_named, admin_fixture) {
  const json answer = call(R"({"jsonrpc":"2.0","id":2,"method":"dance"})");
  BOOST_TEST(answer["id"] == 2);
  BOOST_TEST(answer["error"]["code"] == -32601);
  BOOST_TEST(answer["error"]["message"] ==
             "there is no method dance; rpc.list has those there are");
}

BOOST_FIXTURE_TEST_CASE(an_overlong_line_is_refused_and_the_connection_closed, admin_fixture) {
  const json answer = json::parse(ask(troupectl, std::string(5000, ' ')));
  BOOST_TEST(answer["error"]["code"] == -32600);
  BOOST_TEST(troupectl.closed());
}

BOOST_FIXTURE_TEST_CASE(an_overlong_line_is_refused_even_if_it_ends, admin_fixture) {
  const std::string line = R"({"method":"status"})" + std::string(5000, ' ') + "\n";
  BOOST_TEST(json::parse(ask(troupectl, line))["error"]["code"] == -32600);
  BOOST_TEST(troupectl.closed());
}

BOOST_FIXTURE_TEST_CASE(several_questions_in_one_write_are_answered_in_order, admin_fixture) {
  troupectl.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n{\"jsonrpc\":\"2.0\","
                  "\"id\":2,\"method\":\"x\"}\n");
  turn();
  const std::string answers = troupectl.read();
  const std::size_t first_end = answers.find('\n');
  BOOST_TEST(json::parse(answers.substr(0, first_end))["id"] == 1);
  BOOST_TEST(json::parse(answers.substr(first_end + 1))["id"] == 2);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_leaves_before_its_answer_harms_nobody, admin_fixture) {
  unix_client other = join(admin_path);
  troupectl.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n");
  tell(admin.actor, atom::poll_v);
  tell(admin.actor, atom::poll_v);
  troupectl.leave();
  other.write("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n");
  tell(admin.actor, atom::poll_v); // looks: both are ready
  turn();                          // the round of the one that left
  turn();
  BOOST_TEST(json::parse(other.read())["id"] == 2);
}

BOOST_FIXTURE_TEST_CASE(many_who_ask_at_once_make_one_round_and_one_more, admin_fixture) {
  std::vector<unix_client> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(join(admin_path));
  for (std::size_t i = 0; i < many.size(); ++i)
    many[i].write(R"({"jsonrpc":"2.0","id":)" + std::to_string(i) +
                  R"(,"method":"status"})"
                  "\n");
  BOOST_TEST(turn() == 1);
  BOOST_TEST(turn() == 1);
  BOOST_TEST(turn() == 0);
  for (std::size_t i = 0; i < many.size(); ++i)
    BOOST_TEST(json::parse(many[i].read())["id"] == i);
}

BOOST_FIXTURE_TEST_CASE(at_the_start_the_tunnel_hears_of_the_interface_and_of_every_peer,
                        control_fixture) {
  BOOST_TEST(to_tunnel->links.size() == 1);
  BOOST_TEST(to_tunnel->links.at(0).up);
  BOOST_TEST(to_tunnel->links.at(0).mtu == sample_config().interface.mtu);
  BOOST_TEST(only_change().changed.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(no_secret_leaves_by_the_admin_socket, admin_fixture) {
  const std::string answer =
      ask(troupectl, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n");
  for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{99}}) {
    std::string base64;
    append_secret_base64(base64, sample_secret(number));
    BOOST_TEST(answer.find(base64) == std::string::npos);
  }
}

BOOST_FIXTURE_TEST_CASE(stop_ends_it_and_removes_the_socket, admin_fixture) {
  tell(admin.actor, atom::stop_v);
  BOOST_TEST(has_ended(admin.actor));
  BOOST_TEST(!std::filesystem::exists(admin_path));
  BOOST_TEST(troupectl.closed());
}

BOOST_FIXTURE_TEST_CASE(names_are_looked_up_at_the_start, names_fixture) {
  BOOST_TEST(asked->size() == 1);
  BOOST_TEST(asked->at(0).host == "vpn.example.net");
  BOOST_TEST((admin_wait->timeout == forever));
}

BOOST_FIXTURE_TEST_CASE(an_address_found_becomes_the_endpoint, names_fixture) {
  tell(admin.actor, name_answer{asked->at(0), {phone_is}, ""});
  const peer_move& move = only_change().moves.at(0);
  BOOST_TEST((move.key == sample_key(3)));
  BOOST_TEST((move.remote == phone_is));
  BOOST_TEST(move.only_if_silent); // it may have called meanwhile
}

BOOST_FIXTURE_TEST_CASE(a_name_that_fails_is_tried_again_twice_as_late_each_time, names_fixture) {
  duration pause = limits::resolve_retry_first;
  for (int attempt = 0; attempt < 7; ++attempt) {
    fail();
    wait_until_asked_again(pause);
    pause = std::min<duration>(2 * pause, limits::resolve_retry_max);
  }
  BOOST_TEST((pause == limits::resolve_retry_max));
  BOOST_TEST(log.has("warning admin: peer phone: cannot resolve vpn.example.net: no such host; "
                     "trying again in 1 s"));
}

BOOST_FIXTURE_TEST_CASE(a_name_found_is_not_tried_again, names_fixture) {
  fail();
  wait_until_asked_again(limits::resolve_retry_first);
  tell(admin.actor, name_answer{asked->back(), {phone_is}, ""});
  tell(admin.actor, atom::poll_v);
  BOOST_TEST((admin_wait->timeout == forever));
}

BOOST_FIXTURE_TEST_CASE(a_name_nobody_wants_any_more_is_not_tried_again, names_fixture) {
  unix_client wg = join(uapi_path);
  BOOST_TEST(ask(wg, "set=1\nreplace_peers=true\n\n") == "errno=0\n\n");
  fail();
  tell(admin.actor, atom::poll_v);
  BOOST_TEST((admin_wait->timeout == forever));
}

BOOST_FIXTURE_TEST_CASE(who_may_only_read_changes_nothing, admin_fixture) {
  unix_client visitor = join(read_path);
  const auto say = [&](const char* method) {
    return json::parse(
        ask(visitor, json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}}.dump() + "\n"));
  };
  BOOST_TEST(say("status").contains("result"));
  BOOST_TEST(say("show.config").contains("result"));
  for (const char* const method : {"apply", "confirm", "rollback", "reload", "save", "peer.remove"})
    BOOST_TEST(say(method)["error"]["code"] == -32003, method);
  BOOST_TEST(call(R"({"jsonrpc":"2.0","id":1,"method":"status"})").contains("result"));
}

BOOST_FIXTURE_TEST_CASE(both_sockets_are_answered_in_one_turn, admin_fixture) {
  unix_client visitor = join(read_path);
  const std::string question = R"({"jsonrpc":"2.0","id":5,"method":"status"})"
                               "\n";
  visitor.write(question);
  troupectl.write(question);
  turn();
  turn();
  BOOST_TEST(json::parse(visitor.read())["id"] == 5);
  BOOST_TEST(json::parse(troupectl.read())["id"] == 5);
}

BOOST_FIXTURE_TEST_CASE(a_name_is_looked_up_again_when_nobody_answers, names_fixture) {
  tell(admin.actor, name_answer{asked->back(), {phone_is}, ""});
  const peers_unanswered report{{{sample_key(3), phone_is},
                                 {sample_key(2), parse_endpoint("192.0.2.2:51820").value()},
                                 {sample_key(77), phone_is}}};
  tell(admin.actor, report);
  BOOST_TEST(asked->size() == 1); // it was only just
  advance(limits::look_up_interval);
  tell(admin.actor, report);
  BOOST_TEST(asked->size() == 2); // the laptop's is an address
  BOOST_TEST(asked->back().host == "vpn.example.net");
  tell(admin.actor, report);
  BOOST_TEST(asked->size() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_rehandshake_looks_a_name_up_however_lately_it_was, names_fixture) {
  tell(admin.actor, name_answer{asked->back(), {phone_is}, ""});
  unix_client troupectl = join(admin_path);
  static_cast<void>(ask(troupectl, R"({"jsonrpc":"2.0","id":1,"method":"peer.rehandshake",)"
                                   R"("params":{"peer":"phone"}})"
                                   "\n"));
  BOOST_TEST(asked->size() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_peer_expires_by_the_time_of_day, control_fixture) {
  unix_client troupectl = join(admin_path);
  const std::string answer =
      ask(troupectl, R"({"jsonrpc":"2.0","id":1,"method":"peer.set","params":{"peer":"phone",)"
                     R"("expires":"2030-01-01T00:00:30Z"}})"
                     "\n");
  BOOST_TEST(answer.find("expires not set -> 2030-01-01T00:00:30Z") != std::string::npos);
  to_tunnel->changes.clear();
  tell(admin.actor, atom::poll_v);
  BOOST_TEST((admin_wait->timeout == 30s));
  *time_of_day += 30s;
  tell(admin.actor, atom::poll_v);
  BOOST_TEST((only_change().removed == std::vector{sample_key(3)}));
  BOOST_TEST((admin_wait->timeout == forever));
  BOOST_TEST(log.has("peer phone has expired"));
}

BOOST_AUTO_TEST_SUITE_END()
