#include "actors/client_hub.hpp"

#include "messages/limits.hpp"

#include "tests/actors/line_hub.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <vector>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

/// No descriptor below the limit is free any more.
class no_descriptors_left {
public:
  no_descriptors_left() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit fewer{64, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &fewer);
    for (unique_fd each(::dup(0)); each; each = unique_fd(::dup(0)))
      taken_.push_back(std::move(each));
  }
  ~no_descriptors_left() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
  rlimit before_{};
  std::vector<unique_fd> taken_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_hub, line_hub)

BOOST_AUTO_TEST_CASE(a_request_is_answered) {
  unix_client one = join();
  BOOST_TEST(ask(one, "echo hello\n") == "hello\n");
  BOOST_TEST(ask(one, "echo again\n") == "again\n");
}

BOOST_AUTO_TEST_CASE(several_requests_in_one_write_are_answered_in_order) {
  unix_client one = join();
  BOOST_TEST(ask(one, "echo a\necho b\necho c\n") == "a\nb\nc\n");
}

BOOST_AUTO_TEST_CASE(requests_behind_one_without_an_answer_do_not_wait) {
  unix_client one = join();
  BOOST_TEST(ask(one, "quiet\nquiet\necho a\nquiet\necho b\n") == "a\nb\n");
  BOOST_TEST(ask(one, "later\nquiet\necho c\n") == "");
  hub.answer(waiting.at(0), "now\n", now);
  BOOST_TEST(one.read() == "now\nc\n");
}

BOOST_AUTO_TEST_CASE(a_request_may_come_octet_by_octet) {
  unix_client one = join();
  std::string answer;
  for (const char each : std::string("echo slowly\n"))
    answer += ask(one, std::string_view(&each, 1));
  BOOST_TEST(answer == "slowly\n");
}

BOOST_AUTO_TEST_CASE(a_half_closed_client_gets_all_its_answers) {
  unix_client one = join();
  one.write("echo a\nlater\necho b\n");
  one.finish_writing();
  turn();
  BOOST_TEST(one.read() == "a\n");
  turn();
  BOOST_TEST(!one.closed());
  hub.answer(waiting.at(0), "at last\n", now);
  BOOST_TEST(one.read() == "at last\nb\n");
  BOOST_TEST(is_out(one));
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_read_from_a_client_that_waits_for_its_answer) {
  unix_client one = join();
  BOOST_TEST(ask(one, "later\n") == "");
  BOOST_TEST(ask(one, "echo too early\n") == "");
  hub.answer(waiting.at(0), "now\n", now);
  BOOST_TEST(one.read() == "now\n");
  turn();
  BOOST_TEST(one.read() == "too early\n");
}

BOOST_AUTO_TEST_CASE(who_does_not_read_a_large_answer_keeps_nobody_waiting) {
  constexpr std::size_t octets = 8 * 1024 * 1024;
  unix_client lazy = join();
  unix_client busy = join();
  lazy.write("big " + std::to_string(octets) + "\n");
  for (int i = 0; i < 3; ++i) {
    turn();
    BOOST_TEST(ask(busy, "echo here\n") == "here\n");
  }
  std::size_t got = 0;
  for (int i = 0; i < 10'000 && got < octets; ++i) {
    got += lazy.read().size();
    turn();
  }
  BOOST_TEST(got == octets);
}

BOOST_AUTO_TEST_CASE(requests_behind_a_large_answer_wait_for_it) {
  unix_client one = join();
  one.write("big 4000000\necho after\n");
  std::string all;
  for (int i = 0; i < 10'000 && all.size() < 4'000'006; ++i) {
    turn();
    all += one.read();
  }
  BOOST_TEST(all.substr(3'999'999) == "xafter\n");
}

BOOST_AUTO_TEST_CASE(a_closing_client_gets_its_last_word_and_is_let_go) {
  unix_client one = join();
  BOOST_TEST(ask(one, "end\n") == "bye\n");
  BOOST_TEST(one.closed());
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(a_closing_client_without_a_last_word_is_let_go_at_once) {
  unix_client one = join();
  one.write("out\n");
  BOOST_TEST(is_out(one));
}

BOOST_AUTO_TEST_CASE(closing_behind_an_answer_is_closing_too) {
  unix_client one = join();
  BOOST_TEST(ask(one, "echo a\nout\n") == "a\n");
  BOOST_TEST(one.closed());
  unix_client other = join();
  other.write("later\nout\n");
  turn();
  hub.answer(waiting.at(0), "b\n", now);
  BOOST_TEST(other.read() == "b\n");
  BOOST_TEST(other.closed());
}

BOOST_AUTO_TEST_CASE(who_leaves_while_its_answer_is_made_is_forgotten) {
  unix_client one = join();
  unix_client other = join();
  BOOST_TEST(ask(one, "later\n") == "");
  one.leave();
  turn();
  BOOST_TEST(hub.size() == 1);
  hub.answer(waiting.at(0), "to nobody\n", now);
  BOOST_TEST(ask(other, "echo here\n") == "here\n");
}

BOOST_AUTO_TEST_CASE(an_answer_between_the_wait_and_the_turn_mixes_up_nobody) {
  unix_client leaves = join();
  unix_client stays = join();
  unix_client last = join();
  BOOST_TEST(ask(leaves, "later\n") == "");
  leaves.leave();
  stays.write("echo one\n");
  look(); // all that is ready is known from here on
  hub.answer(waiting.at(0), "to nobody\n", now);
  BOOST_TEST(hub.size() == 2);
  hub.serve(watched, now);
  BOOST_TEST(hub.size() == 2);
  BOOST_TEST(stays.read() == "one\n");
  BOOST_TEST(ask(last, "echo two\n") == "two\n");
}

BOOST_AUTO_TEST_CASE(who_asks_while_a_round_is_out_shares_the_next) {
  unix_client first = join();
  unix_client second = join();
  unix_client third = join();
  BOOST_TEST(ask(first, "round\n") == "");
  BOOST_TEST(ask(second, "round\n") == "");
  BOOST_TEST(ask(third, "round\n") == "");
  BOOST_TEST(rounds_begun == 1);
  answer_round("one\n");
  BOOST_TEST(first.read() == "one\n");
  BOOST_TEST(second.read() == "");
  BOOST_TEST(rounds_begun == 2);
  answer_round("two\n");
  BOOST_TEST(second.read() == "two\n");
  BOOST_TEST(third.read() == "two\n");
  BOOST_TEST(rounds_begun == 2);
}

BOOST_AUTO_TEST_CASE(who_asks_twice_at_once_gets_two_rounds) {
  unix_client one = join();
  BOOST_TEST(ask(one, "round\nround\n") == "");
  answer_round("one\n");
  BOOST_TEST(one.read() == "one\n");
  BOOST_TEST(rounds_begun == 2);
  answer_round("two\n");
  BOOST_TEST(one.read() == "two\n");
}

BOOST_AUTO_TEST_CASE(who_waits_for_an_answer_of_its_own_gets_no_rounds) {
  unix_client one = join();
  unix_client other = join();
  BOOST_TEST(ask(one, "later\n") == "");
  BOOST_TEST(ask(other, "round\n") == "");
  answer_round("one\n");
  BOOST_TEST(one.read() == "");
  BOOST_TEST(other.read() == "one\n");
}

BOOST_AUTO_TEST_CASE(who_asks_and_leaves_begins_no_round_after_the_one_that_is_out) {
  for (int i = 0; i < 20; ++i) {
    unix_client one = join();
    BOOST_TEST(ask(one, "round\n") == "");
    one.leave();
    turn();
  }
  BOOST_TEST(rounds_begun == 1);
  answer_round("to nobody\n");
  BOOST_TEST(rounds_begun == 1);
  unix_client stays = join();
  BOOST_TEST(ask(stays, "round\n") == "");
  BOOST_TEST(rounds_begun == 2);
}

BOOST_AUTO_TEST_CASE(who_left_before_the_turn_is_let_go) {
  unix_client one = join();
  one.leave();
  turn();
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(out_of_descriptors_the_oldest_client_makes_room) {
  unix_client first = join();
  unix_client second = join();
  unix_client third(path); // in the backlog
  {
    const no_descriptors_left full;
    turn();
    BOOST_TEST(hub.size() == 1);
    turn();
    BOOST_TEST(hub.size() == 2);
  }
  BOOST_TEST(first.closed());
  BOOST_TEST(ask(second, "echo two\n") == "two\n");
  BOOST_TEST(ask(third, "echo three\n") == "three\n");
}

BOOST_AUTO_TEST_CASE(out_of_descriptors_with_no_client_who_waits_is_turned_away) {
  unix_client turned_away(path);
  {
    const no_descriptors_left full;
    turn();
    BOOST_TEST(hub.size() == 0);
  }
  BOOST_TEST(turned_away.closed());
  unix_client next = join();
  BOOST_TEST(ask(next, "echo next\n") == "next\n");
}

BOOST_AUTO_TEST_CASE(without_even_a_spare_descriptor_the_socket_is_left_alone_for_a_while) {
  const std::string own = folder.at("own.sock");
  actors::control_socket listening = actors::control_socket::listen(own, {});
  unix_client early(own);
  std::optional<actors::client_hub> starved;
  {
    const no_descriptors_left full;
    starved.emplace(std::move(listening),
                    client_bounds{clients_max, std::size_t{1} << 20, output_octets_max},
                    [](client&) {});
    starved->watch(watched, now);
    watched.front().readable = true;
    starved->serve(watched, now);
  }
  BOOST_TEST((starved->next_look() == now + limits::socket_retry_max));
  watched.clear();
  starved->watch(watched, now);
  BOOST_TEST(!watched.front().for_reading);
  now += limits::socket_retry_max;
  watched.clear();
  starved->watch(watched, now);
  BOOST_TEST(watched.front().for_reading);
  BOOST_TEST((starved->next_look() == never));
  watched.front().readable = true;
  starved->serve(watched, now);
  BOOST_TEST(starved->size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
