#include "actors/endpoint_choice.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

endpoint at(int number) {
  return parse_endpoint("192.0.2." + std::to_string(number) + ":7").value();
}

std::vector<conf::endpoint_setting> settings(const std::vector<std::string>& texts) {
  std::vector<conf::endpoint_setting> result;
  for (const std::string& text : texts)
    result.push_back(conf::parse_endpoint_setting(text).value());
  return result;
}

/// A peer that never answers, with names `a.example` and so on.
struct silent_peer {
  explicit silent_peer(const std::vector<std::string>& texts) : choice(settings(texts)) {
    take(choice.begin(now));
  }

  void unanswered() { take(choice.on_unanswered(where.value(), now)); }
  void found(const std::string& host, const std::vector<endpoint>& addresses) {
    take(choice.on_found(host, 7, addresses, now));
  }
  void missing(const std::string& host) { take(choice.on_not_found(host, 7, now)); }
  void pass(duration time) {
    now += time;
    take(choice.on_deadline(now));
  }
  void take(const endpoint_step& step) {
    if (step.go)
      where = step.go;
    looked_up = step.look_up ? step.look_up->host : "";
    pause = step.pause;
  }
  [[nodiscard]] duration left() const { return choice.deadline() - now; }

  time_point now = time_point{} + 1h;
  endpoint_choice choice;
  /// As TUNNEL has it.
  std::optional<endpoint> where;
  /// In the last step.
  std::string looked_up;
  std::optional<duration> pause;
};

} // namespace

BOOST_AUTO_TEST_SUITE(endpoint_choice_)

BOOST_AUTO_TEST_CASE(addresses_take_turns_and_begin_anew) {
  silent_peer peer({"192.0.2.1:7", "192.0.2.2:7", "192.0.2.3:7"});
  BOOST_TEST(!peer.where.has_value()); // TUNNEL has it from the configuration
  peer.where = at(1);
  for (const int next : {2, 3, 1, 2, 3, 1}) {
    peer.unanswered();
    BOOST_TEST((peer.where == at(next)));
  }
  BOOST_TEST((peer.choice.deadline() == never));
}

BOOST_AUTO_TEST_CASE(all_addresses_of_a_name_come_before_the_next_endpoint) {
  silent_peer peer({"a.example:7", "192.0.2.9:7"});
  BOOST_TEST(peer.looked_up == "a.example");
  peer.found("a.example", {at(1), at(2)});
  BOOST_TEST((peer.where == at(1)));
  for (const int next : {2, 9, 1, 2, 9}) {
    peer.unanswered();
    BOOST_TEST((peer.where == at(next)));
    BOOST_TEST(peer.looked_up == ""); // it was only just
  }
  peer.now += limits::look_up_interval;
  peer.unanswered();
  BOOST_TEST(peer.looked_up == "a.example");
  BOOST_TEST((peer.where == at(9)));
  peer.found("a.example", {at(3)});
  BOOST_TEST((peer.where == at(3)));
}

BOOST_AUTO_TEST_CASE(the_only_address_of_the_only_name_is_looked_up_at_intervals) {
  silent_peer peer({"a.example:7"});
  peer.found("a.example", {at(1)});
  int look_ups = 0;
  for (int i = 0; i < 60; ++i) { // 15 min
    peer.now += 15s;
    peer.unanswered();
    BOOST_TEST((peer.where == at(1)));
    if (peer.looked_up.empty())
      continue;
    ++look_ups;
    peer.found("a.example", {at(1)});
  }
  BOOST_TEST(look_ups == 10);
}

BOOST_AUTO_TEST_CASE(a_name_that_fails_makes_way_for_the_next) {
  silent_peer peer({"a.example:7", "b.example:7", "192.0.2.9:7"});
  peer.missing("a.example");
  BOOST_TEST(peer.looked_up == "b.example");
  peer.missing("b.example");
  BOOST_TEST((peer.where == at(9)));
  BOOST_TEST(!peer.pause.has_value());
}

BOOST_AUTO_TEST_CASE(names_that_all_fail_are_tried_again_ever_later) {
  silent_peer peer({"a.example:7", "b.example:7"});
  duration expected = limits::resolve_retry_first;
  for (int round = 0; round < 7; ++round) {
    BOOST_TEST(peer.looked_up == "a.example");
    peer.missing("a.example");
    BOOST_TEST(peer.looked_up == "b.example");
    peer.missing("b.example");
    BOOST_TEST((peer.pause == expected));
    peer.pass(expected - 1ns);
    BOOST_TEST(peer.looked_up == "");
    peer.pass(1ns);
    expected = std::min<duration>(2 * expected, limits::resolve_retry_max);
  }
  BOOST_TEST((expected == limits::resolve_retry_max));
  peer.found("a.example", {at(1)});
  BOOST_TEST((peer.where == at(1)));
}

BOOST_AUTO_TEST_CASE(a_slow_name_is_not_waited_for_and_its_answer_is_kept) {
  silent_peer peer({"a.example:7", "192.0.2.9:7"});
  BOOST_TEST((peer.left() == limits::look_up_patience));
  peer.pass(limits::look_up_patience);
  BOOST_TEST((peer.where == at(9)));
  peer.found("a.example", {at(1)});
  BOOST_TEST((peer.where == at(9))); // it may answer there
  peer.unanswered();
  BOOST_TEST((peer.where == at(1)));
  BOOST_TEST(peer.looked_up == "");
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_used_if_there_is_no_other) {
  silent_peer peer({"a.example:7", "b.example:7"});
  peer.pass(limits::look_up_patience);
  BOOST_TEST(peer.looked_up == "b.example");
  peer.found("a.example", {at(1)});
  BOOST_TEST((peer.where == at(1)));
  BOOST_TEST((peer.choice.deadline() == never));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_being_looked_up_is_not_asked_for_twice) {
  silent_peer peer({"a.example:7", "b.example:7"});
  peer.pass(limits::look_up_patience);
  BOOST_TEST(peer.looked_up == "b.example");
  for (int i = 0; i < 10; ++i) {
    peer.pass(limits::look_up_patience);
    BOOST_TEST(peer.looked_up == "");
    BOOST_TEST((peer.left() == limits::look_up_patience));
  }
}

BOOST_AUTO_TEST_CASE(who_has_roamed_and_is_silent_is_tried_where_it_was_told_to_be) {
  silent_peer peer({"192.0.2.1:7", "192.0.2.2:7"});
  peer.where = at(77);
  peer.unanswered();
  BOOST_TEST((peer.where == at(1)));
  peer.unanswered();
  BOOST_TEST((peer.where == at(2)));
}

BOOST_AUTO_TEST_CASE(a_look_up_that_is_asked_for_moves_nobody_without_need) {
  silent_peer peer({"a.example:7"});
  peer.found("a.example", {at(1), at(2)});
  peer.unanswered();
  BOOST_TEST((peer.where == at(2)));
  peer.take(peer.choice.look_up_again(peer.now));
  BOOST_TEST(peer.looked_up == "a.example");
  peer.found("a.example", {at(1), at(2)});
  BOOST_TEST((peer.where == at(2)));
  peer.take(peer.choice.look_up_again(peer.now));
  peer.found("a.example", {at(5)});
  BOOST_TEST((peer.where == at(5)));
}

BOOST_AUTO_TEST_CASE(a_look_up_that_is_asked_for_may_take_its_time) {
  silent_peer peer({"a.example:7", "192.0.2.9:7"});
  peer.found("a.example", {at(1)});
  peer.take(peer.choice.look_up_again(peer.now));
  BOOST_TEST((peer.left() == limits::look_up_patience));
  peer.pass(limits::look_up_patience);
  BOOST_TEST((peer.where == at(1)));
  BOOST_TEST((peer.choice.deadline() == never));
  peer.found("a.example", {at(3)});
  BOOST_TEST((peer.where == at(3)));
}

BOOST_AUTO_TEST_CASE(a_look_up_that_is_asked_for_holds_up_nobody_who_does_not_answer) {
  silent_peer peer({"a.example:7", "192.0.2.9:7"});
  peer.found("a.example", {at(1)});
  peer.take(peer.choice.look_up_again(peer.now));
  peer.pass(limits::look_up_patience);
  peer.unanswered();
  BOOST_TEST((peer.where == at(9)));
  peer.found("a.example", {at(3)}); // late, and no longer its turn
  BOOST_TEST((peer.where == at(9)));
}

BOOST_AUTO_TEST_CASE(what_was_found_outlasts_a_look_up_that_fails) {
  silent_peer peer({"a.example:7"});
  peer.found("a.example", {at(1), at(2)});
  peer.unanswered();
  peer.now += limits::look_up_interval;
  peer.unanswered();
  BOOST_TEST(peer.looked_up == "a.example");
  peer.missing("a.example");
  BOOST_TEST((peer.where == at(1)));
  peer.unanswered();
  BOOST_TEST((peer.where == at(2)));
}

BOOST_AUTO_TEST_CASE(an_answer_that_nobody_waits_for_is_nothing) {
  silent_peer peer({"a.example:7"});
  peer.found("other.example", {at(1)});
  BOOST_TEST(!peer.where.has_value());
  peer.found("a.example", {at(1)});
  peer.found("a.example", {at(2)}); // nobody asked
  BOOST_TEST((peer.where == at(1)));
}

BOOST_AUTO_TEST_SUITE_END()
