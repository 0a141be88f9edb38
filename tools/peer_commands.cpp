// The commands for peers.
#include "tools/commands.hpp"
#include "tools/key_commands.hpp"
#include "tools/status_table.hpp"
#include "tools/text_table.hpp"

#include "messages/keys.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

struct peer_options {
  std::string peer;
  std::optional<std::string> name;
  std::string public_key;
  std::optional<std::vector<std::string>> allowed_ips;
  std::optional<std::vector<std::string>> endpoints;
  std::optional<std::uint32_t> keepalive;
  std::optional<std::string> expires;
  std::optional<std::string> preshared_key_file;
  bool disabled = false;
  trial how;
  std::string sort = "name";
};

using options = std::shared_ptr<peer_options>;

std::int64_t seconds_since_epoch() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

/// "" alone is none.
json endpoints_of(const std::vector<std::string>& given) {
  return given.size() == 1 ? json(given.front()) : json(given);
}

/// Only what was given.
json settings_of(const peer_options& asked) {
  json params = json::object();
  if (asked.name)
    params["name"] = *asked.name;
  if (asked.allowed_ips) {
    params["allowed_ips"] = json::array();
    for (const std::string& each : *asked.allowed_ips)
      if (!each.empty())
        params["allowed_ips"].push_back(each);
  }
  if (asked.endpoints)
    params["endpoint"] = endpoints_of(*asked.endpoints);
  if (asked.keepalive)
    params["persistent_keepalive"] = *asked.keepalive;
  if (asked.expires)
    params["expires"] = *asked.expires;
  return params;
}

/// The preshared key in a request, wiped with this.
class secret_param {
public:
  /// `params` outlives it. `file`: none for no such parameter, "" for no key.
  secret_param(json& params, const std::optional<std::string>& file) : params_(params) {
    if (file)
      params_["preshared_key"] = file->empty() ? "" : read_secret(*file);
  }
  secret_param(const secret_param&) = delete;
  secret_param& operator=(const secret_param&) = delete;
  ~secret_param() {
    if (params_.contains("preshared_key"))
      wipe(params_["preshared_key"].get_ref<std::string&>());
  }

private:
  json& params_;
};

void send(const char* method, json params, const peer_options& asked,
          const common_options& common) {
  const secret_param secret(params, asked.preshared_key_file);
  put(asked.how, params);
  print_changes(common.daemon().ask(method, params), asked.how);
}

/// Through functions: CLI11 takes "" for an optional list or number that is not given.
void add_setting_options(CLI::App& command, const options& asked) {
  using texts = std::vector<std::string>;
  command
      .add_option_function<texts>(
          "--allowed-ips", [asked](const texts& given) { asked->allowed_ips = given; },
          "prefixes that are routed to it, and that it may send from")
      ->type_name("PREFIX,...")
      ->delimiter(',');
  command
      .add_option_function<texts>(
          "--endpoint", [asked](const texts& given) { asked->endpoints = given; },
          "where it is reached; again for the next to try; \"\" for nowhere known")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  command
      .add_option_function<std::uint32_t>(
          "--persistent-keepalive",
          [asked](const std::uint32_t& given) { asked->keepalive = given; }, "seconds; 0 for none")
      ->type_name("SECONDS");
  command.add_option("--expires", asked->expires, "when it is disabled, as 2027-01-01T00:00:00Z")
      ->type_name("DATE|never");
  command
      .add_option("--preshared-key", asked->preshared_key_file,
                  "a file that holds it, - for stdin, \"\" for none: never the key itself")
      ->type_name("FILE");
}

std::string list_text(const json& texts) {
  std::string text;
  for (const json& each : texts)
    text.append(text.empty() ? "" : ", ").append(each.get<std::string>());
  return text.empty() ? "none" : text;
}

std::string or_none(const json& value) {
  return value.is_string() ? value.get<std::string>() : "none";
}

/// Names upwards; whatever is a measure downwards.
std::vector<json> sorted_peers(const json& status, const std::string& by) {
  std::vector<json> peers = status.at("peers");
  const auto before = [&by](const json& left, const json& right) {
    if (by == "name")
      return left.at("name") < right.at("name");
    const char* const key = by == "handshake" ? "latest_handshake"
                            : by == "rx"      ? "rx_bytes"
                                              : "tx_bytes";
    return left.at(key) > right.at(key);
  };
  std::stable_sort(peers.begin(), peers.end(), before);
  return peers;
}

void show_peers(const peer_options& asked, const common_options& common) {
  const json status = common.daemon().ask("status");
  const std::vector<json> peers = sorted_peers(status, asked.sort);
  if (common.json)
    return print(json(peers).dump(2) + "\n");
  text_table table(
      {align::left, align::left, align::left, align::right, align::right, align::left});
  table.add({"name", "endpoint", "handshake", "received", "sent", "allowed ips"});
  for (const json& peer : peers)
    table.add({name_and_state(peer), or_none(peer.at("endpoint")),
               time_ago(peer.at("latest_handshake"), seconds_since_epoch()),
               human_octets(peer.at("rx_bytes")), human_octets(peer.at("tx_bytes")),
               list_text(peer.at("allowed_ips"))});
  print(table.text());
}

void show_peer(const peer_options& asked, const common_options& common) {
  const json status = common.daemon().ask("status");
  const json& peers = status.at("peers");
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const json& peer) {
    return peer.at("name") == asked.peer || peer.at("public_key") == asked.peer;
  });
  if (found == peers.end())
    throw command_failed("no peer has this name or public key; `troupectl peers` "
                         "lists them");
  const json& peer = *found;
  if (common.json)
    return print(peer.dump(2) + "\n");
  print("name: " + peer.at("name").get<std::string>() + "\npublic key: " +
        peer.at("public_key").get<std::string>() + "\nendpoint: " + or_none(peer.at("endpoint")) +
        "\nendpoints to try: " + list_text(peer.at("endpoints")) +
        "\nallowed ips: " + list_text(peer.at("allowed_ips")) +
        "\nlatest handshake: " + time_ago(peer.at("latest_handshake"), seconds_since_epoch()) +
        "\nreceived: " + human_octets(peer.at("rx_bytes")) +
        "\nsent: " + human_octets(peer.at("tx_bytes")) +
        "\npersistent keepalive: " + peer.at("persistent_keepalive").dump() + "\nexpires: " +
        (peer.at("expires").is_null() ? "never" : peer.at("expires").get<std::string>()) +
        "\nstate: " + peer.at("state").get<std::string>() + "\n");
}

CLI::App* add_verb(CLI::App& peer, const options& asked, const char* name, const char* what) {
  CLI::App* const command = peer.add_subcommand(name, what);
  command->add_option("peer", asked->peer, "its name or its public key")
      ->type_name("NAME|KEY")
      ->required();
  return command;
}

} // namespace

void add_peer_commands(CLI::App& app, common_options& common) {
  const options asked = std::make_shared<peer_options>();
  CLI::App* const peers = app.add_subcommand("peers", "list the peers");
  peers->add_option("--sort", asked->sort, "by name, handshake, rx or tx")
      ->check(CLI::IsMember({"name", "handshake", "rx", "tx"}));
  add_json_option(*peers, common);
  peers->final_callback([asked, &common] { show_peers(*asked, common); });

  CLI::App* const peer = app.add_subcommand("peer", "show or change one peer");
  peer->require_subcommand(1);
  CLI::App* const add = peer->add_subcommand("add", "add a peer");
  add->add_option("name", asked->name, "what it is called from now on")
      ->type_name("NAME")
      ->required();
  add->add_option("--public-key", asked->public_key, "of its interface")
      ->type_name("KEY")
      ->required();
  add_setting_options(*add, asked);
  add_trial_options(*add, asked->how);
  add->add_flag("--disabled", asked->disabled, "only in the configuration, until it is enabled");
  add->final_callback([asked, &common] {
    json params = settings_of(*asked);
    params["public_key"] = asked->public_key;
    if (asked->disabled)
      params["enabled"] = false;
    send("peer.add", std::move(params), *asked, common);
  });

  CLI::App* const set = add_verb(*peer, asked, "set", "change settings of a peer, and keep others");
  set->add_option("--name", asked->name, "another name")->type_name("NAME");
  add_setting_options(*set, asked);
  add_trial_options(*set, asked->how);
  set->final_callback([asked, &common] {
    json params = settings_of(*asked);
    params["peer"] = asked->peer;
    send("peer.set", std::move(params), *asked, common);
  });

  const auto add_simple = [&](const char* verb, const char* method, const char* what) {
    CLI::App* const command = add_verb(*peer, asked, verb, what);
    add_trial_options(*command, asked->how);
    command->final_callback([asked, &common, method] {
      send(method, json{{"peer", asked->peer}}, *asked, common);
    });
  };
  add_simple("remove", "peer.remove", "remove a peer");
  add_simple("enable", "peer.enable", "let a disabled peer in again");
  add_simple("disable", "peer.disable", "keep a peer in the configuration only");

  add_verb(*peer, asked, "rehandshake", "look its name up again, and shake hands with it now")
      ->final_callback([asked, &common] {
        const json answer = common.daemon().ask("peer.rehandshake", {{"peer", asked->peer}});
        print("a handshake with " + answer.at("peer").get<std::string>() + " begins\n");
      });

  CLI::App* const show = add_verb(*peer, asked, "show", "show one peer");
  add_json_option(*show, common);
  show->final_callback([asked, &common] { show_peer(*asked, common); });
}

} // namespace troupe::tools
