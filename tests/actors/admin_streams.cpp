#include "actors/admin.hpp"

#include "tests/actors/control_fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <sstream>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

using json = nlohmann::ordered_json;

struct streams_fixture : control_fixture {
  logger says = book->open("tunnel");
  unix_client one = join(admin_path);

  static std::string request(const std::string& method, const json& params = json::object()) {
    return json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}}.dump() +
           "\n";
  }
  static std::vector<json> objects(const std::string& lines) {
    std::vector<json> found;
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);)
      found.push_back(json::parse(line));
    return found;
  }
  std::vector<json> call(unix_client& who, const std::string& method, const json& params) {
    return objects(ask(who, request(method, params)));
  }
  /// What came with the answer.
  std::vector<std::string> follow(unix_client& who, json params = json::object()) {
    params["follow"] = true;
    std::vector<json> told = call(who, "logs", params);
    BOOST_REQUIRE(!told.empty());
    BOOST_TEST(told.front()["result"]["following"] == true);
    told.erase(told.begin());
    return messages_of(told);
  }
  static std::vector<std::string> messages_of(const std::vector<json>& notifications) {
    std::vector<std::string> found;
    for (const json& each : notifications)
      found.push_back(each["method"] == "logs" ? each["params"]["message"] : each["method"]);
    return found;
  }
  /// Of the notifications that have come.
  std::vector<std::string> messages(unix_client& who) {
    turn();
    return messages_of(objects(who.read()));
  }
  void pass_pause() { advance(limits::log_stream_pause); }
};

using texts = std::vector<std::string>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(admin_streams, streams_fixture)

BOOST_AUTO_TEST_CASE(the_last_lines_are_told_with_all_that_a_line_has) {
  says->info("one");
  const json result = call(one, "logs", json::object()).at(0)["result"];
  BOOST_TEST(result["following"] == false);
  BOOST_REQUIRE(result["lines"].size() == 1U);
  const json& line = result["lines"][0];
  BOOST_TEST(line["level"] == "info");
  BOOST_TEST(line["actor"] == "tunnel");
  BOOST_TEST(line["message"] == "one");
  BOOST_TEST(line["time"].get<std::string>().size() == 27U);
}

BOOST_AUTO_TEST_CASE(a_follower_gets_the_last_lines_and_each_new_one) {
  says->info("before");
  BOOST_TEST(follow(one) == texts({"before"}));
  pass_pause();
  says->info("after");
  says->warn("later");
  BOOST_TEST(messages(one) == texts({"after", "later"}));
}

BOOST_AUTO_TEST_CASE(lines_between_two_looks_wait_for_the_second) {
  follow(one);
  turn();
  says->info("first");
  BOOST_TEST(messages(one) == texts({"first"}));
  says->info("second");
  BOOST_TEST(messages(one) == texts());
  tell(admin.actor, atom::poll_v);
  BOOST_TEST((admin_wait->timeout == limits::log_stream_pause));
  pass_pause();
  BOOST_TEST(messages(one) == texts({"second"}));
  pass_pause();
  turn();
  BOOST_TEST((admin_wait->timeout == forever)); // idle costs nothing
}

BOOST_AUTO_TEST_CASE(a_level_below_that_of_the_log_is_made_for_the_follower_alone) {
  follow(one, {{"level", "trace"}, {"actor", "tunnel"}});
  says->trace("packet");
  BOOST_TEST(messages(one) == texts({"packet"}));
  BOOST_TEST(!log.has("packet"));
  one.leave();
  turn();
  BOOST_TEST(!says->should_log(spdlog::level::debug));
}

BOOST_AUTO_TEST_CASE(a_change_of_level_during_a_stream_holds) {
  follow(one, {{"level", "trace"}});
  unix_client other = join(admin_path);
  BOOST_TEST(call(other, "log.level", {{"level", "debug"}}).at(0).contains("result"));
  BOOST_TEST(says->should_log(spdlog::level::trace));
  one.leave();
  turn();
  BOOST_TEST(says->should_log(spdlog::level::debug));
  BOOST_TEST(!says->should_log(spdlog::level::trace));
}

BOOST_AUTO_TEST_CASE(a_reader_follows_what_is_logged_and_lowers_nothing) {
  unix_client visitor = join(read_path);
  const json refused =
      call(visitor, "logs", {{"follow", true}, {"level", "trace"}, {"actor", "tunnel"}}).at(0);
  BOOST_TEST(refused["error"]["code"] == -32003);
  BOOST_TEST(refused["error"]["message"].get<std::string>().find("below what is logged") !=
             std::string::npos);
  follow(visitor, {{"level", "info"}});
  BOOST_TEST(!says->should_log(spdlog::level::debug));
  turn();
  pass_pause();
  says->info("news");
  BOOST_TEST(messages(visitor) == texts({"news"}));
}

BOOST_AUTO_TEST_CASE(a_further_request_ends_the_stream_and_is_answered) {
  follow(one, {{"level", "trace"}});
  turn();
  const std::vector<json> told = call(one, "status", json::object());
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST(told[0]["method"] == "logs.end");
  BOOST_TEST(told[1].contains("result"));
  BOOST_TEST(!says->should_log(spdlog::level::debug));
}

BOOST_AUTO_TEST_CASE(who_does_not_read_hears_how_much_was_lost) {
  follow(one, {{"level", "trace"}});
  turn();
  const std::string text(1000, 'x');
  std::size_t said = 0;
  for (int round = 0; round < 50; ++round, turn(), pass_pause())
    for (int i = 0; i < 100; ++i, ++said)
      says->trace(text);
  std::size_t lines = 0;
  std::size_t lost = 0;
  std::string all;
  for (int i = 0; i < 200; ++i, turn(), pass_pause())
    all += one.read();
  for (const json& each : objects(all)) {
    lines += each["method"] == "logs" ? 1U : 0U;
    lost += each["method"] == "logs.lost" ? each["params"]["lines"].get<std::size_t>() : 0U;
  }
  BOOST_TEST(lost > said / 2);
  BOOST_TEST(lines + lost == said);
}

BOOST_AUTO_TEST_CASE(what_no_stream_can_be_is_refused_with_the_reason) {
  const auto fault = [&](const json& params) {
    return call(one, "logs", params).at(0)["error"]["message"].get<std::string>();
  };
  BOOST_TEST(fault({{"actor", "tunel"}}).starts_with("no actor is called"));
  BOOST_TEST(fault({{"peer", "nobody"}}).starts_with("no peer is called"));
  BOOST_TEST(fault({{"level", "off"}}).starts_with("level must be one of"));
  BOOST_TEST(fault({{"follow", 1}}).starts_with("follow must be"));
  BOOST_TEST(fault({{"actr", "tunnel"}}).find("no parameter") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(streams_are_bounded_and_readers_leave_some_to_others) {
  unix_client visitor = join(read_path);
  const auto refused = [&](unix_client& who) {
    const json answer = call(who, "logs", {{"follow", true}}).at(0);
    return answer.contains("error") && answer["error"]["message"].get<std::string>().find(
                                           "follow the log already") != std::string::npos;
  };
  std::vector<unix_client> many;
  const auto have = [&](std::size_t number) {
    while (many.size() < number) {
      many.push_back(join(admin_path));
      follow(many.back());
    }
  };
  have(limits::log_streams_with_reader_max - 1);
  BOOST_TEST(!refused(visitor));
  unix_client another = join(read_path);
  BOOST_TEST(refused(another));
  have(limits::log_streams_max - 1);
  BOOST_TEST(refused(one));
}

BOOST_AUTO_TEST_CASE(only_who_asks_for_a_level_gets_what_it_makes) {
  unix_client plain = join(admin_path);
  follow(plain);
  follow(one, {{"level", "trace"}});
  says->trace("for the one");
  turn();
  BOOST_TEST(messages(one) == texts({"for the one"}));
  BOOST_TEST(messages(plain) == texts({}));
}

BOOST_AUTO_TEST_CASE(a_peer_is_chosen_by_name_or_key) {
  says->log(about("laptop"), spdlog::level::info, "peer laptop: said");
  says->log(about("phone"), spdlog::level::info, "peer phone: said");
  for (const std::string& peer :
       {std::string("laptop"), to_base64(sample_config().peers[0].settings.key)}) {
    const json lines = call(one, "logs", {{"peer", peer}}).at(0)["result"]["lines"];
    BOOST_REQUIRE(lines.size() == 1U);
    BOOST_TEST(lines[0]["message"] == "peer laptop: said");
  }
}

BOOST_AUTO_TEST_CASE(the_end_of_the_daemon_is_the_last_word) {
  follow(one);
  turn();
  pass_pause();
  says->info("news");
  tell(admin.actor, atom::stop_v);
  const std::vector<json> told = objects(one.read());
  BOOST_REQUIRE(!told.empty());
  BOOST_TEST(told.back()["method"] == "logs.end");
  BOOST_TEST(told.back()["params"]["reason"] == "the daemon ends");
  BOOST_TEST(one.closed());
}

BOOST_AUTO_TEST_CASE(all_actors_are_told_of_when_one_hangs) {
  one.write(request("actors"));
  turn();
  BOOST_TEST(one.read() == "");
  unix_client other = join(admin_path);
  BOOST_TEST(call(other, "rpc.list", json::object()).size() == 1U); // others are served meanwhile
  tell(admin.actor, atom::poll_v);
  BOOST_TEST((admin_wait->timeout <= limits::roll_call_time));
  advance(limits::roll_call_time);
  turn();
  const std::vector<json> told = objects(one.read());
  BOOST_REQUIRE(told.size() == 1U);
  std::map<std::string, std::string> states;
  for (const json& each : told[0]["result"]["actors"])
    states[each["actor"]] = each["state"];
  BOOST_TEST(states.size() == 5U);
  BOOST_TEST(states.at("tunnel") == "not answering");
  BOOST_TEST(states.at("uapi") == "idle");
  BOOST_TEST(states.contains("admin"));
}

BOOST_AUTO_TEST_CASE(who_asks_for_actors_meanwhile_shares_the_next_roll_call) {
  std::vector<unix_client> many;
  for (int i = 0; i < 3; ++i)
    many.push_back(join(admin_path));
  for (unix_client& each : many)
    each.write(request("actors"));
  turn();
  advance(limits::roll_call_time);
  turn();
  BOOST_TEST(!many[0].read().empty());
  BOOST_TEST(many[1].read().empty());
  advance(limits::roll_call_time);
  turn();
  BOOST_TEST(!many[1].read().empty());
  BOOST_TEST(!many[2].read().empty());
}

BOOST_AUTO_TEST_SUITE_END()
