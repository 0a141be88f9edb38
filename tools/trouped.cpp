// trouped: the daemon. What is asked for on the command line and in the environment; the rest is
// daemon.cpp.
#include "messages/interface_name.hpp"

#include "conf/toml.hpp"
#include "tools/background.hpp"
#include "tools/config_file.hpp"
#include "tools/daemon.hpp"
#include "tools/secrecy.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

namespace {

using namespace troupe;

constexpr int exit_ok = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

using reading = std::variant<conf::config, std::vector<conf::config_error>>;

struct command_line {
  std::string config;
  std::string check;
  std::string interface_name;
  bool foreground = false;
  bool insecure_permissions = false;

  [[nodiscard]] tools::permissions file_permissions() const {
    return insecure_permissions ? tools::permissions::ignored : tools::permissions::judged;
  }
};

int usage_error(const std::string& text) {
  std::fprintf(stderr, "trouped: %s; see trouped --help\n", text.c_str());
  return exit_usage;
}

void print(const std::vector<conf::config_error>& errors) {
  std::fprintf(stderr, "%s\n", conf::to_string(errors).c_str());
}

int check(const std::string& path, tools::permissions how) {
  const reading read = tools::read_config(path, how);
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&read)) {
    print(*errors);
    return exit_failed;
  }
  std::printf("%s\n", tools::ok_text(path, std::get<conf::config>(read)).c_str());
  return exit_ok;
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// As wireguard-go's LOG_LEVEL; errors only unless it asks for more.
conf::log_level level_from_environment() {
  const std::string level = environment("LOG_LEVEL");
  if (level == "verbose" || level == "debug")
    return conf::log_level::debug;
  return level == "silent" ? conf::log_level::off : conf::log_level::error;
}

/// Throws std::runtime_error for what is no descriptor number.
std::optional<int> descriptor_from_environment(const char* name) {
  const std::string text = environment(name);
  if (text.empty())
    return std::nullopt;
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0)
    throw std::runtime_error(std::string(name) + "=" + text + " is no file descriptor number");
  return number;
}

/// CAF starts threads where no handler of ours is: say what the system refused, and end with 1.
[[noreturn]] void end_on_uncaught() noexcept {
  std::string what = "an internal error";
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::system_error& error) {
    what = error.what();
    if (error.code() == std::errc::resource_unavailable_try_again)
      what += " (no more threads: raise the limit of tasks, as pids.max or `ulimit -u`)";
  } catch (const std::exception& error) {
    what = error.what();
  }
  std::fprintf(stderr, "trouped: %s\n", what.c_str());
  std::_Exit(exit_failed);
}

int run(tools::daemon_settings settings, bool foreground) {
  tools::parent_line parent;
  if (!foreground && environment("WG_PROCESS_FOREGROUND") != "1")
    parent = tools::go_to_background();
  return tools::run_daemon(std::move(settings), std::move(parent));
}

/// Of a file with faults, by its own name: IFNAME.toml.
std::string interface_name_of(const reading& read, const std::string& path) {
  const conf::config* const good = std::get_if<conf::config>(&read);
  return good != nullptr ? good->interface.name : std::filesystem::path(path).stem().string();
}

/// A change that nobody confirmed before the last daemon ended is taken back, whatever the file
/// says by now.
int run_with_file(const command_line& asked) {
  reading read = tools::read_config(asked.config, asked.file_permissions());
  tools::daemon_settings settings;
  settings.from_file = true;
  settings.file_permissions = asked.file_permissions();
  settings.path = std::filesystem::absolute(asked.config);
  if (const std::string name = interface_name_of(read, asked.config); is_interface_name(name)) {
    const actors::pending_file pending = tools::pending_file_of(name);
    if (pending.exists()) {
      reading before = tools::read_kept_config(pending.path());
      settings.taken_back = std::holds_alternative<conf::config>(before);
      if (settings.taken_back)
        read = std::move(before);
      else
        settings.why_not_taken_back =
            conf::to_string(std::get<std::vector<conf::config_error>>(before).front());
    }
  }
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&read)) {
    print(*errors);
    return exit_failed;
  }
  settings.config = std::move(std::get<conf::config>(read));
  settings.keeps_stderr = settings.config.log.target == "stderr";
  return run(std::move(settings), asked.foreground);
}

int run_bare(const command_line& asked) {
  if (!is_interface_name(asked.interface_name))
    return usage_error("\"" + asked.interface_name +
                       "\" is no interface name (1 to 15 of a-z A-Z 0-9 _ = + . -, no - in front)");
  tools::daemon_settings settings;
  settings.config = conf::bare_config(asked.interface_name);
  settings.config.log.level = level_from_environment();
  settings.keeps_stderr = !environment("LOG_LEVEL").empty(); // as wireguard-go
  settings.tun_fd = descriptor_from_environment("WG_TUN_FD");
  settings.uapi_fd = descriptor_from_environment("WG_UAPI_FD");
  return run(std::move(settings), asked.foreground);
}

} // namespace

int main(int argc, char** argv) {
  tools::keep_secrets_in(); // --check reads keys, too
  tools::open_standard_descriptors();
  std::set_terminate(end_on_uncaught);
  command_line asked;
  CLI::App app(
      "troupe: an actor-model WireGuard router. Runs in the background unless told otherwise.",
      "trouped");
  app.set_version_flag("--version", "trouped " TROUPE_VERSION);
  app.add_option("-c,--config", asked.config, "run from this TOML file")->type_name("FILE");
  app.add_option("--check", asked.check, "say what is wrong with this TOML file, and end")
      ->type_name("FILE");
  app.add_flag("-f,--foreground", asked.foreground, "stay in the foreground");
  app.add_flag("--insecure-permissions", asked.insecure_permissions,
               "take files that others can read or write");
  app.add_option("interface", asked.interface_name,
                 "run without a file: make this interface, to be configured by wg(8)")
      ->type_name("IFNAME");
  app.footer("Exit status: 0 set up or ended cleanly, 1 failed, 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) { // --help, --version
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  const int modes = static_cast<int>(!asked.config.empty()) +
                    static_cast<int>(!asked.check.empty()) +
                    static_cast<int>(!asked.interface_name.empty());
  if (modes != 1)
    return usage_error("give one of --config FILE, --check FILE and IFNAME");
  try {
    if (!asked.check.empty())
      return check(asked.check, asked.file_permissions());
    return asked.config.empty() ? run_bare(asked) : run_with_file(asked);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "trouped: %s\n", error.what());
    return exit_failed;
  }
}
