#include "actors/aead_choice.hpp"

#include "messages/moment.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace troupe::actors {

namespace {

constexpr std::size_t packets = 64;
constexpr std::size_t packet_octets = 1424; // of the default MTU, padded

/// Of the best of several rounds: others may want the CPU meanwhile.
std::chrono::nanoseconds time_to_seal(crypto::aead_engine& engine) {
  constexpr int rounds = 5;
  const byte_array<32> key{};
  std::vector<std::uint8_t> text(packet_octets + 16);
  std::array<crypto::aead_job, packets> jobs;
  for (std::size_t i = 0; i < packets; ++i)
    jobs[i] = {key.data(), i, text.data(), packet_octets, {}, false};
  std::chrono::nanoseconds best = std::chrono::nanoseconds::max();
  for (int round = 0; round < rounds; ++round) {
    const std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    engine.seal(jobs);
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
  }
  return best;
}

std::string compare(std::chrono::nanoseconds faster, std::chrono::nanoseconds slower) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f times as fast here as",
                static_cast<double>(slower.count()) / static_cast<double>(faster.count()));
  return text;
}

aead_choice sodium(const std::string& why) {
  return {crypto::make_sodium_engine, "libsodium: " + why};
}

aead_choice ipsec_mb(const std::string& why) {
  return {crypto::make_ipsec_mb_engine, "ipsec-mb: " + why};
}

} // namespace

aead_choice choose_aead(conf::aead_kind wanted) {
  if (wanted == conf::aead_kind::libsodium)
    return sodium("as configured");
  const std::unique_ptr<crypto::aead_engine> candidate = crypto::make_ipsec_mb_engine();
  const bool right = candidate && crypto::agrees_with_sodium(*candidate);
  const std::string missing = !candidate ? "this build, or this processor, has no ipsec-mb"
                                         : "ipsec-mb computes something else here, and is not used";
  if (wanted == conf::aead_kind::ipsec_mb) {
    if (!right)
      throw std::runtime_error("tunnel.aead = \"ipsec-mb\": " + missing +
                               "; set tunnel.aead = \"auto\"");
    return ipsec_mb("as configured");
  }
  if (!right)
    return sodium(missing);
  const std::chrono::nanoseconds theirs = time_to_seal(*candidate);
  const std::chrono::nanoseconds ours = time_to_seal(*crypto::make_sodium_engine());
  return theirs < ours ? ipsec_mb(compare(theirs, ours) + " libsodium")
                       : sodium(compare(ours, theirs) + " ipsec-mb");
}

} // namespace troupe::actors
