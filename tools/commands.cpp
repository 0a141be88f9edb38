#include "tools/commands.hpp"

#include "messages/limits.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <system_error>

namespace troupe::tools {

namespace {

/// `5` or `5s`.
std::uint64_t seconds_of(const std::string& text) {
  std::uint64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, seconds);
  const bool whole = last == end || (last + 1 == end && *last == 's');
  constexpr std::uint64_t most = std::chrono::seconds(limits::confirm_max).count();
  if (error != std::errc{} || !whole || seconds == 0 || seconds > most)
    throw CLI::ValidationError("--confirm", "give a number of seconds, as 60 or 60s; at most " +
                                                std::to_string(most));
  return seconds;
}

} // namespace

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::system_error(errno, std::system_category(), "cannot write the answer");
}

void add_json_option(CLI::App& command, common_options& common) {
  command.add_flag("--json", common.json, "for scripts: keys may be added, none is renamed");
}

void add_trial_options(CLI::App& command, trial& how) {
  CLI::Option* const confirm =
      command
          .add_option("--confirm", how.confirm,
                      "take it back after that time unless `troupectl confirm` comes")
          ->type_name("SECONDS");
  command.add_flag("--dry-run", how.dry_run, "only show what would change")->excludes(confirm);
}

void put(const trial& how, nlohmann::ordered_json& params) {
  if (how.confirm)
    params["confirm_s"] = seconds_of(*how.confirm);
  if (how.dry_run)
    params["dry_run"] = true;
}

std::string changes_text(const nlohmann::ordered_json& answer) {
  std::string text;
  for (const nlohmann::ordered_json& change : answer.at("changes"))
    text += change.at("text").get<std::string>() + "\n";
  if (answer.contains("needs_restart"))
    for (const nlohmann::ordered_json& key : answer.at("needs_restart"))
      text += "! " + key.get<std::string>() + ": only a restart of the daemon can change it\n";
  return text.empty() ? "nothing changes\n" : text;
}

void print_changes(const nlohmann::ordered_json& answer, const trial& how) {
  print(changes_text(answer));
  if (answer.contains("confirm_s"))
    print("taken back in " + answer["confirm_s"].dump() + " s unless you run: troupectl confirm\n");
  else if (how.confirm)
    print("nothing waits to be confirmed\n");
}

} // namespace troupe::tools
