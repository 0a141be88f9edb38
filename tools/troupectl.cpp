// troupectl: what an administrator asks of a running daemon, and the making of keys. The command
// line and the exit status; how to ask is admin_client.cpp.
#include "tools/actors_table.hpp"
#include "tools/commands.hpp"
#include "tools/completion.hpp"
#include "tools/flow_table.hpp"
#include "tools/key_commands.hpp"
#include "tools/secrecy.hpp"
#include "tools/status_table.hpp"
#include "tools/text_table.hpp"

#include "messages/limits.hpp"

#include "actors/rpc.hpp"
#include "conf/wording.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace troupe;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_unreachable = 3;

constexpr int exit_rollback_incomplete = 4;

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "troupectl: %s\n", text.c_str());
  return status;
}

std::int64_t seconds_since_epoch() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

void show_status(const tools::common_options& asked) {
  const nlohmann::ordered_json status = asked.daemon().ask("status");
  if (asked.json)
    tools::print(status.dump(2) + "\n");
  else
    tools::print(tools::status_table(status, seconds_since_epoch()));
}

/// Once, of half a second; or every second, of that.
void show_flow(const tools::common_options& asked, bool watch) {
  const tools::admin_client daemon = asked.daemon();
  static_cast<void>(daemon.ask("flow")); // rates need a beginning
  std::this_thread::sleep_for(limits::flow_look);
  const char* const clear = ::isatty(STDOUT_FILENO) != 0 ? "\033[H\033[J" : "\n";
  do {
    const nlohmann::ordered_json flow = daemon.ask("flow");
    if (asked.json)
      tools::print(flow.dump(watch ? -1 : 2) + "\n");
    else
      tools::print((watch ? clear : "") + tools::flow_table(flow));
    if (watch)
      std::this_thread::sleep_for(limits::flow_watch);
  } while (watch);
}

/// Rates of the time between two questions.
void show_actors(const tools::common_options& asked, double interval_s) {
  const tools::admin_client daemon = asked.daemon();
  static_cast<void>(daemon.ask("actors"));
  std::this_thread::sleep_for(std::chrono::duration<double>(interval_s));
  const nlohmann::ordered_json actors = daemon.ask("actors");
  tools::print(asked.json ? actors.dump(2) + "\n" : tools::actors_table(actors));
}

struct rpc_options {
  std::string method;
  std::string params = "{}";
  bool list = false;
};

/// Any method, as it is. With `--list` those there are.
void call(const tools::common_options& asked, const rpc_options& what) {
  const nlohmann::ordered_json params = nlohmann::ordered_json::parse(what.params, nullptr, false);
  if (what.list == !what.method.empty())
    throw CLI::ValidationError("rpc", "give a METHOD, or --list");
  if (params.is_discarded() || !params.is_object())
    throw CLI::ValidationError("JSON", "the parameters are no JSON object");
  const nlohmann::ordered_json answer =
      asked.daemon().ask(what.list ? "rpc.list" : what.method, params);
  if (!what.list || asked.json)
    return tools::print(answer.dump(2) + "\n");
  tools::text_table table(
      {tools::align::left, tools::align::left, tools::align::left, tools::align::left});
  table.add({"method", "kind", "what it does", "parameters"});
  for (const nlohmann::ordered_json& each : answer)
    table.add({each.at("method"), each.at("changes") ? "changes" : "reads", each.at("summary"),
               each.at("parameters")});
  tools::print(table.text());
}

void add_reading_commands(CLI::App& app, tools::common_options& asked) {
  CLI::App* const status =
      app.add_subcommand("status", "show the interface, its peers and what was dropped");
  tools::add_json_option(*status, asked);
  status->final_callback([&asked] { show_status(asked); });

  const std::shared_ptr<bool> watch = std::make_shared<bool>(false);
  CLI::App* const flow = app.add_subcommand(
      "flow", "show what is on its way, where it stands, what was dropped, and the bottleneck");
  tools::add_json_option(*flow, asked);
  flow->add_flag("--watch", *watch, "again every second; with --json one line each");
  flow->final_callback([&asked, watch] { show_flow(asked, *watch); });

  const std::shared_ptr<double> interval_s = std::make_shared<double>(1);
  CLI::App* const actors = app.add_subcommand(
      "actors", "show each actor: its thread, CPU, state, mailbox, rates and CPU time");
  tools::add_json_option(*actors, asked);
  const std::chrono::duration<double> least = limits::flow_span_min;
  const std::chrono::duration<double> most = limits::flow_span_max;
  actors->add_option("--interval", *interval_s, "which rates and use of CPUs are of; 1 without it")
      ->type_name("SECONDS")
      ->check(CLI::Range(least.count(), most.count()));
  actors->final_callback([&asked, interval_s] { show_actors(asked, *interval_s); });
}

void add_rpc_command(CLI::App& app, tools::common_options& asked) {
  const std::shared_ptr<rpc_options> what = std::make_shared<rpc_options>();
  CLI::App* const rpc = app.add_subcommand("rpc", "call a method of the admin socket");
  rpc->add_option("method", what->method)->type_name("METHOD");
  rpc->add_option("params", what->params, "an object")->type_name("JSON");
  rpc->add_flag("--list", what->list, "show the methods there are");
  tools::add_json_option(*rpc, asked);
  rpc->final_callback([&asked, what] { call(asked, *what); });
}

void add_key_commands(CLI::App& app) {
  app.add_subcommand("genkey", "print a new private key")
      ->final_callback(tools::generate_private_key);
  app.add_subcommand("genpsk", "print a new preshared key")
      ->final_callback(tools::generate_preshared_key);
  app.add_subcommand("pubkey", "read a private key from stdin and print its public key")
      ->final_callback(tools::derive_public_key);
}

/// What is wrong with the first word that is neither an option nor a command of the one before it;
/// empty: there is none.
std::string unknown_command(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* level = &app;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_value = i > 0 && (words[i - 1] == "-i" || words[i - 1] == "--interface");
    if (is_value || words[i].substr(0, 1) == "-")
      continue;
    std::vector<std::string> names;
    for (const CLI::App* const each : level->get_subcommands({}))
      names.push_back(each->get_name());
    if (names.empty())
      break;
    if (std::find(names.begin(), names.end(), words[i]) == names.end()) {
      const std::vector<std::string_view> known(names.begin(), names.end());
      return "no command is called " + conf::shown(words[i]) + conf::suggestion(words[i], known);
    }
    level = level->get_subcommand(words[i]);
  }
  return {};
}

/// For the shells' completion: what may come next, one a line. Says nothing where nobody answers.
void complete(const CLI::App& app, const std::vector<std::string>& words) {
  const auto peers = [](std::optional<std::string> interface_name) {
    std::vector<std::string> names;
    try {
      const nlohmann::ordered_json status = tools::admin_client::of(interface_name).ask("status");
      for (const nlohmann::ordered_json& peer : status.at("peers"))
        names.push_back(peer.at("name"));
    } catch (const std::exception&) {
      names.clear(); // no daemon, or none of this version: no names
    }
    return names;
  };
  std::string text;
  for (const std::string& each : tools::completions(app, words, {tools::running_interfaces, peers}))
    text += each + "\n";
  tools::print(text);
}

/// Every command and what it does; the parse calls the chosen one.
void add_commands(CLI::App& app, tools::common_options& asked) {
  app.require_subcommand(1);
  app.fallthrough(); // -i may stand after the command, too
  app.add_option("-i,--interface", asked.interface_name,
                 "whose daemon to ask; needed where more than one runs")
      ->type_name("IFNAME");
  add_reading_commands(app, asked);
  tools::add_log_command(app, asked);
  tools::add_change_commands(app, asked);
  tools::add_peer_commands(app, asked);
  tools::add_wg_quick_commands(app, asked);
  add_rpc_command(app, asked);
  add_key_commands(app);
}

} // namespace

int main(int argc, char** argv) {
  tools::keep_secrets_in();
  ::signal(SIGPIPE, SIG_IGN); // what is half done is taken back before the end
  tools::common_options asked;
  CLI::App app("troupe: asks a running trouped, and makes keys.", "troupectl");
  app.set_version_flag("--version", "troupectl " TROUPE_VERSION);
  app.footer("Exit status: 0 done, 1 refused or failed and nothing changed, 2 wrong usage, 3 the "
             "daemon is not reachable, 4 a change failed and so did its undoing.");
  add_commands(app, asked);
  try {
    // None of the commands: a word that is being typed is no mistake.
    if (argc > 1 && std::string_view(argv[1]) == "complete") {
      complete(app, {argv + 2, argv + argc});
      return 0;
    }
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& wanted) { // --help, --version
    return app.exit(wanted);
  } catch (const CLI::ExtrasError&) {
    // Not repeated: it may be a key that somebody meant for stdin.
    return complain("too many arguments, or an unknown one; see troupectl --help", exit_usage);
  } catch (const CLI::RequiredError& error) {
    const std::string unknown = unknown_command(app, {argv + 1, argv + argc});
    return complain(unknown.empty() ? std::string(error.what()) + "; see troupectl --help"
                                    : unknown,
                    exit_usage);
  } catch (const CLI::ParseError& error) {
    return complain(std::string(error.what()) + "; see troupectl --help", exit_usage);
  } catch (const tools::daemon_not_chosen& error) {
    return complain(error.what(), exit_usage);
  } catch (const tools::daemon_unreachable& error) {
    return complain(error.what(), exit_unreachable);
  } catch (const tools::config_refused& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return exit_failed;
  } catch (const tools::daemon_refused& error) {
    return complain(error.what(),
                    error.code == static_cast<int>(actors::rpc_code::rollback_incomplete)
                        ? exit_rollback_incomplete
                        : exit_failed);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::broken_pipe) { // whoever reads has enough
      ::signal(SIGPIPE, SIG_DFL);
      ::raise(SIGPIPE);
    }
    return complain(error.what(), exit_failed);
  } catch (const nlohmann::json::exception&) {
    return complain("the daemon answered in a shape that this version does not know", exit_failed);
  } catch (const std::exception& error) {
    return complain(error.what(), exit_failed);
  }
}
