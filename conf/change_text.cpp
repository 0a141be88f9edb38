#include "conf/change_text.hpp"

#include "conf/setting_list.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace troupe::conf {

namespace {

struct found_setting {
  std::string subject;
  std::string key;
  std::string value;
  /// Points into the configuration; null for what is no key.
  const secret_key* secret = nullptr;
};

/// Also those settings that have their standard values: one that is left out has become that.
class collector final : public setting_sink {
public:
  explicit collector(std::string subject = "") : subject_(std::move(subject)) {}

  void table(std::string_view name) override { subject_ = name; }
  void setting(std::string_view key, const std::string& value, bool standard) override {
    // What 0 stands for is nobody's word.
    found.push_back({subject_, std::string(key), standard && value == "0" ? "default" : value});
  }
  void secret(std::string_view key, const secret_key& value) override {
    found.push_back({subject_, std::string(key), "", &value});
  }
  void secret_in_file(std::string_view key, const secret_key&, const std::string& file) override {
    setting(std::string(key) + "_file", file, false);
  }
  void missing(std::string_view) override {}

  std::vector<found_setting> found;

private:
  std::string subject_;
};

constexpr std::string_view not_set = "not set";

std::string shown_value(const found_setting& setting) {
  return setting.secret == nullptr ? setting.value : "a key";
}

bool same(const found_setting& left, const found_setting& right) {
  if (left.secret != nullptr && right.secret != nullptr)
    return left.secret->same_as(*right.secret);
  return left.secret == right.secret && left.value == right.value;
}

const found_setting* find(const std::vector<found_setting>& among, const found_setting& like) {
  const auto found = std::find_if(among.begin(), among.end(), [&](const found_setting& each) {
    return each.key == like.key && each.subject == like.subject;
  });
  return found == among.end() ? nullptr : &*found;
}

/// A key that is another looks the same on both sides.
change_line changed(const found_setting& place, std::string before, std::string after) {
  if (before == after)
    before = after = "";
  return {change_line::kind::changed, place.subject, place.key, std::move(before),
          std::move(after)};
}

void compare(const std::vector<found_setting>& before, const std::vector<found_setting>& after,
             std::vector<change_line>& lines) {
  for (const found_setting& old : before) {
    const found_setting* const now = find(after, old);
    if (now == nullptr)
      lines.push_back(changed(old, shown_value(old), std::string(not_set)));
    else if (!same(old, *now))
      lines.push_back(changed(old, shown_value(old), shown_value(*now)));
  }
  for (const found_setting& fresh : after)
    if (find(before, fresh) == nullptr)
      lines.push_back(changed(fresh, std::string(not_set), shown_value(fresh)));
}

/// The content of a key file may change where its path does not.
void compare_key(const std::string& subject, const std::string& key, const secret_key& before,
                 const secret_key& after, const std::string& file,
                 std::vector<change_line>& lines) {
  if (!file.empty() && !before.same_as(after))
    lines.push_back({change_line::kind::changed, subject, key, "", ""});
}

std::string subject_of(const peer_config& peer) {
  return "peer " + peer.settings.name;
}

void compare_peers(const peer_config& before, const peer_config& after,
                   std::vector<change_line>& lines) {
  if (same_peer(before, after))
    return; // as most of ten thousand are
  collector old(subject_of(before));
  collector fresh(subject_of(before));
  list_settings(before, old);
  list_settings(after, fresh);
  compare(old.found, fresh.found, lines);
  if (before.preshared_key_file == after.preshared_key_file)
    compare_key(subject_of(before), "preshared_key", before.settings.preshared_key,
                after.settings.preshared_key, after.preshared_key_file, lines);
}

std::unordered_map<public_key, const peer_config*> by_key(const config& from) {
  std::unordered_map<public_key, const peer_config*> result;
  result.reserve(from.peers.size());
  for (const peer_config& peer : from.peers)
    result.emplace(peer.settings.key, &peer);
  return result;
}

} // namespace

/// A new field does not compile before it is here. That a peer has expired follows from `expires`.
bool same_peer(const peer_config& left, const peer_config& right) {
  const auto& [settings, preshared_key_file, endpoints, enabled, expires, expired, where] = left;
  const auto& [name, key, preshared_key, allowed_ips, persistent_keepalive_s] = settings;
  const auto same_text = [](const endpoint_setting& one, const endpoint_setting& other) {
    return one.text() == other.text();
  };
  return std::equal(endpoints.begin(), endpoints.end(), right.endpoints.begin(),
                    right.endpoints.end(), same_text) &&
         enabled == right.enabled && expires == right.expires &&
         preshared_key_file == right.preshared_key_file && name == right.settings.name &&
         key == right.settings.key && preshared_key.same_as(right.settings.preshared_key) &&
         allowed_ips == right.settings.allowed_ips &&
         persistent_keepalive_s == right.settings.persistent_keepalive_s;
}

std::vector<change_line> describe_change(const config& before, const config& after) {
  std::vector<change_line> lines;
  collector old;
  collector fresh;
  list_settings(before, old);
  list_settings(after, fresh);
  compare(old.found, fresh.found, lines);
  if (before.interface.private_key_file == after.interface.private_key_file)
    compare_key("interface", "private_key", before.interface.private_key,
                after.interface.private_key, after.interface.private_key_file, lines);

  const auto old_peers = by_key(before);
  const auto new_peers = by_key(after);
  for (const peer_config& peer : before.peers)
    if (new_peers.count(peer.settings.key) == 0)
      lines.push_back({change_line::kind::removed, subject_of(peer), "", "", ""});
  for (const peer_config& peer : after.peers)
    if (const auto known = old_peers.find(peer.settings.key); known != old_peers.end())
      compare_peers(*known->second, peer, lines);
  for (const peer_config& peer : after.peers)
    if (old_peers.count(peer.settings.key) == 0)
      lines.push_back({change_line::kind::added, subject_of(peer), "", "", ""});
  return lines;
}

std::string to_string(const change_line& line) {
  if (line.what != change_line::kind::changed)
    return (line.what == change_line::kind::added ? "+ " : "- ") + line.subject;
  const std::string what = "~ " + line.subject + ": " + line.setting;
  if (line.before.empty() && line.after.empty())
    return what + " is another";
  return what + " " + line.before + " -> " + line.after;
}

std::string summarize(const std::vector<change_line>& lines) {
  std::size_t added = 0;
  std::size_t removed = 0;
  std::set<std::string> changed_peers;
  std::string settings;
  for (const change_line& line : lines) {
    if (line.what == change_line::kind::added)
      ++added;
    else if (line.what == change_line::kind::removed)
      ++removed;
    else if (line.subject.starts_with("peer "))
      changed_peers.insert(line.subject);
    else
      settings.append(settings.empty() ? "" : ", ").append(line.subject + "." + line.setting);
  }
  std::string text;
  const auto count = [&text](std::size_t number, const char* what) {
    if (number != 0)
      text.append(text.empty() ? "" : ", ")
          .append(std::to_string(number) + (number == 1 ? " peer " : " peers ") + what);
  };
  count(added, "added");
  count(removed, "removed");
  count(changed_peers.size(), "changed");
  if (!settings.empty())
    text.append(text.empty() ? "" : "; ").append(settings);
  return text.empty() ? "nothing" : text;
}

} // namespace troupe::conf
