// Asks a WireGuard responder for as many handshakes as it will answer, each as another peer, to
// measure how many that is. The initiations are made beforehand, so that the responder is what is
// measured.
//   handshake-load keys COUNT                              the peers' public keys, one a line
//   handshake-load run ADDRESS:PORT KEY COUNT OUTSTANDING  one line of JSON
#include "messages/address.hpp"
#include "messages/unique_fd.hpp"
#include "messages/wire.hpp"

#include "crypto/cookie.hpp"
#include "crypto/noise.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace troupe;
using std::chrono::steady_clock;

constexpr auto give_up_after = std::chrono::milliseconds(500);
constexpr unsigned long count_max = 100'000;

/// The same for each run, so that the responder can be told the keys first. They guard nothing.
secret_key derived_key(std::uint32_t peer, std::uint8_t purpose) {
  byte_array<5> input{0, 0, 0, 0, purpose};
  store_be32(input.data(), peer);
  return secret_key::copy_of(crypto::blake2s(input));
}

std::vector<wire::handshake_initiation> make_initiations(const public_key& responder,
                                                         std::uint32_t count) {
  std::vector<wire::handshake_initiation> made;
  for (std::uint32_t peer = 0; peer < count; ++peer) {
    const crypto::identity self = crypto::identity::of(derived_key(peer, 0));
    crypto::timestamp_source clock;
    made.push_back(crypto::create_initiation(
                       self, responder, crypto::static_static(self, responder).value(),
                       derived_key(peer, 1), clock.next(std::chrono::system_clock::now()), peer)
                       .value()
                       .message);
    crypto::cookie_maker(responder).add_macs(wire::as_writable_bytes(made.back()),
                                             steady_clock::now());
  }
  return made;
}

unique_fd connect_to(const endpoint& target) {
  unique_fd made(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  std::memcpy(&address.sin_addr, target.address.octets.data(), sizeof address.sin_addr);
  if (::connect(made.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    made = unique_fd();
  return made;
}

/// Keeps `outstanding` initiations unanswered. One that is not answered in time is lost.
int run(const endpoint& target, const public_key& responder, std::uint32_t count,
        std::uint32_t outstanding) {
  const std::vector<wire::handshake_initiation> initiations = make_initiations(responder, count);
  const unique_fd socket = connect_to(target);
  if (!socket) {
    std::perror("handshake-load: cannot reach the responder");
    return 1;
  }
  std::uint32_t sent = 0, answered = 0, cookies = 0, lost = 0;
  const steady_clock::time_point begin = steady_clock::now();
  while (answered + cookies + lost < count) {
    for (; sent < count && sent - answered - cookies - lost < outstanding; ++sent)
      if (::send(socket.fd(), &initiations[sent], sizeof initiations[sent], 0) < 0)
        ++lost;
    pollfd ready{socket.fd(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(give_up_after.count())) == 0) {
      lost += sent - answered - cookies - lost;
      continue;
    }
    byte_array<256> buffer;
    const ssize_t length = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
    const auto type =
        wire::classify({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))});
    answered += type == wire::message_type::handshake_response ? 1U : 0U;
    cookies += type == wire::message_type::cookie_reply ? 1U : 0U;
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  std::printf("{\"answered\": %u, \"cookies\": %u, \"lost\": %u, \"seconds\": %.3f}\n", answered,
              cookies, lost, seconds);
  return 0;
}

std::optional<std::uint32_t> number(const char* text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (*end != '\0' || end == text || value == 0 || value > count_max)
    return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

int usage() {
  std::fputs("usage: handshake-load keys COUNT\n"
             "       handshake-load run ADDRESS:PORT KEY COUNT OUTSTANDING\n",
             stderr);
  return 2;
}

} // namespace

int main(int argc, char** argv) {
  crypto::init_primitives();
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "keys") {
    const std::optional<std::uint32_t> count = number(words[1].c_str());
    if (!count)
      return usage();
    for (std::uint32_t peer = 0; peer < *count; ++peer)
      std::puts(to_base64(crypto::identity::of(derived_key(peer, 0)).own_key).c_str());
    return 0;
  }
  if (words.size() != 5 || words[0] != "run")
    return usage();
  const std::optional<endpoint> target = parse_endpoint(words[1]);
  const std::optional<public_key> responder = public_key_from_base64(words[2]);
  const std::optional<std::uint32_t> count = number(words[3].c_str());
  const std::optional<std::uint32_t> outstanding = number(words[4].c_str());
  if (!target || target->address.family != ip_family::v4 || !responder || !count || !outstanding)
    return usage();
  return run(*target, *responder, *count, *outstanding);
}
