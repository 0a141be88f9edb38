#include "tools/completion.hpp"

#include "actors/rpc.hpp"
#include "conf/words.hpp"

#include <algorithm>

namespace troupe::tools {

namespace {

/// Where a word stands: the command whose words come, and an option that waits for its value.
struct place {
  const CLI::App* command;
  const CLI::Option* waiting = nullptr;
  std::optional<std::string> interface_name;
  std::size_t positionals = 0;
};

/// Of the command and those above it, whose options may stand behind any command.
std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  std::vector<const CLI::Option*> all;
  for (const CLI::App* each = &command; each != nullptr; each = each->get_parent())
    for (const CLI::Option* option : each->get_options())
      if (option->nonpositional())
        all.push_back(option);
  return all;
}

const CLI::Option* find_option(const CLI::App& command, const std::string& word) {
  for (const CLI::Option* const option : options_of(command)) {
    for (const std::string& name : option->get_lnames())
      if (word == "--" + name)
        return option;
    for (const std::string& name : option->get_snames())
      if (word == "-" + name)
        return option;
  }
  return nullptr;
}

std::vector<const CLI::App*> subcommands_of(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

void step(place& at, const std::string& word) {
  if (at.waiting != nullptr) {
    if (at.waiting->check_lname("interface"))
      at.interface_name = word;
    at.waiting = nullptr;
    return;
  }
  if (word.starts_with("-")) {
    const CLI::Option* const option = find_option(*at.command, word);
    at.waiting = option != nullptr && option->get_items_expected_max() > 0 ? option : nullptr;
    return;
  }
  for (const CLI::App* const each : subcommands_of(*at.command))
    if (each->get_name() == word) {
      at.command = each;
      return;
    }
  ++at.positionals;
}

/// The type of what is typed: that of an option's value, or of the next word that is none.
std::string type_at(const place& at) {
  if (at.waiting != nullptr)
    return at.waiting->get_type_name();
  std::size_t before = 0;
  for (const CLI::Option* const option : at.command->get_options()) {
    if (option->nonpositional())
      continue;
    before += static_cast<std::size_t>(option->get_items_expected_max());
    if (at.positionals < before)
      return option->get_type_name();
  }
  return "";
}

/// `...{one,two}`, as CLI11 says of an option that must be one of these.
std::vector<std::string> words_in_braces(const std::string& type) {
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos)
    return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

/// Those of a list that never changes; none for other types.
std::vector<std::string> words_of(const std::string& type) {
  std::vector<std::string> words = words_in_braces(type);
  if (type.find("ACTOR") != std::string::npos)
    words.assign(conf::actors.begin(), conf::actors.end());
  if (type.find("LEVEL") != std::string::npos)
    words.insert(words.end(), conf::log_levels.begin(), conf::log_levels.end());
  if (type == "METHOD")
    for (const actors::rpc_method& each : actors::rpc_methods())
      words.emplace_back(each.name);
  return words;
}

} // namespace

std::vector<std::string> completions(const CLI::App& app, const std::vector<std::string>& words,
                                     const running_names& running) {
  place at{&app, nullptr, std::nullopt, 0};
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    step(at, words[i]);
  const std::string typed = words.empty() ? "" : words.back();
  std::vector<std::string> found;
  const std::string type = type_at(at);
  if (type == "NAME|KEY" || (at.waiting != nullptr && at.waiting->check_lname("peer"))) {
    found = running.peers(at.interface_name);
  } else if (type == "IFNAME" && at.waiting != nullptr) {
    found = running.interfaces();
  } else if (std::vector<std::string> listed = words_of(type);
             !listed.empty() && !typed.starts_with("-")) {
    found = std::move(listed);
  } else if (at.waiting == nullptr && typed.starts_with("-")) {
    for (const CLI::Option* const option : options_of(*at.command))
      for (const std::string& name : option->get_lnames())
        if (std::find(found.begin(), found.end(), "--" + name) == found.end())
          found.push_back("--" + name);
  } else if (at.waiting == nullptr) {
    for (const CLI::App* const each : subcommands_of(*at.command))
      found.push_back(each->get_name());
  }
  std::erase_if(found, [&](const std::string& each) { return !each.starts_with(typed); });
  return found;
}

} // namespace troupe::tools
