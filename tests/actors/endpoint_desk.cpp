#include "actors/endpoint_desk.hpp"

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

endpoint at(int number) {
  return parse_endpoint("192.0.2." + std::to_string(number) + ":7").value();
}

struct places_fixture {
  udp::own_network network;
  captured_log log;
  endpoint_desk desk{std::make_shared<running_configuration>(sample_config(),
                                                             udp::socket_pair::open(0, {}), nullptr,
                                                             log.open("admin")),
                     log.open("admin")};
  time_point now = time_point{} + 1h;
  const public_key laptop = sample_key(2);
  const public_key phone = sample_key(3);

  endpoint_desk::errands set(const public_key& whose, const std::vector<std::string>& texts,
                             bool moved = false) {
    conf::peer_endpoints given{whose, {}, moved};
    for (const std::string& text : texts)
      given.all.push_back(conf::parse_endpoint_setting(text).value());
    return desk.set({given}, now);
  }
  endpoint_desk::errands unanswered(const public_key& whose, const endpoint& where) {
    return desk.on_unanswered({{{whose, where}}}, now);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(endpoint_desk_, places_fixture)

BOOST_AUTO_TEST_CASE(a_peer_with_one_address_has_no_choice) {
  static_cast<void>(set(laptop, {"192.0.2.1:7"}));
  BOOST_TEST(unanswered(laptop, at(1)).moves.empty());
  BOOST_TEST(unanswered(sample_key(77), at(1)).moves.empty());
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_tried_elsewhere_unless_it_does) {
  static_cast<void>(set(laptop, {"192.0.2.1:7", "192.0.2.2:7"}, true));
  const endpoint_desk::errands next = unanswered(laptop, at(1));
  BOOST_REQUIRE(next.moves.size() == 1);
  BOOST_TEST((next.moves[0].key == laptop));
  BOOST_TEST((next.moves[0].remote == at(2)));
  BOOST_TEST(next.moves[0].only_if_silent);
  BOOST_TEST(log.has("peer laptop: no answer from 192.0.2.1:7; trying 192.0.2.2:7"));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_wanted_instead_moves_a_peer_that_answers) {
  BOOST_TEST(set(laptop, {"a.example:7"}, true).look_up.at(0).host == "a.example");
  const endpoint_desk::errands found = desk.on_name({{laptop, "a.example", 7}, {at(1)}, ""}, now);
  BOOST_TEST(!found.moves.at(0).only_if_silent);
  BOOST_TEST(log.has("peer laptop: a.example is 192.0.2.1:7"));
}

BOOST_AUTO_TEST_CASE(what_is_looked_up_for_endpoints_of_before_is_nothing) {
  static_cast<void>(set(laptop, {"a.example:7"}));
  static_cast<void>(set(laptop, {"b.example:7"}));
  BOOST_TEST(desk.on_name({{laptop, "a.example", 7}, {at(1)}, ""}, now).moves.empty());
  desk.forget({laptop});
  BOOST_TEST(desk.on_name({{laptop, "b.example", 7}, {at(1)}, ""}, now).moves.empty());
}

BOOST_AUTO_TEST_CASE(each_name_is_tried_again_at_its_own_time) {
  static_cast<void>(set(laptop, {"a.example:7"}));
  static_cast<void>(set(phone, {"b.example:7"}));
  static_cast<void>(desk.on_name({{laptop, "a.example", 7}, {}, "gone"}, now));
  now += 400ms;
  static_cast<void>(desk.on_name({{phone, "b.example", 7}, {}, "gone"}, now));
  BOOST_TEST((desk.deadline() == now + 600ms));
  now += 600ms;
  const endpoint_desk::errands first = desk.on_deadline(now);
  BOOST_REQUIRE(first.look_up.size() == 1);
  BOOST_TEST(first.look_up[0].host == "a.example");
  now += 400ms;
  BOOST_TEST(desk.on_deadline(now).look_up.at(0).host == "b.example");
  BOOST_TEST((desk.deadline() == never));
}

BOOST_AUTO_TEST_CASE(who_is_forgotten_is_due_no_more) {
  static_cast<void>(set(laptop, {"a.example:7"}));
  static_cast<void>(desk.on_name({{laptop, "a.example", 7}, {}, "gone"}, now));
  BOOST_TEST((desk.deadline() != never));
  desk.forget({laptop});
  BOOST_TEST((desk.deadline() == never));
}

BOOST_AUTO_TEST_CASE(a_name_that_fails_is_said_once) {
  static_cast<void>(set(laptop, {"a.example:7"}));
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(desk.on_name({{laptop, "a.example", 7}, {}, "gone"}, now));
    now += limits::resolve_retry_max;
    static_cast<void>(desk.on_deadline(now));
  }
  BOOST_TEST(log.count("warning admin: peer laptop: cannot resolve a.example: gone") == 1);
}

BOOST_AUTO_TEST_CASE(a_look_up_is_asked_for) {
  static_cast<void>(set(laptop, {"a.example:7"}));
  static_cast<void>(desk.on_name({{laptop, "a.example", 7}, {at(1)}, ""}, now));
  BOOST_TEST(desk.look_up_again(laptop, now).look_up.at(0).host == "a.example");
  BOOST_TEST(desk.look_up_again(phone, now).look_up.empty());
}

BOOST_AUTO_TEST_SUITE_END()
