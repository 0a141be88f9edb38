#include "actors/log.hpp"

#include "messages/limits.hpp"
#include "messages/unique_fd.hpp"

#include "tests/actors/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace troupe::actors {

namespace {

struct log_fixture {
  temporary_folder folder;
  std::string file = folder.at("log");

  [[nodiscard]] log_book::settings to_file(log_format format = log_format::text) const {
    return {format, file, [](const std::string&) { return spdlog::level::info; }};
  }
  /// After the book has been let go, when its thread has written everything.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> read;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
      read.push_back(line);
    return read;
  }
};

/// Standard error is a pipe that nobody reads yet.
class full_stderr {
public:
  full_stderr() {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    reading_ = unique_fd(ends[0]);
    const unique_fd writing(ends[1]);
    ::dup2(writing.fd(), STDERR_FILENO);
  }
  ~full_stderr() { restore(); }

  void begin_reading() {
    reader_ = std::thread([this] {
      std::array<char, 65536> buffer;
      for (ssize_t got = 0; (got = ::read(reading_.fd(), buffer.data(), buffer.size())) > 0;)
        text_.append(buffer.data(), static_cast<std::size_t>(got));
    });
  }
  std::string read_all() {
    restore();
    return text_;
  }

private:
  /// Which closes the pipe's writing end.
  void restore() {
    ::dup2(before_.fd(), STDERR_FILENO);
    if (reader_.joinable())
      reader_.join();
  }

  unique_fd before_{::dup(STDERR_FILENO)};
  unique_fd reading_;
  std::thread reader_;
  std::string text_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(log, log_fixture)

BOOST_AUTO_TEST_CASE(a_line_of_text_has_time_level_actor_and_message) {
  {
    const log_book book(to_file());
    book.open("tun-reader/0")->warn("packet {} of {}", 1, 2);
  }
  const std::vector<std::string> written = lines();
  BOOST_TEST(written.size() == 1);
  BOOST_TEST(std::regex_match(written.at(0),
                              std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z warning  )"
                                         R"(tun-reader/0: packet 1 of 2)")));
}

BOOST_AUTO_TEST_CASE(a_line_of_json_is_one_object) {
  {
    const log_book book(to_file(log_format::json));
    book.open("tunnel")->error("said");
  }
  const nlohmann::json object = nlohmann::json::parse(lines().at(0));
  BOOST_TEST(object.size() == 4);
  BOOST_TEST(object.at("level") == "error");
  BOOST_TEST(object.at("actor") == "tunnel");
  BOOST_TEST(object.at("message") == "said");
  BOOST_TEST(std::regex_match(object.at("time").get<std::string>(),
                              std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
}

BOOST_AUTO_TEST_CASE(json_escapes_whatever_a_message_holds) {
  const std::string awkward = "a \"quote\", a \\, a\nline, \x01 and \xff";
  {
    const log_book book(to_file(log_format::json));
    book.open("admin")->info("{}", awkward);
    book.open("admin")->info("the next");
  }
  const std::vector<std::string> written = lines();
  BOOST_TEST(written.size() == 2);
  const std::string message = nlohmann::json::parse(written.at(0)).at("message");
  BOOST_TEST(message == "a \"quote\", a \\, a\nline, \x01 and \xef\xbf\xbd");
}

BOOST_AUTO_TEST_CASE(each_actor_has_its_own_level) {
  {
    log_book::settings chosen = to_file();
    chosen.level = [](const std::string& actor) {
      return actor == "tunnel" ? spdlog::level::trace : spdlog::level::warn;
    };
    const log_book book(chosen);
    book.open("tunnel")->trace("seen");
    book.open("admin")->info("unseen");
    BOOST_TEST(!book.open("admin")->should_log(spdlog::level::info));
  }
  BOOST_TEST(lines().size() == 1);
  BOOST_TEST(lines().at(0).find("tunnel: seen") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_is_appended_to) {
  for (int i = 0; i < 2; ++i) {
    const log_book book(to_file());
    book.open("supervisor")->info("again");
  }
  BOOST_TEST(lines().size() == 2);
}

BOOST_AUTO_TEST_CASE(a_target_that_cannot_be_written_is_an_error_that_names_it) {
  file = folder.path(); // a folder is no file
  const auto names_it = [&](const std::runtime_error& error) {
    const std::string text = error.what();
    return text.find("cannot write the log to " + file + " (log.target)") == 0;
  };
  BOOST_CHECK_EXCEPTION(static_cast<void>(log_book(to_file())), std::runtime_error, names_it);
}

BOOST_AUTO_TEST_CASE(no_line_is_lost_while_there_is_room) {
  {
    const log_book book(to_file());
    book.open("tunnel")->info("one");
    book.report_lost_lines();
  }
  BOOST_TEST(lines().size() == 1);
}

BOOST_AUTO_TEST_CASE(lost_lines_are_counted_and_told_at_the_end) {
  constexpr std::size_t said = 2 * limits::log_queue_lines; // the pipe holds far less than half
  full_stderr pipe;
  {
    const log_book book(
        {log_format::text, "stderr", [](const std::string&) { return spdlog::level::info; }});
    const logger says = book.open("tunnel");
    for (std::size_t i = 0; i < said; ++i)
      says->info("line {:100}", i);
    book.report_lost_lines();
    pipe.begin_reading();
  }
  const std::string text = pipe.read_all();
  std::smatch told;
  const std::regex last(R"(warning  supervisor: (\d+) lines of this log were lost: .*\n$)");
  BOOST_REQUIRE(std::regex_search(text, told, last));
  const auto written = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) - 1;
  BOOST_TEST(written < said);
  // The report itself may have taken the place of one more.
  const std::size_t known = written + std::stoul(told[1]);
  BOOST_TEST((known == said || known + 1 == said));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::actors
