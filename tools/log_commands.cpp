// The command `logs`: the lines of the daemon's log, the last ones or also each that follows.
#include "tools/commands.hpp"

#include "messages/unique_fd.hpp"

#include "tools/signal_descriptor.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

struct log_options {
  std::string actor;
  std::string peer;
  std::string level;
  bool follow = false;
};

json params_of(const log_options& asked) {
  json params = json::object();
  for (const auto& [key, value] : {std::pair("actor", &asked.actor), std::pair("peer", &asked.peer),
                                   std::pair("level", &asked.level)})
    if (!value->empty())
      params[key] = *value;
  if (asked.follow)
    params["follow"] = true;
  return params;
}

/// As the daemon writes it to its own log.
std::string line_text(const json& line, bool as_json) {
  if (as_json)
    return line.dump() + "\n";
  std::string level = line.at("level");
  constexpr std::size_t level_width = 8;
  level.resize(std::max(level.size(), level_width), ' ');
  return line.at("time").get<std::string>() + " " + level + " " +
         line.at("actor").get<std::string>() + ": " + line.at("message").get<std::string>() + "\n";
}

std::string lost_text(std::uint64_t lines, bool as_json) {
  if (as_json)
    return json{{"lost", lines}}.dump() + "\n";
  return "-- " + std::to_string(lines) + " lines lost: they came faster than they were read\n";
}

/// Prints what the stream brings until nobody wants it any more. Throws daemon_unreachable when the
/// daemon has no more.
void print_stream(admin_stream& from, const unique_fd& interrupts, bool as_json) {
  for (;;) {
    // Before the wait: some may have come with the answer.
    std::string text;
    for (const json& each : from.read()) {
      const json& params = each.at("params");
      if (each.at("method") == "logs")
        text += line_text(params, as_json);
      else if (each.at("method") == "logs.lost")
        text += lost_text(params.at("lines").get<std::uint64_t>(), as_json);
    }
    print(text);
    from.require_open();
    // Of stdout only that nobody reads it any more.
    pollfd ready[] = {{from.fd(), POLLIN, 0}, {interrupts.fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
    ::poll(ready, 3, -1);
    if (ready[1].revents != 0 || ready[2].revents != 0)
      return;
  }
}

void follow_log(const log_options& asked, const common_options& common) {
  const unique_fd interrupts = signals_as_descriptor({SIGINT});
  admin_stream stream = common.daemon().follow("logs", params_of(asked));
  try {
    print_stream(stream, interrupts, common.json);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe)
      throw;
  }
}

void show_log(const log_options& asked, const common_options& common) {
  if (asked.follow)
    return follow_log(asked, common);
  const json answer = common.daemon().ask("logs", params_of(asked));
  std::string text;
  for (const json& line : answer.at("lines"))
    text += line_text(line, common.json);
  print(text);
}

} // namespace

void add_log_command(CLI::App& app, common_options& common) {
  const std::shared_ptr<log_options> asked = std::make_shared<log_options>();
  CLI::App* const logs = app.add_subcommand("logs", "show the last lines of the daemon's log");
  logs->add_option("--actor", asked->actor, "of this actor; without its number of all such")
      ->type_name("ACTOR");
  logs->add_option("--peer", asked->peer, "about this peer")->type_name("NAME|KEY");
  logs->add_option("--level", asked->level,
                   "of that level and above; with --follow also those that are not logged")
      ->type_name("LEVEL");
  logs->add_flag("-f,--follow", asked->follow, "and then each new one, until interrupted");
  add_json_option(*logs, common);
  logs->final_callback([asked, &common] { show_log(*asked, common); });
}

} // namespace troupe::tools
