#include "conf/uapi_apply.hpp"

#include "messages/limits.hpp"

#include "conf/policy.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace troupe::conf {

namespace {

/// Works on a copy. Peers keep their places until `finish`, so that indices stay good, and their
/// lists of prefixes only grow until then: `owner_` alone says who has a prefix. A million moves
/// are a million look-ups.
class editor {
public:
  explicit editor(const config& current) : config_(current), gone_(current.peers.size(), false) {
    for (std::size_t i = 0; i < config_.peers.size(); ++i) {
      const peer_settings& settings = config_.peers[i].settings;
      index_.emplace(settings.key, i);
      names_.insert(settings.name);
      if (config_.peers[i].enabled)
        for (const ip_prefix& prefix : settings.allowed_ips)
          owner_.emplace(prefix, i);
    }
  }

  interface_config& interface() { return config_.interface; }

  void remove_all() {
    for (std::size_t i = 0; i < gone_.size(); ++i)
      gone_[i] = gone_[i] || config_.peers[i].in_use();
    std::erase_if(owner_, [this](const auto& held) { return gone_[held.second]; });
  }

  void remove(const public_key& key) {
    if (!present(key))
      return;
    const std::size_t index = index_.at(key);
    clear_prefixes(index);
    gone_[index] = true;
    removed_.insert(key);
  }

  void edit(const uapi_peer& wanted) {
    if (wanted.remove)
      return remove(wanted.key);
    if (!present(wanted.key) && wanted.update_only)
      return;
    const std::size_t index = present(wanted.key) ? index_.at(wanted.key) : create(wanted.key);
    peer_config& peer = config_.peers[index];
    if (wanted.preshared_key && !wanted.preshared_key->same_as(peer.settings.preshared_key)) {
      peer.settings.preshared_key = *wanted.preshared_key;
      peer.preshared_key_file.clear();
    }
    if (wanted.persistent_keepalive_s)
      peer.settings.persistent_keepalive_s = *wanted.persistent_keepalive_s;
    if (wanted.remote) {
      set_endpoint(peer, *wanted.remote);
      hints_.endpoint_given.insert_or_assign(wanted.key, *wanted.remote);
    }
    for (const allowed_ip_step& step : wanted.allowed_ips)
      take(index, step);
  }

  uapi_outcome finish() {
    for (const std::size_t index : touched_)
      keep_owned(index);
    std::vector<peer_config> left;
    left.reserve(config_.peers.size());
    for (std::size_t i = 0; i < config_.peers.size(); ++i)
      if (!gone_[i])
        left.push_back(std::move(config_.peers[i]));
    config_.peers = std::move(left);
    return {std::move(config_), std::move(hints_)};
  }

private:
  [[nodiscard]] bool present(const public_key& key) const {
    const std::unordered_map<public_key, std::size_t>::const_iterator found = index_.find(key);
    return found != index_.end() && !gone_[found->second] && config_.peers[found->second].in_use();
  }

  /// A new peer, in the place of one that is not in use or went in this request if there is one.
  std::size_t create(const public_key& key) {
    const auto [found, fresh] = index_.try_emplace(key, config_.peers.size());
    if (fresh) {
      config_.peers.emplace_back();
      gone_.push_back(false);
    }
    clear_prefixes(found->second);
    peer_config& peer = config_.peers[found->second];
    std::string name = std::move(peer.settings.name);
    if (fresh)
      name =
          default_name(key, [this](const std::string& taken) { return names_.count(taken) != 0; });
    names_.insert(name);
    peer.settings = {};
    peer.settings.name = std::move(name);
    peer.settings.key = key;
    peer.preshared_key_file.clear();
    peer.enabled = true;
    peer.expired = false; // of this request; afterwards its date counts as before
    if (peer.endpoints.size() == 1 && peer.endpoints.front().literal)
      peer.endpoints.clear();
    gone_[found->second] = false;
    if (removed_.count(key) != 0)
      hints_.recreated.insert(key);
    return found->second;
  }

  /// One of those that it has is no news, and another takes the place of the first.
  static void set_endpoint(peer_config& peer, const endpoint& given) {
    const bool known =
        std::any_of(peer.endpoints.begin(), peer.endpoints.end(),
                    [&](const endpoint_setting& each) { return each.literal == given; });
    if (known)
      return;
    if (peer.endpoints.empty())
      peer.endpoints.emplace_back();
    peer.endpoints.front() = literal_endpoint(given);
  }

  void clear_prefixes(std::size_t index) {
    for (const ip_prefix& prefix : config_.peers[index].settings.allowed_ips) {
      const std::map<ip_prefix, std::size_t>::iterator held = owner_.find(prefix);
      if (held != owner_.end() && held->second == index)
        owner_.erase(held);
    }
    config_.peers[index].settings.allowed_ips.clear();
  }

  void take(std::size_t index, const allowed_ip_step& step) {
    touched_.insert(index);
    if (step.what == allowed_ip_step::kind::clear)
      return clear_prefixes(index);
    const std::map<ip_prefix, std::size_t>::iterator held = owner_.lower_bound(step.prefix);
    const bool known = held != owner_.end() && held->first == step.prefix;
    const bool own = known && held->second == index;
    if (step.what == allowed_ip_step::kind::remove) {
      if (own)
        owner_.erase(held);
      return;
    }
    if (own)
      return;
    if (known) {
      touched_.insert(held->second);
      held->second = index;
    } else {
      owner_.emplace_hint(held, step.prefix, index);
    }
    config_.peers[index].settings.allowed_ips.push_back(step.prefix);
  }

  /// Beyond this point a list holds what its peer owns, once. Takes the prefixes out of `owner_`.
  void keep_owned(std::size_t index) {
    std::erase_if(config_.peers[index].settings.allowed_ips, [&](const ip_prefix& prefix) {
      const std::map<ip_prefix, std::size_t>::iterator held = owner_.find(prefix);
      if (held == owner_.end() || held->second != index)
        return true;
      owner_.erase(held);
      return false;
    });
  }

  config config_;
  diff_hints hints_;
  std::vector<bool> gone_; // by the peer's index
  std::unordered_map<public_key, std::size_t> index_;
  std::unordered_set<std::string> names_;
  std::map<ip_prefix, std::size_t> owner_;
  std::unordered_set<std::size_t> touched_;
  /// With remove=true, one by one.
  std::unordered_set<public_key> removed_;
};

/// What a file would not be allowed either.
std::optional<uapi_error> check(const config& desired) {
  if (desired.peers.size() > limits::peers_max)
    return uapi_error{uapi_errno::invalid,
                      "UAPI set: more than " + std::to_string(limits::peers_max) + " peers"};
  if (const std::string fault = mark_fault(desired); !fault.empty())
    return uapi_error{uapi_errno::invalid, "UAPI set: the fwmark " + fault};
  return std::nullopt;
}

} // namespace

std::variant<uapi_outcome, uapi_error>
apply(const config& current, const uapi_set& request,
      const std::function<public_key(const secret_key&)>& derive) {
  editor edited(current);
  interface_config& interface = edited.interface();
  if (request.private_key && !request.private_key->same_as(interface.private_key)) {
    interface.private_key = *request.private_key;
    interface.private_key_file.clear();
  }
  if (request.listen_port)
    interface.listen_port = *request.listen_port;
  if (request.fwmark)
    interface.fwmark = *request.fwmark;
  std::optional<public_key> own_key;
  if (interface.private_key)
    own_key = derive(interface.private_key);
  if (request.replace_peers)
    edited.remove_all();
  if (request.private_key && own_key)
    edited.remove(*own_key);
  for (const uapi_peer& peer : request.peers)
    if (peer.key != own_key)
      edited.edit(peer);
  uapi_outcome outcome = edited.finish();
  if (std::optional<uapi_error> failure = check(outcome.desired))
    return std::move(*failure);
  return outcome;
}

} // namespace troupe::conf
