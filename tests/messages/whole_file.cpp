#include "messages/whole_file.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

using namespace troupe;

namespace {

struct folder_fixture {
  std::string folder = std::string(::mkdtemp(std::string("/tmp/troupe-XXXXXX").data()));
  std::string path = folder + "/file";

  ~folder_fixture() { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::string content() const {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(whole_file, folder_fixture)

BOOST_AUTO_TEST_CASE(a_file_is_replaced_with_the_permissions_asked_for) {
  write_whole(path, "one", 0644);
  BOOST_TEST(content() == "one");
  write_whole(path, "two", 0600);
  BOOST_TEST(content() == "two");
  struct stat facts {};
  BOOST_TEST(::stat(path.c_str(), &facts) == 0);
  BOOST_TEST((facts.st_mode & 0777U) == 0600U);
  BOOST_TEST(entries() == 1);
}

BOOST_AUTO_TEST_CASE(what_a_killed_writer_left_does_not_hinder) {
  std::ofstream(path + ".new") << "half";
  write_whole(path, "whole", 0600);
  BOOST_TEST(content() == "whole");
  BOOST_TEST(entries() == 1);
}

BOOST_AUTO_TEST_CASE(a_failure_leaves_what_was_and_names_the_file) {
  std::filesystem::create_directory(path); // a folder cannot be replaced by a file
  BOOST_CHECK_EXCEPTION(write_whole(path, "text", 0600), std::system_error,
                        [this](const std::system_error& error) {
                          return std::string(error.what()).find(path) != std::string::npos;
                        });
  BOOST_TEST(entries() == 1);
  BOOST_CHECK_THROW(write_whole(folder + "/none/file", "text", 0600), std::system_error);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_gone_can_be_removed) {
  write_whole(path, "text", 0600);
  remove_file(path);
  remove_file(path);
  BOOST_TEST(entries() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
