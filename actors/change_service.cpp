#include "actors/change_service.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "actors/file_check.hpp"
#include "actors/peer_edit.hpp"
#include "actors/request_files.hpp"
#include "conf/toml_text.hpp"
#include "conf/words.hpp"

#include <algorithm>
#include <exception>
#include <unordered_map>
#include <unordered_set>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

rpc_failure refuse(std::string text) {
  return {rpc_code::refused, std::move(text)};
}

rpc_failure misuse(std::string text) {
  return {rpc_code::invalid_params, std::move(text)};
}

json as_json(const conf::change_line& line) {
  using kind = conf::change_line::kind;
  json result = {{"what", line.what == kind::added     ? "added"
                          : line.what == kind::removed ? "removed"
                                                       : "changed"},
                 {"subject", line.subject}};
  if (!line.setting.empty())
    result.update(json{{"setting", line.setting}, {"before", line.before}, {"after", line.after}});
  result["text"] = conf::to_string(line);
  return result;
}

json as_json(const std::vector<conf::change_line>& lines) {
  json result = json::array();
  for (const conf::change_line& line : lines)
    result.push_back(as_json(line));
  return result;
}

/// Points into a configuration that outlives it.
class peers_by_key {
public:
  explicit peers_by_key(const conf::config& of) {
    for (const conf::peer_config& peer : of.peers)
      peers_.emplace(peer.settings.key, &peer);
  }
  /// Null: it has none.
  [[nodiscard]] const conf::peer_config* find(const public_key& key) const {
    const auto found = peers_.find(key);
    return found != peers_.end() ? found->second : nullptr;
  }

private:
  std::unordered_map<public_key, const conf::peer_config*> peers_;
};

/// Whether the interface, or a peer of `wanted`, has another key file than in `from`. `or_first`:
/// one for a peer that `from` does not know is another, too.
bool has_other_key_files(const conf::config& from, const conf::config& wanted, bool or_first) {
  if (wanted.interface.private_key_file != from.interface.private_key_file)
    return true;
  const peers_by_key known(from);
  return std::any_of(wanted.peers.begin(), wanted.peers.end(), [&](const conf::peer_config& peer) {
    const conf::peer_config* const before = known.find(peer.settings.key);
    return before != nullptr ? peer.preshared_key_file != before->preshared_key_file
                             : or_first && !peer.preshared_key_file.empty();
  });
}

/// False when absent; nothing if it is no truth value.
std::optional<bool> flag_of(const json& params, const char* key) {
  const auto found = params.find(key);
  if (found == params.end())
    return false;
  return found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
}

std::string who_text(const requester& who, const std::string& method) {
  return "uid " + std::to_string(who.user) + " (process " + std::to_string(who.process) +
         ") with " + method;
}

} // namespace

change_service::change_service(std::shared_ptr<running_configuration> running, change_desk& desk,
                               std::shared_ptr<config_store> store)
    : running_(std::move(running)), desk_(desk), store_(std::move(store)) {}

change_service::answer change_service::carry_out(rpc_call& call, const requester& who, moment now,
                                                 commit_target& target) {
  const std::string& method = call.method;
  const std::string asker = who_text(who, method);
  if (method == "history")
    return history();
  if (method == "show.config")
    return show(call.params, who);
  if (method == "diff")
    return difference(parse_files(call.params, who));
  if (method == "apply")
    return change(parse_files(call.params, who), call.params, who, method, now, target);
  if (method == "reload")
    return change(read_store(), call.params, who, method, now, target);
  if (method == "log.level")
    return change(with_log_level(call.params), call.params, who, method, now, target);
  if (method == "save")
    return save(who, now);
  if (method == "confirm" || method == "rollback") {
    std::optional<rpc_failure> failure = method == "confirm" ? desk_.confirm(asker, now, target)
                                                             : desk_.rollback(asker, now, target);
    if (failure)
      return std::move(*failure);
    return json{{"done", method}};
  }
  if (method == "peer.rehandshake")
    return rehandshake(call.params, target);
  return change(with_peer_changed(call), call.params, who, method, now, target);
}

// --- What is wanted -----------------------------------------------------------------------------

change_service::desired change_service::parse_files(json& params, const requester& who) const {
  request_files brought;
  if (!brought.take(params))
    return misuse("the request needs files: [{path, text}], the first of them FILE, with paths of "
                  "at most " +
                  std::to_string(limits::request_path_octets_max) + " octets");
  std::variant<conf::config, std::vector<conf::config_error>> parsed = brought.parse();
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&parsed))
    return refuse(conf::to_string(*errors));
  conf::config& wanted = std::get<conf::config>(parsed);
  // A file that the daemon would read at its next start, as root, is nobody else's to name, and one
  // that it reads is nobody else's to leave out.
  if (!who.is_root() && has_other_key_files(running_->config(), wanted, true))
    return rpc_failure{rpc_code::not_allowed,
                       "only root may name a key file that is not in use already, or leave out one "
                       "that is"};
  if (!who.is_root() && wanted.interface.commands != running_->config().interface.commands)
    return rpc_failure{rpc_code::not_allowed,
                       "only root may change the commands of pre_up, post_up, pre_down and "
                       "post_down, which root runs"};
  return std::move(wanted);
}

change_service::desired change_service::read_store() const {
  if (!store_)
    return refuse("this daemon was started without a file");
  std::variant<conf::config, std::vector<conf::config_error>> read = store_->read();
  if (const auto* errors = std::get_if<std::vector<conf::config_error>>(&read))
    return refuse(conf::to_string(*errors));
  return std::move(std::get<conf::config>(read));
}

change_service::desired change_service::with_peer_changed(rpc_call& call) const {
  std::variant<conf::config, std::string> edited =
      edit_peer(running_->config(), call.method, call.params);
  if (std::string* const fault = std::get_if<std::string>(&edited))
    return misuse(std::move(*fault));
  return checked(std::move(std::get<conf::config>(edited)));
}

change_service::desired change_service::with_log_level(const json& params) const {
  const json level = params.value("level", json(nullptr));
  const json actor = params.value("actor", json(nullptr));
  if (!actor.is_null() && !actor.is_string())
    return misuse("actor must be a text");
  const auto word = level.is_string() ? std::find(conf::log_levels.begin(), conf::log_levels.end(),
                                                  level.get_ref<const std::string&>())
                                      : conf::log_levels.end();
  if (word == conf::log_levels.end())
    return misuse("level must be one of trace, debug, info, warn, error, off");
  const conf::log_level wanted = static_cast<conf::log_level>(word - conf::log_levels.begin());
  conf::config together = running_->config();
  if (actor.is_string())
    together.log.actors[actor.get<std::string>()] = wanted;
  else
    together.log.level = wanted;
  return checked(std::move(together));
}

change_service::desired change_service::checked(conf::config together) const {
  if (std::optional<std::string> fault = file_fault(together))
    return refuse(std::move(*fault));
  return together; // it knows where each peer was written
}

// --- What becomes of it -------------------------------------------------------------------------

change_service::answer change_service::difference(const desired& wanted) const {
  if (const rpc_failure* failure = std::get_if<rpc_failure>(&wanted))
    return *failure;
  const conf::config& other = std::get<conf::config>(wanted);
  const std::vector<conf::change_line> lines = conf::describe_change(running_->config(), other);
  return json{{"summary", conf::summarize(lines)},
              {"changes", as_json(lines)},
              {"needs_restart", conf::diff(running_->config(), other).needs_restart}};
}

change_service::answer change_service::change(desired wanted, const json& params,
                                              const requester& who, const std::string& method,
                                              moment now, commit_target& target) {
  const json seconds = params.value("confirm_s", json(nullptr));
  constexpr auto most = std::chrono::seconds(limits::confirm_max).count();
  if (!seconds.is_null() && (!seconds.is_number_integer() || seconds < 1 || seconds > most))
    return misuse("confirm_s must be a number from 1 to " + std::to_string(most));
  const std::optional<bool> dry_run = flag_of(params, "dry_run");
  if (!dry_run || (*dry_run && !seconds.is_null()))
    return misuse("dry_run must be true or false, and not true beside confirm_s");
  if (*dry_run)
    return difference(wanted);
  if (rpc_failure* failure = std::get_if<rpc_failure>(&wanted))
    return std::move(*failure);
  change_desk::request request{
      std::move(std::get<conf::config>(wanted)), {}, std::nullopt, who_text(who, method)};
  if (!seconds.is_null())
    request.confirm = std::chrono::seconds(seconds.get<std::int64_t>());
  std::variant<std::vector<conf::change_line>, rpc_failure> done =
      desk_.change(std::move(request), now, target);
  if (rpc_failure* failure = std::get_if<rpc_failure>(&done))
    return std::move(*failure);
  const auto& lines = std::get<std::vector<conf::change_line>>(done);
  json result = {{"summary", conf::summarize(lines)}, {"changes", as_json(lines)}};
  if (!seconds.is_null() && !lines.empty())
    result["confirm_s"] = seconds;
  return result;
}

void change_service::reload(const std::string& who, moment now, commit_target& target,
                            spdlog::logger& log) {
  desired read = read_store();
  rpc_failure* failure = std::get_if<rpc_failure>(&read);
  std::variant<std::vector<conf::change_line>, rpc_failure> done;
  if (failure == nullptr) {
    done =
        desk_.change({std::move(std::get<conf::config>(read)), {}, std::nullopt, who}, now, target);
    failure = std::get_if<rpc_failure>(&done);
  }
  if (failure != nullptr)
    log.error("{}: {}{}", who, nothing_changed(*failure), failure->text);
}

change_service::answer change_service::rehandshake(const json& params,
                                                   commit_target& target) const {
  const std::variant<const conf::peer_config*, std::string> found =
      find_peer(running_->config(), params);
  if (const std::string* const fault = std::get_if<std::string>(&found))
    return misuse(*fault);
  const conf::peer_config& peer = *std::get<const conf::peer_config*>(found);
  if (!peer.enabled)
    return refuse("the peer " + peer.settings.name + " is disabled; `troupectl peer enable` it");
  if (peer.expired)
    return refuse("the peer " + peer.settings.name + " has expired; `troupectl peer set " +
                  peer.settings.name + " --expires DATE` lets it in again");
  tunnel_change change;
  change.rehandshake.push_back(peer.settings.key);
  target.configure(std::move(change));
  target.look_up_again(peer.settings.key);
  return json{{"peer", peer.settings.name}};
}

// --- Answers ------------------------------------------------------------------------------------

change_service::answer change_service::show(const json& params, const requester& who) const {
  const std::optional<bool> inline_keys = flag_of(params, "inline_keys");
  const std::optional<bool> keys = flag_of(params, "keys");
  const std::optional<bool> of_file = flag_of(params, "file");
  if (!inline_keys || !keys || !of_file)
    return misuse("file, keys and inline_keys must be true or false");
  if ((*keys || *inline_keys) && !who.is_root())
    return rpc_failure{rpc_code::not_allowed, "only root is shown keys"};
  desired wanted = *of_file ? read_store() : desired(running_->config());
  if (rpc_failure* failure = std::get_if<rpc_failure>(&wanted))
    return std::move(*failure);
  conf::config& shown = std::get<conf::config>(wanted);
  if (*inline_keys)
    shown = conf::without_key_files(std::move(shown));
  return json{{"toml", conf::to_toml(shown, *keys || *inline_keys ? conf::keys::shown
                                                                  : conf::keys::left_out)}};
}

/// Peers that drop-ins have stay there; one that is not as its drop-in says has no place.
change_service::desired change_service::for_own_file(const conf::config& on_disk) const {
  const peers_by_key running(running_->config());
  std::unordered_set<public_key> elsewhere;
  for (const conf::peer_config& peer : on_disk.peers) {
    if (peer.where.file == store_->path())
      continue;
    const conf::peer_config* const now = running.find(peer.settings.key);
    if (now == nullptr || !conf::same_peer(peer, *now))
      return refuse("the peer " + peer.settings.name + " is in " + peer.where.file +
                    ", and not as it says: change it there, or remove it from there, and save "
                    "again");
    elsewhere.insert(peer.settings.key);
  }
  conf::config kept = running_->config();
  std::erase_if(kept.peers, [&](const conf::peer_config& each) {
    return elsewhere.count(each.settings.key) != 0;
  });
  return kept;
}

change_service::answer change_service::save(const requester& who, moment now) {
  if (std::optional<rpc_failure> waits = desk_.busy(now.steady))
    return std::move(*waits);
  if (const std::optional<std::string> fault = file_fault(running_->config()))
    return refuse("nobody could start from what runs: " + *fault);
  desired wanted = read_store();
  if (const conf::config* const on_disk = std::get_if<conf::config>(&wanted)) {
    const bool is_roots = on_disk->interface.commands != running_->config().interface.commands ||
                          has_other_key_files(*on_disk, running_->config(), false);
    if (!who.is_root() && is_roots)
      return rpc_failure{rpc_code::not_allowed,
                         "the file has other commands or key files than what runs: only root may "
                         "write over them"};
    wanted = for_own_file(*on_disk);
  }
  if (rpc_failure* failure = std::get_if<rpc_failure>(&wanted))
    return std::move(*failure);
  std::string text = conf::to_toml(std::get<conf::config>(wanted), conf::keys::shown);
  try {
    store_->write(text);
  } catch (const std::exception& error) {
    wipe(text);
    return refuse(error.what());
  }
  wipe(text);
  return json{{"file", store_->path()}};
}

json change_service::history() const {
  json result = json::array();
  for (const history_entry& each : desk_.history())
    result.push_back(
        {{"time",
          std::chrono::duration_cast<std::chrono::seconds>(each.when.time_since_epoch()).count()},
         {"who", each.who},
         {"what", each.what}});
  return result;
}

} // namespace troupe::actors
