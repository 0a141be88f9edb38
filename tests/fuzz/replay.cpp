// Replays a fuzz target without libFuzzer: its seeds, then so many mutations of them, the same ones
// in every run. Or writes the seeds to a folder, as a first corpus for libFuzzer.
#include "tests/fuzz/target.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

namespace troupe::fuzz {

namespace {

class mutator {
public:
  explicit mutator(std::vector<octets> from) : seeds_(std::move(from)) {}

  octets next() {
    octets input = seeds_[below(seeds_.size())];
    const std::size_t steps = 1 + below(5);
    for (std::size_t i = 0; i < steps; ++i)
      change(input);
    return input;
  }

private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  std::ptrdiff_t place_in(const octets& input) {
    return static_cast<std::ptrdiff_t>(below(input.size() + 1));
  }

  void change(octets& input) {
    constexpr std::uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '\n', '='};
    const std::ptrdiff_t at = place_in(input);
    const std::ptrdiff_t end = std::min(at + 1 + static_cast<std::ptrdiff_t>(below(16)),
                                        static_cast<std::ptrdiff_t>(input.size()));
    switch (below(6)) {
    case 0:
      if (at < end)
        input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << below(8));
      return;
    case 1:
      if (at < end)
        input[static_cast<std::size_t>(at)] = edges[below(std::size(edges))];
      return;
    case 2:
      input.erase(input.begin() + at, input.begin() + end);
      return;
    case 3:
      input.insert(input.begin() + at, 1 + below(16), static_cast<std::uint8_t>(random_()));
      return;
    case 4: {
      const octets copy(input.begin() + at, input.begin() + end);
      input.insert(input.begin() + place_in(input), copy.begin(), copy.end());
      return;
    }
    default: {
      const octets& other = seeds_[below(seeds_.size())];
      input.resize(static_cast<std::size_t>(at));
      input.insert(input.end(), other.begin() + place_in(other), other.end());
    }
    }
  }

  std::vector<octets> seeds_;
  std::mt19937_64 random_{20160630}; // any number, as long as it stays
};

void write_seeds(const std::string& folder) {
  int number = 0;
  for (const octets& seed : seeds()) {
    std::ofstream file(folder + "/seed-" + std::to_string(++number), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()),
               static_cast<std::streamsize>(seed.size()));
    TROUPE_ASSERT(file.good());
  }
}

void replay(unsigned long rounds) {
  for (const octets& seed : seeds())
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
  mutator mutations(seeds());
  for (unsigned long round = 0; round < rounds; ++round) {
    // In memory of its own size, so that a sanitizer sees what is read behind it.
    const octets grown = mutations.next();
    const octets input(grown.begin(), grown.end());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

} // namespace

} // namespace troupe::fuzz

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1)
    troupe::fuzz::replay(std::strtoul(arguments[0].c_str(), nullptr, 10));
  else if (arguments.size() == 2 && arguments[0] == "--write-seeds")
    troupe::fuzz::write_seeds(arguments[1]);
  else
    std::fprintf(stderr, "usage: %s ROUNDS | --write-seeds FOLDER\n", argv[0]);
  return arguments.empty() || arguments.size() > 2 ? 2 : 0;
}
