// What may come next on a command line, for the completion of shells: from the commands and options
// themselves, so that no list of them is kept twice.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace troupe::tools {

/// What daemons that run have names for; asked where such a name may come.
struct running_names {
  std::function<std::vector<std::string>()> interfaces;
  /// Of an interface's daemon, or of the only one.
  std::function<std::vector<std::string>(std::optional<std::string>)> peers;
};

/// `words` are those behind the program's name; the last is being typed, and may be empty. Nothing:
/// a file's name, or anything, may come.
std::vector<std::string> completions(const CLI::App& app, const std::vector<std::string>& words,
                                     const running_names& running);

} // namespace troupe::tools
