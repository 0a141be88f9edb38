// A client_hub whose clients speak a protocol of lines.
#pragma once

#include "tests/actors/hub_room.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// `echo X` is answered with X, `big N` with N octets, `later` and `round`
/// when the test does, `quiet` never; after `end` the daemon closes with a word, after `out`
/// without one.
struct line_hub : hub_room {
  std::vector<std::uint64_t> waiting;
  int rounds_begun = 0;

  line_hub() : hub_room(std::size_t{1} << 24, [this](client& who) { on_input(who); }) {}

  void on_input(client& who) {
    const std::size_t end = who.input.find('\n');
    if (end == std::string::npos)
      return;
    const std::string line = who.input.substr(0, end);
    who.input.erase(0, end + 1);
    if (line.rfind("echo ", 0) == 0)
      who.output += line.substr(5) + "\n";
    else if (line.rfind("big ", 0) == 0)
      who.output += std::string(std::stoul(line.substr(4)), 'x');
    else if (line == "end")
      who.output += "bye\n";
    else if (line == "later")
      waiting.push_back(who.id);
    who.busy = line == "later";
    if (line == "round" && hub.join_round(who))
      ++rounds_begun;
    who.closing = line == "end" || line == "out";
  }

  std::string ask(unix_client& who, std::string_view text) {
    who.write(text);
    turn();
    return who.read();
  }
  void answer_round(const std::string& text) {
    if (hub.answer_round([&](client& who) { who.output += text; }, now))
      ++rounds_begun;
  }
  [[nodiscard]] bool is_out(unix_client& who) {
    turn();
    return who.closed();
  }
};

} // namespace troupe::actors
