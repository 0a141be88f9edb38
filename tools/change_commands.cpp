// The commands that look at, change and keep the configuration.
#include "tools/commands.hpp"
#include "tools/config_file.hpp"
#include "tools/text_table.hpp"

#include "messages/interface_name.hpp"
#include "messages/keys.hpp"

#include <ctime>
#include <memory>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

constexpr const char* config_folder = "/etc/troupe/";

/// Options of one command; it lives as long as the command line.
struct change_options {
  std::string file;
  trial how;
  bool from_file = false;
  bool keys = false;
  std::vector<std::string> log_level;
};

using options = std::shared_ptr<change_options>;

/// A secret in it is wiped with it.
struct request {
  json params = json::object();

  request() = default;
  request(const request&) = delete;
  request& operator=(const request&) = delete;
  ~request() {
    for (const char* const list : {"files", "key_files"})
      if (params.contains(list))
        for (json& file : params[list])
          wipe(file["text"].get_ref<std::string&>());
  }
};

json as_json(const std::vector<config_files::file>& files) {
  json list = json::array();
  for (const config_files::file& each : files)
    list.push_back({{"path", each.path}, {"text", each.text}, {"absolute", each.absolute}});
  return list;
}

/// Without a name: the file that the daemon's unit would name.
std::string path_of(const change_options& asked, const common_options& common) {
  if (!asked.file.empty())
    return asked.file;
  if (!common.interface_name || !is_interface_name(*common.interface_name))
    throw CLI::ValidationError("FILE", "name it, or its interface with -i for " +
                                           std::string(config_folder) + "IFNAME.toml");
  return config_folder + *common.interface_name + ".toml";
}

/// What the daemon is sent of FILE, which is judged here first, where its permissions can be seen.
void read_files(const std::string& path, permissions how, request& to) {
  config_files texts;
  const auto read = read_config(path, how, &texts);
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&read))
    throw config_refused(conf::to_string(*errors));
  to.params["files"] = as_json(texts.sources);
  to.params["key_files"] = as_json(texts.keys);
}

void check(const change_options& asked, const common_options& common) {
  const std::string path = path_of(asked, common);
  const auto read = read_config(path, common.file_permissions());
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&read))
    throw config_refused(conf::to_string(*errors));
  print(ok_text(path, std::get<conf::config>(read)) + "\n");
}

void diff(const change_options& asked, const common_options& common) {
  request to;
  read_files(path_of(asked, common), common.file_permissions(), to);
  const json answer = common.daemon().ask("diff", to.params);
  print(common.json ? answer.dump(2) + "\n" : changes_text(answer));
}

void apply(const change_options& asked, const common_options& common) {
  request to;
  put(asked.how, to.params);
  read_files(path_of(asked, common), common.file_permissions(), to);
  print_changes(common.daemon().ask("apply", to.params), asked.how);
}

void simple_change(const char* method, const char* done, const common_options& common) {
  static_cast<void>(common.daemon().ask(method));
  print(std::string(done) + "\n");
}

std::string local_time(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm broken{};
  ::localtime_r(&time, &broken);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &broken)};
}

void history(const common_options& common) {
  const json answer = common.daemon().ask("history");
  if (common.json)
    return print(answer.dump(2) + "\n");
  text_table table({align::left, align::left, align::left});
  table.add({"when", "who", "what"});
  for (const json& each : answer)
    table.add({local_time(each.at("time")), each.at("who"), each.at("what")});
  print(table.text());
}

void show_config(const change_options& asked, const common_options& common) {
  json answer =
      common.daemon().ask("show.config", {{"file", asked.from_file}, {"keys", asked.keys}});
  std::string& text = answer.at("toml").get_ref<std::string&>();
  if (common.json)
    print(answer.dump(2) + "\n");
  else
    print(text);
  wipe(text);
}

/// `[ACTOR] LEVEL`
void log_level(const change_options& asked, const common_options& common) {
  json params = {{"level", asked.log_level.back()}};
  if (asked.log_level.size() > 1)
    params["actor"] = asked.log_level.front();
  print(changes_text(common.daemon().ask("log.level", params)));
}

CLI::App* add_file_command(CLI::App& app, const options& asked, common_options& common,
                           const char* name, const char* what) {
  CLI::App* const command = app.add_subcommand(name, what);
  command->add_option("file", asked->file, "the TOML file; its drop-ins and key files go with it")
      ->type_name("FILE");
  command->add_flag("--insecure-permissions", common.insecure_permissions,
                    "take files that others can read or write");
  return command;
}

} // namespace

void add_change_commands(CLI::App& app, common_options& common) {
  const options asked = std::make_shared<change_options>();
  add_file_command(app, asked, common, "check", "say what is wrong with a file; no daemon is asked")
      ->final_callback([asked, &common] { check(*asked, common); });

  CLI::App* const compare =
      add_file_command(app, asked, common, "diff", "show what a file would change in what runs");
  add_json_option(*compare, common);
  compare->final_callback([asked, &common] { diff(*asked, common); });

  CLI::App* const make =
      add_file_command(app, asked, common, "apply", "make a file what runs, whole or not at all");
  add_trial_options(*make, asked->how);
  make->final_callback([asked, &common] { apply(*asked, common); });

  app.add_subcommand("confirm", "keep the change that waits for it")->final_callback([&common] {
    simple_change("confirm", "confirmed", common);
  });
  app.add_subcommand("rollback", "take back the change that waits to be confirmed")
      ->final_callback([&common] { simple_change("rollback", "taken back", common); });
  CLI::App* const again = app.add_subcommand("reload", "make the daemon's own file what runs");
  add_trial_options(*again, asked->how);
  again->final_callback([asked, &common] {
    json params = json::object();
    put(asked->how, params);
    print_changes(common.daemon().ask("reload", params), asked->how);
  });
  app.add_subcommand("save", "write what runs to the daemon's own file")->final_callback([&common] {
    const json answer = common.daemon().ask("save");
    print("written: " + answer.at("file").get<std::string>() + "\n");
  });
  CLI::App* const past = app.add_subcommand("history", "show the last changes: when, who, what");
  add_json_option(*past, common);
  past->final_callback([&common] { history(common); });

  CLI::App* const show = app.add_subcommand("show", "show config");
  show->require_subcommand(1);
  CLI::App* const config = show->add_subcommand("config", "print what runs, as TOML");
  config->add_flag("--file,!--running", asked->from_file, "the daemon's own file instead");
  config->add_flag("--keys", asked->keys, "with private and preshared keys; for root only");
  add_json_option(*config, common);
  config->final_callback([asked, &common] { show_config(*asked, common); });

  CLI::App* const log = app.add_subcommand("log", "change the log");
  log->require_subcommand(1);
  CLI::App* const level =
      log->add_subcommand("level", "change a level; `save` keeps it over a restart");
  level
      ->add_option("level", asked->log_level,
                   "trace, debug, info, warn, error or off; an actor's "
                   "name before it for that one alone")
      ->type_name("[ACTOR] LEVEL")
      ->expected(1, 2)
      ->required();
  level->final_callback([asked, &common] { log_level(*asked, common); });
}

} // namespace troupe::tools
