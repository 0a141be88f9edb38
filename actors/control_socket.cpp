#include "actors/control_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace troupe::actors {

namespace {

constexpr int backlog = 64;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::system_category(), what);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the socket path " + path + " is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

unique_fd make_socket() {
  unique_fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made)
    fail("cannot make a Unix socket");
  return made;
}

bool somebody_answers(const std::string& path) {
  const sockaddr_un address = address_of(path);
  const unique_fd probe = make_socket();
  return ::connect(probe.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN; // it listens, and its backlog is full
}

} // namespace

socket_place::socket_place(const std::string& now, std::string path) : path_(std::move(path)) {
  struct stat found {};
  if (::lstat(now.c_str(), &found) == 0) {
    device_ = found.st_dev;
    inode_ = found.st_ino;
  }
}

bool socket_place::in_place() const {
  struct stat found {};
  return ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
}

void socket_place::remove() const {
  if (in_place())
    ::unlink(path_.c_str());
}

control_socket control_socket::listen(const std::string& path, const access& who) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored; // bind says what is wrong
  if (std::filesystem::create_directories(folder, ignored))
    ::chmod(folder.c_str(), 0755);
  if (somebody_answers(path))
    throw std::runtime_error("the socket " + path +
                             " is in use: another daemon runs for this interface; stop it first");
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && !S_ISSOCK(found.st_mode))
    throw std::runtime_error(path + " exists and is no socket: remove it first");
  const std::string temporary = path + "." + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  unique_fd listening = make_socket();
  const sockaddr_un address = address_of(temporary);
  const mode_t former_mask = ::umask(0077);
  const int bound =
      ::bind(listening.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(former_mask);
  if (bound != 0)
    fail("cannot make the socket " + path);
  socket_place place(temporary, path); // before anybody sees it, who might remove it
  const gid_t group = who.group.value_or(static_cast<gid_t>(-1)); // -1: as it is
  if (::chown(temporary.c_str(), static_cast<uid_t>(-1), group) != 0 ||
      ::chmod(temporary.c_str(), who.mode) != 0 || ::listen(listening.fd(), backlog) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    errno = error;
    fail("cannot set up the socket " + path);
  }
  return {std::move(listening), std::move(place), who};
}

control_socket control_socket::adopt(unique_fd listening, const std::string& path) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(listening.fd(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
    throw std::runtime_error("WG_UAPI_FD is no listening socket");
  ::fcntl(listening.fd(), F_SETFD, FD_CLOEXEC);
  ::fcntl(listening.fd(), F_SETFL, O_NONBLOCK);
  return {std::move(listening), socket_place(path, path), {}};
}

control_socket::control_socket(unique_fd listening, socket_place place, access who)
    : fd_(std::move(listening)), who_(who), place_(std::move(place)) {}

control_socket::~control_socket() {
  if (fd_)
    place_.remove();
}

} // namespace troupe::actors
