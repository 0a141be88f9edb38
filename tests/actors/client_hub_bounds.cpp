#include "actors/client_hub.hpp"

#include "tests/actors/line_hub.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace troupe;
using namespace troupe::actors;

BOOST_FIXTURE_TEST_SUITE(client_hub_bounds, line_hub)

BOOST_AUTO_TEST_CASE(beyond_the_bound_of_answers_who_has_read_nothing_for_longest_goes) {
  const std::string large = "big " + std::to_string(output_octets_max / 2) + "\n";
  unix_client first = join();
  unix_client second = join();
  unix_client third = join();
  for (unix_client* const each : {&first, &second}) {
    each->write(large);
    turn();
  }
  BOOST_TEST(hub.size() == 3U);
  BOOST_TEST(!first.read().empty());
  turn(); // it has taken something later than the second
  BOOST_TEST(ask(third, "big 10\n") == "xxxxxxxxxx");
  BOOST_TEST(hub.size() == 3U);
  third.write(large);
  turn();
  BOOST_TEST(hub.size() == 2U);
  while (!second.read().empty())
    continue;
  BOOST_TEST(second.closed());
  BOOST_TEST(!third.read().empty());
}

BOOST_AUTO_TEST_CASE(who_goes_for_its_answer_may_be_the_next_in_turn) {
  const std::string large = "big " + std::to_string(output_octets_max) + "\n";
  unix_client first = join();
  unix_client second = join();
  unix_client third = join();
  second.write(large);
  turn();
  first.write(large);
  third.write("echo here\n");
  turn();
  BOOST_TEST(hub.size() == 2U);
  BOOST_TEST(third.read() == "here\n");
  BOOST_TEST(!first.read().empty());
}

BOOST_AUTO_TEST_CASE(beyond_the_bound_of_answers_a_round_lets_those_before_go) {
  std::vector<unix_client> all;
  for (std::size_t i = 0; i < clients_max; ++i) {
    all.push_back(join());
    all.back().write("round\n");
    turn();
  }
  BOOST_TEST(rounds_begun == 1);
  answer_round("of the first\n");
  BOOST_TEST(all[0].read() == "of the first\n");
  answer_round(std::string(output_octets_max, 'x'));
  BOOST_TEST(hub.size() == 2U);
}

BOOST_AUTO_TEST_CASE(one_answer_alone_may_be_longer_than_the_bound) {
  unix_client one = join();
  one.write("big " + std::to_string(output_octets_max + 1) + "\n");
  turn();
  BOOST_TEST(hub.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_long_request_leaves_no_memory_behind) {
  client who(1, {}, {});
  who.input = std::string(std::size_t{1} << 20, 'x') + "\nrest";
  who.scanned = 7;
  BOOST_TEST(who.take((std::size_t{1} << 20) + 1).size() == (std::size_t{1} << 20) + 1);
  BOOST_TEST(who.input == "rest");
  BOOST_TEST(who.input.capacity() < 1024U);
  BOOST_TEST(who.scanned == 0U);
}

BOOST_AUTO_TEST_CASE(when_full_the_one_idle_for_longest_goes) {
  unix_client first = join();
  unix_client second = join();
  unix_client third = join();
  BOOST_TEST(ask(first, "echo still here\n") == "still here\n");
  unix_client fourth = join();
  BOOST_TEST(hub.size() == clients_max);
  BOOST_TEST(is_out(second));
  BOOST_TEST(!is_out(first));
  BOOST_TEST(!is_out(third));
  BOOST_TEST(ask(fourth, "echo in\n") == "in\n");
}

BOOST_AUTO_TEST_SUITE_END()
