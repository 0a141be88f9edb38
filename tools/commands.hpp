// What the commands of troupectl have in common.
#pragma once

#include "tools/admin_client.hpp"
#include "tools/config_file.hpp"

#include <CLI/CLI.hpp>

#include <optional>
#include <stdexcept>
#include <string>

namespace troupe::tools {

/// Options that stand before or behind any command. Outlives the command line.
struct common_options {
  std::optional<std::string> interface_name;
  bool json = false;
  bool insecure_permissions = false;

  [[nodiscard]] admin_client daemon() const { return admin_client::of(interface_name); }
  [[nodiscard]] permissions file_permissions() const {
    return insecure_permissions ? permissions::ignored : permissions::judged;
  }
};

/// A command that could not do what it was asked, and has changed nothing.
class command_failed : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Of a file: lines that name it, as `trouped --check` prints them.
class config_refused : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// To stdout. Throws std::system_error when that takes it not.
void print(const std::string& text);
/// `--json` of a command that reads.
void add_json_option(CLI::App& command, common_options& common);

/// How a change is to be made: for good unless it says otherwise.
struct trial {
  std::optional<std::string> confirm;
  bool dry_run = false;
};
/// `--confirm` and `--dry-run` of a command that changes something; `how` outlives it.
void add_trial_options(CLI::App& command, trial& how);
/// As parameters of a request. Throws CLI::ValidationError.
void put(const trial& how, nlohmann::ordered_json& params);
/// What an answer says that has changed, or would; lines.
std::string changes_text(const nlohmann::ordered_json& answer);
/// That, and what is to be done about a change that waits.
void print_changes(const nlohmann::ordered_json& answer, const trial& how);

// Each adds commands to `app`. They keep references to it and to `common`.

/// check, diff, apply, confirm, rollback, history, reload, show config, save, log level.
void add_change_commands(CLI::App& app, common_options& common);
/// logs.
void add_log_command(CLI::App& app, common_options& common);
/// peers, peer add|set|remove|enable|disable|rehandshake|show.
void add_peer_commands(CLI::App& app, common_options& common);
/// import, export, invite.
void add_wg_quick_commands(CLI::App& app, common_options& common);

} // namespace troupe::tools
