// troupectl: what an administrator asks of a running daemon, and the making of keys. The command
// line and the exit status; how to ask is admin_client.cpp.
#include "tools/admin_client.hpp"
#include "tools/flow_table.hpp"
#include "tools/key_commands.hpp"
#include "tools/status_table.hpp"

#include "messages/limits.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

namespace {

using namespace troupe;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_unreachable = 3;

struct command_line {
  std::optional<std::string> interface_name;
  bool json = false;
  bool watch = false;
};

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "troupectl: %s\n", text.c_str());
  return status;
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::system_error(errno, std::system_category(), "cannot write the answer");
}

std::int64_t seconds_since_epoch() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

void show_status(const command_line& asked) {
  const nlohmann::ordered_json status = tools::admin_client::of(asked.interface_name).ask("status");
  if (asked.json)
    print(status.dump(2) + "\n");
  else
    print(tools::status_table(status, seconds_since_epoch()));
}

/// Once, of half a second; or every second, of that.
void show_flow(const command_line& asked) {
  const tools::admin_client daemon = tools::admin_client::of(asked.interface_name);
  static_cast<void>(daemon.ask("flow")); // rates need a beginning
  std::this_thread::sleep_for(limits::flow_look);
  const char* const clear = ::isatty(STDOUT_FILENO) != 0 ? "\033[H\033[J" : "\n";
  do {
    const nlohmann::ordered_json flow = daemon.ask("flow");
    if (asked.json)
      print(flow.dump(asked.watch ? -1 : 2) + "\n");
    else
      print((asked.watch ? clear : "") + tools::flow_table(flow));
    if (asked.watch)
      std::this_thread::sleep_for(limits::flow_watch);
  } while (asked.watch);
}

/// Every command and what it does; the parse calls the chosen one.
void add_commands(CLI::App& app, command_line& asked) {
  app.require_subcommand(1);
  app.fallthrough(); // -i may stand after the command, too
  app.add_option("-i,--interface", asked.interface_name,
                 "whose daemon to ask; needed where more than one runs")
      ->type_name("IFNAME");
  CLI::App* const status =
      app.add_subcommand("status", "show the interface, its peers and what was dropped");
  status->add_flag("--json", asked.json, "for scripts: keys may be added, none is renamed");
  status->final_callback([&asked] { show_status(asked); });
  CLI::App* const flow = app.add_subcommand(
      "flow", "show what is on its way, where it stands, what was dropped, and the bottleneck");
  flow->add_flag("--json", asked.json, "for scripts: keys may be added, none is renamed");
  flow->add_flag("--watch", asked.watch, "again every second; with --json one line each");
  flow->final_callback([&asked] { show_flow(asked); });
  app.add_subcommand("genkey", "print a new private key")
      ->final_callback(tools::generate_private_key);
  app.add_subcommand("genpsk", "print a new preshared key")
      ->final_callback(tools::generate_preshared_key);
  app.add_subcommand("pubkey", "read a private key from stdin and print its public key")
      ->final_callback(tools::derive_public_key);
}

} // namespace

int main(int argc, char** argv) {
  command_line asked;
  CLI::App app("troupe: asks a running trouped, and makes keys.", "troupectl");
  app.set_version_flag("--version", "troupectl " TROUPE_VERSION);
  app.footer("Exit status: 0 done, 1 refused or failed and nothing changed, 2 wrong usage, 3 the "
             "daemon is not reachable.");
  add_commands(app, asked);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& wanted) { // --help, --version
    return app.exit(wanted);
  } catch (const CLI::ExtrasError&) {
    // Not repeated: it may be a key that somebody meant for stdin.
    return complain("too many arguments, or an unknown one; see troupectl --help", exit_usage);
  } catch (const CLI::ParseError& error) {
    return complain(std::string(error.what()) + "; see troupectl --help", exit_usage);
  } catch (const tools::daemon_not_chosen& error) {
    return complain(error.what(), exit_usage);
  } catch (const tools::daemon_unreachable& error) {
    return complain(error.what(), exit_unreachable);
  } catch (const nlohmann::json::exception&) {
    return complain("the daemon answered in a shape that this version does not know", exit_failed);
  } catch (const std::exception& error) {
    return complain(error.what(), exit_failed);
  }
}
