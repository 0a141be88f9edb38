#include "messages/unique_fd.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <utility>

using namespace troupe;

namespace {

int open_null() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  BOOST_REQUIRE(fd >= 0);
  return fd;
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(unique_fd_)

BOOST_AUTO_TEST_CASE(descriptor_closes_with_its_owner) {
  const int number = open_null();
  {
    const unique_fd owner(number);
    BOOST_TEST(bool(owner));
    BOOST_TEST(owner.fd() == number);
    BOOST_TEST(is_open(number));
  }
  BOOST_TEST(!is_open(number));
}

BOOST_AUTO_TEST_CASE(negative_number_owns_nothing) {
  BOOST_TEST(!unique_fd());
  BOOST_TEST(!unique_fd(-1));
}

BOOST_AUTO_TEST_CASE(move_hands_over_and_assignment_closes_what_was_there) {
  const int first = open_null();
  const int second = open_null();
  unique_fd owner(first);
  unique_fd heir(second);
  heir = std::move(owner);
  BOOST_TEST(heir.fd() == first);
  BOOST_TEST(is_open(first));
  BOOST_TEST(!is_open(second));
}

BOOST_AUTO_TEST_CASE(released_descriptor_stays_open) {
  const int number = open_null();
  {
    unique_fd owner(number);
    BOOST_TEST(owner.release() == number);
    BOOST_TEST(!owner);
  }
  BOOST_TEST(is_open(number));
  ::close(number);
}

BOOST_AUTO_TEST_SUITE_END()
