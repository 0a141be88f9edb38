#include "actors/control_socket.hpp"

#include "tests/actors/temporary_folder.hpp"
#include "tests/actors/unix_client.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

using namespace troupe;
using namespace troupe::actors;

namespace {

struct socket_fixture {
  temporary_folder folder;
  std::string path = folder.at("run/troupe0.sock");

  [[nodiscard]] unsigned mode_of(const std::string& name) const {
    struct stat found {};
    BOOST_REQUIRE(::lstat(name.c_str(), &found) == 0);
    return found.st_mode & 07777U;
  }
  [[nodiscard]] std::size_t files_beside() const {
    const std::filesystem::directory_iterator first(folder.at("run"));
    return static_cast<std::size_t>(std::distance(first, std::filesystem::directory_iterator()));
  }
};

bool listens(const unique_fd& socket) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(socket.fd(), SOL_SOCKET, SO_ACCEPTCONN, &value, &size);
  return value != 0;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(control_socket, socket_fixture)

BOOST_AUTO_TEST_CASE(it_appears_ready_in_a_folder_made_for_it) {
  const actors::control_socket made = actors::control_socket::listen(path, {});
  BOOST_TEST(made.place().in_place());
  BOOST_TEST(can_connect(path));
  BOOST_TEST(files_beside() == 1); // nothing temporary is left
  BOOST_TEST(mode_of(folder.at("run")) == 0755U);
}

BOOST_AUTO_TEST_CASE(a_file_of_another_kind_is_left_alone) {
  std::filesystem::create_directory(folder.at("run"));
  std::ofstream(path) << "somebody's";
  BOOST_CHECK_EXCEPTION(actors::control_socket::listen(path, {}), std::runtime_error,
                        [](const std::runtime_error& error) {
                          return std::string_view(error.what()).ends_with("remove it first");
                        });
  BOOST_TEST(std::filesystem::file_size(path) == 10U);
}

BOOST_AUTO_TEST_CASE(its_mode_is_the_one_asked_for) {
  const mode_t before = ::umask(0077);
  const actors::control_socket made = actors::control_socket::listen(path, {0660, ::getgid()});
  BOOST_TEST(mode_of(path) == 0660U);
  const actors::control_socket own = actors::control_socket::listen(folder.at("own.sock"), {});
  BOOST_TEST(mode_of(folder.at("own.sock")) == 0600U);
  ::umask(before);
}

BOOST_AUTO_TEST_CASE(a_group_is_given_to_it) {
  if (::geteuid() != 0)
    return;
  const actors::control_socket made = actors::control_socket::listen(path, {0660, 12345});
  struct stat found {};
  BOOST_REQUIRE(::lstat(path.c_str(), &found) == 0);
  BOOST_TEST(found.st_gid == 12345U);
}

BOOST_AUTO_TEST_CASE(a_stale_one_is_replaced) {
  std::filesystem::create_directories(folder.at("run"));
  { const unique_fd left_behind = listening_at(path); }
  BOOST_TEST(!can_connect(path));
  const actors::control_socket made = actors::control_socket::listen(path, {});
  BOOST_TEST(can_connect(path));
}

BOOST_AUTO_TEST_CASE(a_live_one_is_respected) {
  const actors::control_socket live = actors::control_socket::listen(path, {});
  const auto says_so = [&](const std::runtime_error& error) {
    const std::string text = error.what();
    return text.find(path) != std::string::npos && text.find("in use") != std::string::npos &&
           text.find("stop it first") != std::string::npos;
  };
  BOOST_CHECK_EXCEPTION(actors::control_socket::listen(path, {}), std::runtime_error, says_so);
  BOOST_TEST(live.place().in_place());
  BOOST_TEST(can_connect(path));
}

BOOST_AUTO_TEST_CASE(its_path_goes_with_it) {
  { const actors::control_socket made = actors::control_socket::listen(path, {}); }
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(what_took_its_place_stays) {
  {
    const actors::control_socket made = actors::control_socket::listen(path, {});
    std::filesystem::remove(path);
    std::ofstream(path) << "somebody else's";
    BOOST_TEST(!made.place().in_place());
  }
  BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(who_knows_its_place_can_remove_it_and_nothing_else) {
  const actors::control_socket made = actors::control_socket::listen(path, {});
  const socket_place place = made.place();
  place.remove();
  BOOST_TEST(!std::filesystem::exists(path));
  std::ofstream(path) << "somebody else's";
  place.remove();
  BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_moved_one_removes_its_path_once) {
  actors::control_socket made = actors::control_socket::listen(path, {});
  {
    const actors::control_socket moved = std::move(made);
    BOOST_TEST(moved.place().in_place());
  }
  const actors::control_socket again = actors::control_socket::listen(path, {});
  BOOST_TEST(again.place().in_place());
}

BOOST_AUTO_TEST_CASE(a_path_too_long_or_impossible_is_an_error_that_names_it) {
  const std::string too_long = folder.at(std::string(200, 'x'));
  const auto names_it = [&](const std::exception& error) {
    return std::string(error.what()).find(too_long) != std::string::npos;
  };
  BOOST_CHECK_EXCEPTION(actors::control_socket::listen(too_long, {}), std::runtime_error, names_it);
  std::ofstream(folder.at("file")) << "no folder";
  BOOST_CHECK_THROW(actors::control_socket::listen(folder.at("file/x.sock"), {}),
                    std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_listening_socket_can_be_taken_over) {
  std::filesystem::create_directories(folder.at("run"));
  {
    unique_fd given = listening_at(path);
    BOOST_TEST(listens(given));
    const int number = given.fd();
    const actors::control_socket taken = actors::control_socket::adopt(std::move(given), path);
    BOOST_TEST(taken.fd() == number);
    BOOST_TEST(taken.place().in_place());
    BOOST_TEST((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST((::fcntl(number, F_GETFL) & O_NONBLOCK) != 0);
  }
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(what_does_not_listen_is_not_taken_over) {
  const auto names_it = [](const std::runtime_error& error) {
    return std::string(error.what()).find("WG_UAPI_FD") != std::string::npos;
  };
  unique_fd silent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_CHECK_EXCEPTION(actors::control_socket::adopt(std::move(silent), path), std::runtime_error,
                        names_it);
  unique_fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  BOOST_CHECK_EXCEPTION(actors::control_socket::adopt(std::move(file), path), std::runtime_error,
                        names_it);
}

BOOST_AUTO_TEST_SUITE_END()
