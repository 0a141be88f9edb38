#include "actors/aead_choice.hpp"

#include "messages/moment.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace troupe::actors {

namespace {

using engine_maker = std::unique_ptr<crypto::aead_engine> (*)();

struct known_engine {
  conf::aead_kind kind;
  const char* name;
  engine_maker make;
};

/// The reference first: it is always there, and right by definition.
constexpr std::array<known_engine, 3> known_engines = {{
    {conf::aead_kind::libsodium, "libsodium", crypto::make_sodium_engine},
    {conf::aead_kind::ipsec_mb, "ipsec-mb", crypto::make_ipsec_mb_engine},
    {conf::aead_kind::libgcrypt, "libgcrypt", crypto::make_libgcrypt_engine},
}};

constexpr std::size_t packets = 64;
constexpr std::size_t packet_octets = 1424; // of the default MTU, padded

/// There and back, of the best of several rounds: others may want the CPU meanwhile.
std::chrono::nanoseconds time_of(crypto::aead_engine& engine) {
  constexpr int rounds = 5;
  constexpr std::size_t slot_octets = packet_octets + 16;
  const byte_array<32> key{};
  std::vector<std::uint8_t> texts(packets * slot_octets);
  std::array<crypto::aead_job, packets> jobs;
  for (std::size_t i = 0; i < packets; ++i)
    jobs[i] = {key.data(), i, &texts[i * slot_octets], packet_octets, {}, false};
  std::chrono::nanoseconds best = std::chrono::nanoseconds::max();
  for (int round = 0; round < rounds; ++round) {
    const std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    engine.seal(jobs);
    engine.open(jobs);
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
  }
  return best;
}

/// Why an engine is not used; empty if nothing speaks against it.
std::string objection(const known_engine& known, crypto::aead_engine* engine) {
  const std::string name = known.name;
  if (engine == nullptr)
    return "this build, or this machine, has no " + name;
  return crypto::agrees_with_sodium(*engine)
             ? ""
             : name + " computes something else here, and is not used";
}

aead_choice choose_by_name(const known_engine& wanted) {
  const std::string name = wanted.name;
  const std::unique_ptr<crypto::aead_engine> engine = wanted.make();
  if (const std::string why_not = objection(wanted, engine.get()); !why_not.empty())
    throw std::runtime_error("tunnel.aead = \"" + name + "\": " + why_not +
                             "; set tunnel.aead = \"auto\"");
  return {wanted.make, name + ": as configured"};
}

aead_choice choose_fastest() {
  struct timed {
    const known_engine* known;
    std::chrono::nanoseconds time;
  };
  std::vector<timed> usable;
  std::string remarks;
  for (const known_engine& each : known_engines) {
    const std::unique_ptr<crypto::aead_engine> engine = each.make();
    if (const std::string why_not = objection(each, engine.get()); !why_not.empty())
      remarks += (remarks.empty() ? "" : "; ") + why_not;
    else
      usable.push_back({&each, time_of(*engine)});
  }
  std::sort(usable.begin(), usable.end(),
            [](const timed& left, const timed& right) { return left.time < right.time; });
  const timed& fastest = usable.front();
  std::string comparison;
  for (std::size_t i = 1; i < usable.size(); ++i)
    comparison += fmt::format("{}{:.1f} times as fast here as {}", i == 1 ? "" : ", ",
                              static_cast<double>(usable[i].time.count()) /
                                  static_cast<double>(fastest.time.count()),
                              usable[i].known->name);
  const std::string_view separator = comparison.empty() || remarks.empty() ? "" : "; ";
  return {fastest.known->make,
          fmt::format("{}: {}{}{}", fastest.known->name, comparison, separator, remarks)};
}

} // namespace

aead_choice choose_aead(conf::aead_kind wanted) {
  for (const known_engine& each : known_engines)
    if (each.kind == wanted)
      return choose_by_name(each);
  return choose_fastest();
}

} // namespace troupe::actors
