#include "actors/rule_keeper.hpp"

#include "messages/unique_fd.hpp"
#include "messages/whole_file.hpp"

#include "tun/network_namespace.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <net/if.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace troupe::actors {

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;
using outcome = tun::link_change::outcome;

/// Rules are of one network namespace, and a folder is of the machine: the record of each has a
/// name of its own. Throws std::system_error where this namespace cannot be told.
std::string path_in(const std::string& folder) {
  const tun::namespace_identity own = tun::identify(tun::own_namespace());
  return folder + "/rules-" + std::to_string(own.device) + "-" + std::to_string(own.inode) +
         ".json";
}

std::string text_of(const rule_keeper::record& from) {
  json rules = json::array();
  for (const tun::placed_rule& each : from.rules)
    rules.push_back({{"family", static_cast<int>(each.rule.family)},
                     {"mark", each.rule.mark},
                     {"priority", each.priority}});
  return json{{"src_valid_mark", from.source_marks}, {"rules", rules}}.dump(2) + "\n";
}

/// Throws json::exception for what is no record.
rule_keeper::record record_of(const std::string& text) {
  const json parsed = json::parse(text);
  rule_keeper::record found;
  found.source_marks = parsed.at("src_valid_mark").get<bool>();
  for (const json& each : parsed.at("rules")) {
    const ip_family family = each.at("family") == 4 ? ip_family::v4 : ip_family::v6;
    found.rules.push_back(
        {{family, each.at("mark").get<std::uint32_t>()}, each.at("priority").get<std::uint32_t>()});
  }
  return found;
}

/// What it says of a source's mark is for IPv4 alone.
bool judges_sources(const tun::link_rule& rule) {
  return rule.family == ip_family::v4 && rule.mark != 0;
}

/// That of `folder`, of this namespace; nothing: there is none. Throws std::exception for a file
/// that is no record.
std::optional<rule_keeper::record> read_record(const std::string& folder) {
  std::ifstream file(path_in(folder));
  if (!file)
    return std::nullopt;
  return record_of({std::istreambuf_iterator<char>(file), {}});
}

/// Whether another interface's record says that src_valid_mark was 0 before: the setting is the
/// namespace's, and who ends last sets it back. `living`: only of interfaces that are there.
bool others_hold_source_marks(const std::string& folder, bool living) {
  std::error_code none;
  const fs::path own = fs::path(folder).lexically_normal();
  for (fs::directory_iterator each(own.parent_path(), none);
       !none && each != fs::directory_iterator(); each.increment(none)) {
    if (each->path() == own || (living && ::if_nametoindex(each->path().filename().c_str()) == 0))
      continue;
    try {
      if (const std::optional<rule_keeper::record> other = read_record(each->path().string());
          other && other->source_marks)
        return true;
    } catch (const std::exception&) {
      continue; // take_back_rules says of its own folder what is wrong
    }
  }
  return false;
}

/// Held while one looks at src_valid_mark, the records and the setting both: tunnels begin and end
/// at the same time.
class source_marks_lock {
public:
  explicit source_marks_lock(const std::string& folder)
      : of_all_(::open(fs::path(folder).lexically_normal().parent_path().c_str(),
                       O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (of_all_ && ::flock(of_all_.fd(), LOCK_EX) != 0 && errno == EINTR)
      continue;
  }

private:
  unique_fd of_all_;
};

/// Whether it is 0 again, or another's to set back.
bool release_source_marks(const std::string& folder) {
  return others_hold_source_marks(folder, true) || tun::set_source_marks_count(false);
}

/// The folder, too, if nothing else is in it.
void forget(const std::string& folder) {
  remove_file(path_in(folder));
  std::error_code stays;
  fs::remove(folder, stays);
}

} // namespace

rule_keeper::rule_keeper(std::string folder, std::string interface_name, logger log)
    : folder_(std::move(folder)), interface_name_(std::move(interface_name)), log_(std::move(log)) {
}

tun::link_change rule_keeper::add(const tun::link_rule& wanted) {
  const auto is_it = [&](const tun::placed_rule& each) { return each.rule == wanted; };
  if (std::any_of(kept_.rules.begin(), kept_.rules.end(), is_it))
    return {outcome::already_so, {}, {}};
  const tun::placed_rule placed{wanted, place_for(wanted)};
  if (placed.priority == 0)
    return {outcome::refused, std::make_error_code(std::errc::no_space_on_device),
            "there is no room for a rule before all others: ip rule shows one of priority 1 or 2"};
  kept_.rules.push_back(placed);
  tun::link_change done = keep();
  if (!done.refused())
    done = table_.add(placed);
  if (done.refused()) {
    kept_.rules.pop_back();
    static_cast<void>(keep()); // what it says too much is not there to be taken back
    return done;
  }
  if (judges_sources(wanted)) {
    make_source_marks_count();
    warn_of_strict_interfaces();
  }
  return {};
}

tun::link_change rule_keeper::remove(const tun::link_rule& unwanted) {
  const auto found =
      std::find_if(kept_.rules.begin(), kept_.rules.end(),
                   [&](const tun::placed_rule& each) { return each.rule == unwanted; });
  if (found == kept_.rules.end())
    return {outcome::already_so, {}, {}};
  const tun::link_change done = table_.remove(*found);
  if (done.refused())
    return done;
  kept_.rules.erase(found);
  const source_marks_lock lock(folder_);
  if (judges_sources(unwanted) && std::exchange(kept_.source_marks, false))
    static_cast<void>(release_source_marks(folder_));
  static_cast<void>(keep()); // likewise
  return {};
}

tun::link_change rule_keeper::keep() {
  try {
    if (kept_.empty()) {
      forget(folder_);
      return {};
    }
    fs::create_directories(folder_);
    fs::permissions(folder_, fs::perms::owner_all);
    write_whole(path_in(folder_), text_of(kept_), 0600);
    return {};
  } catch (const std::system_error& error) {
    return {outcome::refused, error.code(),
            std::string(error.what()) +
                ": without it nobody could take back the rules of a killed daemon"};
  }
}

/// Before all rules there are, as the kernel would; the main table's before the other, with room
/// for that.
std::uint32_t rule_keeper::place_for(const tun::link_rule& rule) {
  const auto of_main =
      std::find_if(kept_.rules.begin(), kept_.rules.end(), [&](const tun::placed_rule& each) {
        return each.rule == tun::link_rule{rule.family, 0};
      });
  if (of_main != kept_.rules.end())
    return of_main->priority + 1;
  const std::uint32_t least = table_.least_priority(rule.family);
  return least > 2 ? least - (rule.mark == 0 ? 2 : 1) : 0;
}

void rule_keeper::make_source_marks_count() {
  const source_marks_lock lock(folder_);
  const std::optional<bool> they_count = tun::source_marks_count();
  if (!they_count || (*they_count && !others_hold_source_marks(folder_, false)))
    return;
  kept_.source_marks = true;
  if (!keep().refused() && tun::set_source_marks_count(true))
    return;
  kept_.source_marks = false;
  static_cast<void>(keep());
  log_->warn("net.ipv4.conf.all.src_valid_mark cannot be set to 1 (is /proc/sys read-only?), which "
             "matters only beside a firewall that restores marks");
}

/// What comes in bears no mark, so that its way back is the tunnel.
void rule_keeper::warn_of_strict_interfaces() {
  for (const std::string& name : tun::strict_interfaces(interface_name_))
    log_->warn("net.ipv4.conf.{0}.rp_filter is 1 (strict) or that of `all` is: what peers send to "
               "{0} is dropped while the default route leads into the tunnel; run: sysctl -w "
               "net.ipv4.conf.{0}.rp_filter=2",
               name);
}

rules_taken_back take_back_rules(const std::string& folder) {
  rules_taken_back result;
  std::error_code none;
  if (!fs::exists(folder, none))
    return result;
  try {
    const std::optional<rule_keeper::record> found = read_record(folder);
    if (!found)
      return result;
    tun::policy_table table;
    for (auto each = found->rules.rbegin(); each != found->rules.rend(); ++each) {
      const tun::link_change done = table.remove(*each);
      if (done.refused())
        result.remains.push_back(done.text);
      else if (done.result == outcome::made)
        ++result.rules;
    }
    const source_marks_lock lock(folder);
    if (found->source_marks && !release_source_marks(folder))
      result.remains.push_back("net.ipv4.conf.all.src_valid_mark is still 1, and was 0");
    if (result.remains.empty())
      forget(folder);
  } catch (const std::exception& error) {
    result.remains.push_back("the rules recorded in " + folder +
                             " cannot be taken back: " + error.what());
  }
  return result;
}

} // namespace troupe::actors
