#include "actors/log_board.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace troupe::actors {

namespace {

struct board_fixture {
  std::shared_ptr<log_board> board =
      std::make_shared<log_board>([](const std::string&) { return log_level::info; });
  std::ostringstream target;
  int woken = 0;

  std::shared_ptr<actor_logger> open(const std::string& actor) {
    const auto written = std::make_shared<spdlog::logger>(
        actor, std::make_shared<spdlog::sinks::ostream_sink_mt>(target));
    written->set_pattern("%n: %v");
    auto opened = std::make_shared<actor_logger>(actor, written, board);
    board->add(opened);
    return opened;
  }
  std::shared_ptr<log_stream> follow(log_choice chosen) {
    return board->follow(
        std::move(chosen), [this] { ++woken; }, limits::log_streams_max);
  }
  /// At `trace`, with its own lines.
  std::shared_ptr<log_stream> trace(std::optional<std::string> actor = {}) {
    return follow({std::move(actor), {}, log_level::trace, true});
  }
  static std::vector<std::string> messages(const log_lines& lines) {
    std::vector<std::string> found;
    for (const std::shared_ptr<const log_line>& each : lines)
      found.push_back(each->message);
    return found;
  }
  static std::vector<std::string> take(log_stream& from) {
    return messages(from.take(1 << 20).lines);
  }
};

using texts = std::vector<std::string>;

/// With what each of them occupies, so many fill a stream.
const std::string long_text(1000, 'x');
const std::size_t lines_of_a_stream =
    limits::log_stream_octets_max / log_line{{}, {}, "tunnel", "", long_text}.octets();

} // namespace

BOOST_FIXTURE_TEST_SUITE(lines_of_the_log, board_fixture)

BOOST_AUTO_TEST_CASE(what_is_logged_is_kept_and_can_be_chosen_from) {
  const auto tunnel = open("tunnel");
  const auto reader = open("tun-reader/0");
  tunnel->info("one");
  tunnel->debug("not logged");
  reader->warn("two");
  BOOST_TEST(messages(board->recent({})) == texts({"one", "two"}));
  BOOST_TEST(messages(board->recent({"tun-reader", {}, {}, false})) == texts({"two"}));
  BOOST_TEST(messages(board->recent({"tun-reader/0", {}, {}, false})) == texts({"two"}));
  BOOST_TEST(messages(board->recent({"tun-reader/1", {}, {}, false})) == texts());
  BOOST_TEST(messages(board->recent({"tun", {}, {}, false})) == texts());
  BOOST_TEST(messages(board->recent({{}, {}, log_level::warn, false})) == texts({"two"}));
  BOOST_TEST(target.str() == "tunnel: one\ntun-reader/0: two\n");
}

BOOST_AUTO_TEST_CASE(lines_are_of_the_peer_that_they_are_about_whatever_names_hold) {
  const auto tunnel = open("tunnel");
  for (const std::string name : {"a", "ab", "a: b", ""})
    tunnel->log(about(name), log_level::info, "peer {}: said", name);
  tunnel->info("peer a: looks like it");
  const auto of = [&](const std::string& name) {
    return messages(board->recent({{}, name, {}, false}));
  };
  BOOST_TEST(of("a") == texts({"peer a: said"}));
  BOOST_TEST(of("ab") == texts({"peer ab: said"}));
  BOOST_TEST(of("a: b") == texts({"peer a: b: said"}));
  BOOST_TEST(board->knows_peer("ab"));
  BOOST_TEST(!board->knows_peer("b"));
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_bounded_and_the_oldest_goes) {
  const auto tunnel = open("tunnel");
  for (std::size_t i = 0; i < 2 * lines_of_a_stream; ++i)
    tunnel->info("{} {}", i, long_text);
  const log_lines kept = board->recent({});
  std::size_t octets = 0;
  for (const auto& each : kept)
    octets += each->octets();
  BOOST_TEST(octets <= limits::log_recent_octets_max);
  BOOST_TEST(octets > limits::log_recent_octets_max / 2);
  BOOST_TEST(kept.back()->message.starts_with(std::to_string(2 * lines_of_a_stream - 1) + " "));
  tunnel->info(std::string(limits::log_recent_octets_max, 'x')); // more than all that may be
  BOOST_TEST(board->recent({}).empty());
}

BOOST_AUTO_TEST_CASE(a_stream_begins_with_what_is_kept_and_goes_on_without_a_gap) {
  const auto tunnel = open("tunnel");
  tunnel->info("before");
  const auto stream = follow({});
  tunnel->info("after");
  BOOST_TEST(take(*stream) == texts({"before", "after"}));
  BOOST_TEST(take(*stream) == texts());
  tunnel->info("later");
  BOOST_TEST(take(*stream) == texts({"later"}));
}

BOOST_AUTO_TEST_CASE(lines_below_the_level_go_to_the_stream_that_asked_and_nowhere_else) {
  const auto tunnel = open("tunnel");
  const auto admin = open("admin");
  const auto plain = follow({});
  {
    const auto traced = trace("tunnel");
    BOOST_TEST(tunnel->should_log(log_level::trace));
    BOOST_TEST(!admin->should_log(log_level::debug));
    tunnel->trace("packet");
    tunnel->info("event");
    BOOST_TEST(take(*traced) == texts({"packet", "event"}));
  }
  BOOST_TEST(!tunnel->should_log(log_level::debug));
  BOOST_TEST(take(*plain) == texts({"event"}));
  BOOST_TEST(messages(board->recent({})) == texts({"event"}));
  BOOST_TEST(target.str() == "tunnel: event\n");
}

BOOST_AUTO_TEST_CASE(the_lowest_of_several_streams_holds_until_it_ends) {
  const auto tunnel = open("tunnel");
  auto traced = trace();
  const auto debugged = follow({{}, {}, log_level::debug, true});
  tunnel->trace("t");
  tunnel->debug("d");
  BOOST_TEST(take(*debugged) == texts({"d"}));
  traced.reset();
  BOOST_TEST(tunnel->should_log(log_level::debug));
  BOOST_TEST(!tunnel->should_log(log_level::trace));
}

BOOST_AUTO_TEST_CASE(levels_that_change_during_a_stream_hold_for_the_target_and_after_it) {
  const auto tunnel = open("tunnel");
  auto traced = trace();
  board->set_levels([](const std::string&) { return log_level::warn; });
  tunnel->info("not any more");
  BOOST_TEST(target.str() == "");
  BOOST_TEST(take(*traced) == texts({"not any more"}));
  board->set_levels([](const std::string&) { return log_level::trace; });
  tunnel->trace("now");
  BOOST_TEST(target.str() == "tunnel: now\n");
  traced.reset();
  BOOST_TEST(tunnel->should_log(log_level::trace));
  board->set_levels([](const std::string&) { return log_level::off; });
  BOOST_TEST(!tunnel->should_log(log_level::critical));
}

BOOST_AUTO_TEST_CASE(a_logger_opened_during_a_stream_has_its_level) {
  const auto traced = trace("uapi");
  BOOST_TEST(open("uapi")->should_log(log_level::trace));
  BOOST_TEST(!open("admin")->should_log(log_level::trace));
}

BOOST_AUTO_TEST_CASE(a_stream_that_may_not_lower_is_a_choice_of_what_is_logged) {
  const auto tunnel = open("tunnel");
  const log_choice debug{{}, {}, log_level::debug, false};
  BOOST_TEST(board->would_lower(debug));
  BOOST_TEST(!board->would_lower({{}, {}, log_level::info, false}));
  const auto stream = follow(debug);
  BOOST_TEST(!tunnel->should_log(log_level::debug));
  const auto other = trace();
  tunnel->debug("for another");
  tunnel->info("logged");
  BOOST_TEST(take(*stream) == texts({"logged"}));
}

BOOST_AUTO_TEST_CASE(who_does_not_read_loses_the_oldest_lines_and_hears_how_many) {
  const auto tunnel = open("tunnel");
  const auto stream = trace();
  const std::size_t said = 3 * lines_of_a_stream;
  for (std::size_t i = 0; i < said; ++i)
    tunnel->trace("{}", long_text);
  tunnel->trace("last");
  std::size_t octets = 0;
  std::size_t lines = 0;
  const log_stream::taken first = stream->take(64 * 1024);
  BOOST_TEST(first.lost > said / 2);
  BOOST_TEST(first.more);
  for (log_stream::taken each = first;; each = stream->take(64 * 1024)) {
    std::size_t part = 0;
    for (const auto& line : each.lines)
      part += line->octets();
    BOOST_TEST(part <= 64 * 1024U);
    octets += part;
    lines += each.lines.size();
    if (!each.more)
      break;
  }
  BOOST_TEST(octets <= limits::log_stream_octets_max);
  BOOST_TEST(first.lost + lines == said + 1);
  BOOST_TEST(stream->take(1).lost == 0U);
}

BOOST_AUTO_TEST_CASE(a_stream_calls_once_until_it_was_found_empty) {
  const auto tunnel = open("tunnel");
  const auto stream = follow({});
  tunnel->info("1");
  tunnel->info("2");
  BOOST_TEST(woken == 1);
  BOOST_TEST(take(*stream).size() == 2U);
  tunnel->info("3");
  BOOST_TEST(woken == 1); // it is looked at again anyway
  BOOST_TEST(take(*stream).size() == 1U);
  BOOST_TEST(take(*stream).empty());
  tunnel->info("4");
  BOOST_TEST(woken == 2);
  tunnel->debug("nobody wants it");
  BOOST_TEST(woken == 2);
}

BOOST_AUTO_TEST_CASE(there_are_only_so_many_streams) {
  std::vector<std::shared_ptr<log_stream>> all;
  for (std::size_t i = 0; i < limits::log_streams_max; ++i)
    all.push_back(trace());
  BOOST_TEST(all.back());
  BOOST_TEST(!trace());
  all.pop_back();
  BOOST_TEST(trace());
}

BOOST_AUTO_TEST_CASE(a_line_longer_than_a_stream_may_be_is_lost_alone) {
  const auto tunnel = open("tunnel");
  const auto stream = trace();
  tunnel->info(std::string(limits::log_stream_octets_max, 'x'));
  const log_stream::taken taken = stream->take(1 << 20);
  BOOST_TEST(taken.lost == 1U);
  BOOST_TEST(taken.lines.empty());
  tunnel->info("next");
  BOOST_TEST(take(*stream) == texts({"next"}));
}

BOOST_AUTO_TEST_CASE(actors_are_known_with_and_without_their_number) {
  const auto reader = open("tun-reader/0");
  for (const char* const known : {"tun-reader/0", "tun-reader"})
    BOOST_TEST(board->knows_actor(known));
  for (const char* const unknown : {"tun", "tun-reader/1", "", "tun-reader/"})
    BOOST_TEST(!board->knows_actor(unknown));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::actors
