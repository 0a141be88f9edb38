#include "actors/log.hpp"

#include "tests/actors/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <regex>
#include <stdexcept>
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
  const log_book book(to_file());
  book.open("tunnel")->info("one");
  BOOST_TEST(book.lines_lost() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::actors
