#include "actors/client_hub.hpp"

#include "tests/actors/hub_room.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

/// A protocol of lines: `stream` makes who says it be streamed to, and any other line ends that and
/// is repeated; a line of more than 100 octets closes the connection.
struct hub_fixture : hub_room {
  hub_fixture() : hub_room(std::size_t{1} << 20, [](client& who) { on_input(who); }) {}

  static void on_input(client& who) {
    const std::size_t end = who.input.find('\n');
    who.closing = std::min(end, who.input.size()) > 100;
    if (who.closing || end == std::string::npos)
      return;
    const std::string line = who.input.substr(0, end + 1);
    who.input.erase(0, end + 1);
    who.streaming = line == "stream\n";
    who.output += line;
  }

  unix_client join_stream() {
    unix_client made = join();
    made.write("stream\n");
    turn();
    BOOST_TEST(made.read() == "stream\n");
    return made;
  }
  /// How many were given it.
  int feed(const std::string& text) {
    int given = 0;
    hub.feed(
        [&](client& who) {
          who.output += text;
          ++given;
        },
        now);
    return given;
  }
  /// Whether poll(2) would return at once.
  [[nodiscard]] bool has_work() {
    look();
    return std::any_of(watched.begin(), watched.end(),
                       [](const watched_fd& each) { return each.ready(); });
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_hub_streams, hub_fixture)

BOOST_AUTO_TEST_CASE(who_is_streamed_to_is_fed_and_nobody_else) {
  unix_client other = join();
  unix_client one = join_stream();
  BOOST_TEST(feed("line\n") == 1);
  BOOST_TEST(one.read() == "line\n");
  BOOST_TEST(other.read() == "");
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_fed_no_more_until_it_has) {
  unix_client one = join_stream();
  const std::string much(std::size_t{4} << 20, 'x');
  BOOST_TEST(feed(much) == 1);
  for (int i = 0; i < 3; ++i) {
    turn();
    BOOST_TEST(feed("more\n") == 0);
  }
  std::string got;
  for (int i = 0; i < 10'000 && got.size() < much.size(); ++i) {
    got += one.read();
    turn();
  }
  BOOST_TEST(got.size() == much.size());
  BOOST_TEST(feed("more\n") == 1);
  BOOST_TEST(one.read() == "more\n");
}

BOOST_AUTO_TEST_CASE(a_further_request_ends_the_stream_and_is_answered) {
  unix_client one = join_stream();
  one.write("hello\n");
  turn();
  BOOST_TEST(one.read() == "hello\n");
  BOOST_TEST(feed("line\n") == 0);
}

BOOST_AUTO_TEST_CASE(a_request_in_the_same_write_ends_the_stream_at_once) {
  unix_client one = join();
  one.write("stream\nhello\n");
  turn();
  BOOST_TEST(one.read() == "stream\nhello\n");
  BOOST_TEST(feed("line\n") == 0);
}

BOOST_AUTO_TEST_CASE(who_has_closed_its_half_is_streamed_to_and_costs_no_turn) {
  unix_client one = join();
  one.write("stream\n");
  one.finish_writing();
  turn();
  turn();
  BOOST_TEST(!has_work());
  BOOST_TEST(feed("line\n") == 1);
  BOOST_TEST(one.read() == "stream\nline\n");
  one.leave();
  turn();
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(who_leaves_is_let_go_whether_it_has_read_or_not) {
  {
    unix_client one = join_stream();
    unix_client other = join_stream();
    feed(std::string(std::size_t{4} << 20, 'x')); // more than their sockets take
    one.read();
  }
  turn();
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(who_leaves_in_the_middle_of_silence_is_let_go_in_the_same_turn) {
  unix_client one = join_stream();
  one.leave();
  turn();
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(who_floods_while_it_is_streamed_to_is_let_go) {
  unix_client one = join_stream();
  one.write(std::string(1000, 'x'));
  turn();
  BOOST_TEST(one.closed());
  BOOST_TEST(hub.size() == 0);
}

BOOST_AUTO_TEST_CASE(who_floods_and_does_not_read_is_not_read_from) {
  unix_client one = join_stream();
  feed(std::string(std::size_t{4} << 20, 'x'));
  one.write(std::string(1000, 'x'));
  turn();
  BOOST_TEST(hub.size() == 1);
  BOOST_TEST(!has_work());
}

BOOST_AUTO_TEST_CASE(when_full_a_silent_stream_stays_and_who_is_idle_goes) {
  unix_client stream = join_stream();
  unix_client idle = join();
  unix_client third = join();
  unix_client fourth = join();
  turn();
  BOOST_TEST(idle.closed());
  BOOST_TEST(feed("line\n") == 1);
  BOOST_TEST(stream.read() == "line\n");
}

BOOST_AUTO_TEST_CASE(when_full_of_streams_the_longest_silent_of_them_goes) {
  unix_client first = join_stream();
  unix_client second = join_stream();
  unix_client third = join_stream();
  unix_client fourth = join();
  turn();
  BOOST_TEST(first.closed());
  BOOST_TEST(feed("line\n") == 2);
}

BOOST_AUTO_TEST_SUITE_END()
