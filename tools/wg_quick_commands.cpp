// The commands that speak wg-quick: files that came from there, and files that go to peers.
#include "tools/commands.hpp"
#include "tools/config_file.hpp"
#include "tools/free_address.hpp"
#include "tools/key_commands.hpp"
#include "tools/qr_text.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "conf/toml.hpp"
#include "conf/toml_text.hpp"
#include "conf/wg_quick.hpp"
#include "conf/wg_quick_text.hpp"
#include "crypto/noise.hpp"
#include "crypto/primitives.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

struct wg_quick_options {
  std::string file;
  std::string name;
  std::string endpoint;
  bool qr = false;
};

using options = std::shared_ptr<wg_quick_options>;

/// Notes go to stderr, so that stdout is a file.
void import_file(const wg_quick_options& asked) {
  crypto::init_primitives();
  std::variant<conf::key_text, conf::key_unreadable> read = read_key_file(asked.file);
  if (const conf::key_unreadable* const failure = std::get_if<conf::key_unreadable>(&read))
    throw command_failed(asked.file + ": " + failure->why);
  std::string& text = std::get<conf::key_text>(read).text;
  const auto parsed = conf::parse_wg_quick(asked.file, text, crypto::derive_public);
  wipe(text);
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&parsed))
    throw config_refused(conf::to_string(*errors));
  const conf::wg_quick_import& found = std::get<conf::wg_quick_import>(parsed);
  for (const conf::import_note& note : found.notes)
    std::fprintf(stderr, "%s\n", conf::to_string(note).c_str());
  std::string toml = conf::to_toml(found.result, conf::keys::shown);
  print(toml);
  wipe(toml);
}

/// What runs, keys included.
conf::config running_of(const admin_client& daemon) {
  json answer = daemon.ask("show.config", {{"inline_keys", true}});
  std::string& toml = answer.at("toml").get_ref<std::string&>();
  const auto no_file = [](const std::string&) { return conf::key_unreadable{"not read"}; };
  const auto no_drop_ins = [](const std::string&) { return conf::drop_in_files{}; };
  auto parsed = conf::parse_config({"the running configuration", toml}, no_drop_ins, no_file,
                                   crypto::derive_public);
  wipe(toml);
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&parsed))
    throw config_refused(conf::to_string(*errors));
  conf::config& running = std::get<conf::config>(parsed);
  conf::mark_expired(running, std::chrono::system_clock::now());
  return std::move(running);
}

std::optional<conf::endpoint_setting> endpoint_of(const wg_quick_options& asked) {
  if (asked.endpoint.empty())
    return std::nullopt;
  const std::optional<conf::endpoint_setting> given = conf::parse_endpoint_setting(asked.endpoint);
  if (!given)
    throw CLI::ValidationError("--endpoint", "give HOST:PORT");
  return given;
}

/// A file with a key, wiped with this.
class file_text {
public:
  explicit file_text(std::string text) : text_(std::move(text)) {}
  file_text(const file_text&) = delete;
  file_text& operator=(const file_text&) = delete;
  ~file_text() { wipe(text_); }

  /// Makes a QR code of it.
  void draw() {
    std::string drawn = qr_text(text_);
    text_.swap(drawn);
    wipe(drawn);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
};

void print_file(std::string text, bool as_qr) {
  file_text file(std::move(text));
  if (as_qr)
    file.draw();
  print(file.text());
}

void export_file(const wg_quick_options& asked, const common_options& common) {
  if (asked.name.empty() && !asked.endpoint.empty())
    throw CLI::ValidationError("--endpoint", "is for the file of a peer: name that with --peer");
  crypto::init_primitives();
  const conf::config running = running_of(common.daemon());
  if (asked.name.empty())
    return print_file(conf::to_wg_quick(running, conf::keys::shown), asked.qr);
  const auto peer =
      std::find_if(running.peers.begin(), running.peers.end(),
                   [&](const conf::peer_config& each) { return each.settings.name == asked.name; });
  if (peer == running.peers.end())
    throw command_failed("no peer has this name; `troupectl peers` lists them");
  print_file(conf::peer_wg_quick(
                 running, *peer,
                 {crypto::derive_public(running.interface.private_key), endpoint_of(asked), {}}),
             asked.qr);
}

/// Makes the peer's keys, lets it in, and prints what it needs: nobody keeps its private key.
void invite(const wg_quick_options& asked, const common_options& common) {
  crypto::init_primitives();
  const admin_client daemon = common.daemon();
  conf::config running = running_of(daemon);
  conf::peer_config peer;
  const secret_key private_key = new_private_key();
  peer.settings.name = asked.name;
  peer.settings.key = crypto::derive_public(private_key);
  json allowed = json::array();
  const taken_addresses taken(running);
  for (const ip_prefix& own : running.interface.addresses)
    if (const std::optional<ip_prefix> host = taken.free_host(own)) {
      peer.settings.allowed_ips.push_back(*host);
      allowed.push_back(to_string(*host));
    }
  if (allowed.empty())
    throw command_failed("no address is free in the networks of interface.addresses: add a peer by "
                         "hand, with `troupectl peer add`");
  // Whole before the peer is let in: a file that cannot be made lets nobody in.
  file_text file(conf::peer_wg_quick(
      running, peer,
      {crypto::derive_public(running.interface.private_key), endpoint_of(asked), private_key}));
  if (asked.qr)
    file.draw();
  static_cast<void>(daemon.ask("peer.add", {{"name", asked.name},
                                            {"public_key", to_base64(peer.settings.key)},
                                            {"allowed_ips", allowed}}));
  try {
    print(file.text());
  } catch (const std::exception& error) {
    static_cast<void>(daemon.ask("peer.remove", {{"peer", to_base64(peer.settings.key)}}));
    throw command_failed(std::string(error.what()) + ": the peer is removed again");
  }
  std::fprintf(stderr,
               "troupectl: %s is let in; its private key is in this file alone. `troupectl save` "
               "keeps the peer over a restart\n",
               asked.name.c_str());
}

void add_file_options(CLI::App& command, const options& asked) {
  command.add_option("--endpoint", asked->endpoint, "where the peer reaches this router")
      ->type_name("HOST:PORT");
  command.add_flag("--qr", asked->qr, "as a QR code, for a phone's camera");
}

} // namespace

void add_wg_quick_commands(CLI::App& app, common_options& common) {
  const options asked = std::make_shared<wg_quick_options>();
  CLI::App* const from = app.add_subcommand("import", "print a wg-quick file as TOML");
  from->add_option("file", asked->file, "IFNAME.conf")->type_name("FILE")->required();
  from->final_callback([asked] { import_file(*asked); });

  CLI::App* const to =
      app.add_subcommand("export", "print what runs as a wg-quick file; for root only");
  to->add_option("--peer", asked->name, "the file for that peer's machine instead")
      ->type_name("NAME");
  add_file_options(*to, asked);
  to->final_callback([asked, &common] { export_file(*asked, common); });

  CLI::App* const fresh = app.add_subcommand(
      "invite", "make keys and an address for a new peer, let it in, and print its file");
  fresh->add_option("name", asked->name, "what it is called")->type_name("NAME")->required();
  add_file_options(*fresh, asked);
  fresh->final_callback([asked, &common] { invite(*asked, common); });
}

} // namespace troupe::tools
