#include "tests/actors/unix_client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace troupe::actors {

namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

unique_fd connected_to(const std::string& path) {
  unique_fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = address_of(path);
  if (::connect(made.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return made;
}

} // namespace

bool can_connect(const std::string& path) {
  return static_cast<bool>(connected_to(path));
}

unique_fd listening_at(const std::string& path) {
  unique_fd made(::socket(AF_UNIX, SOCK_STREAM, 0));
  const sockaddr_un address = address_of(path);
  if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(made.fd(), 1) != 0)
    throw std::runtime_error("cannot listen at " + path);
  return made;
}

unix_client::unix_client(const std::string& path) : fd_(connected_to(path)) {
  if (!fd_)
    throw std::runtime_error("cannot connect to " + path);
}

void unix_client::write(std::string_view text) {
  const ssize_t sent = ::send(fd_.fd(), text.data(), text.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the socket does not take it all");
}

std::string unix_client::read() {
  std::string all;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd_.fd(), buffer.data(), buffer.size(), 0);
    closed_ = closed_ || got == 0 || (got < 0 && errno == ECONNRESET);
    if (got <= 0)
      return all;
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

bool unix_client::closed() {
  read();
  return closed_;
}

void unix_client::finish_writing() {
  ::shutdown(fd_.fd(), SHUT_WR);
}

} // namespace troupe::actors
