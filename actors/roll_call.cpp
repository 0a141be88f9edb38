#include "actors/roll_call.hpp"

#include "messages/limits.hpp"

#include "actors/handshaker.hpp"
#include "actors/path_maker.hpp"

#include <algorithm>

namespace troupe::actors {

namespace {

/// Before the packets that wait: how long those take is told, and is no reason not to answer.
template <class Actor>
std::function<void(const status_query&)> asking(const Actor& actor) {
  return [actor](const status_query& query) {
    caf::anon_send<caf::message_priority::high>(actor, query);
  };
}

template <class Actor>
std::function<void(const status_query&)> asking(const polled<Actor>& actor) {
  return [actor](const status_query& query) { actor.post_first(query); };
}

template <class Actor>
std::function<void(const status_query&)> asking(const sink<Actor>& actor) {
  return asking(actor.actor);
}

template <class Actor>
void add_numbered(std::vector<roll_call::member>& to, std::string (*name_of)(std::size_t),
                  const std::vector<Actor>& actors) {
  for (std::size_t i = 0; i < actors.size(); ++i)
    to.push_back(
        {name_of(i), asking(actors[i]), true, caf::actor_cast<caf::actor_addr>(actors[i].actor)});
}

} // namespace

void roll_call::set_members(std::vector<member> all) {
  const std::vector<asked_member> before = std::exchange(members_, {});
  for (member& each : all) {
    const bool asked = std::any_of(before.begin(), before.end(), [&](const asked_member& known) {
      return known.asked && known.who.actor == each.actor && known.who.address == each.address;
    });
    members_.push_back({std::move(each), asked});
  }
  std::erase_if(now_.entries,
                [this](const roll_entry& entry) { return find(entry.actor) == members_.end(); });
}

std::vector<roll_call::asked_member>::iterator roll_call::find(const std::string& actor) {
  return std::find_if(members_.begin(), members_.end(),
                      [&](const asked_member& each) { return each.who.actor == actor; });
}

void roll_call::begin(const status_query& query, const std::vector<thread_facts>& threads,
                      time_point now) {
  now_ = {now, {}};
  deadline_ = now + limits::roll_call_time;
  for (asked_member& each : members_) {
    const auto own = std::find_if(threads.begin(), threads.end(), [&](const thread_facts& one) {
      return each.who.own_thread && one.name == each.who.actor;
    });
    now_.entries.push_back(
        {each.who.actor, std::nullopt, own != threads.end() ? std::optional(*own) : std::nullopt});
  }
  for (asked_member& each : members_)
    if (!std::exchange(each.asked, true))
      each.who.ask(query);
}

void roll_call::take(stage_status told) {
  if (const auto who = find(told.actor); who != members_.end())
    who->asked = false;
  for (roll_entry& each : now_.entries)
    if (is_out() && each.actor == told.actor)
      each.told = std::move(told);
}

bool roll_call::is_complete() const {
  return std::all_of(now_.entries.begin(), now_.entries.end(),
                     [](const roll_entry& each) { return each.told.has_value(); });
}

nlohmann::ordered_json roll_call::end() {
  deadline_ = never;
  nlohmann::ordered_json told = actors_json(now_, past_.before(now_.at));
  const time_point at = now_.at;
  past_.keep(at, std::move(now_));
  return told;
}

std::vector<roll_call::member> members_of(const admin_targets& targets) {
  std::vector<roll_call::member> all;
  all.push_back({"supervisor", asking(targets.supervisor), true});
  add_numbered(all, path_maker::reader_name, targets.path.readers);
  all.push_back({"tunnel", asking(targets.tunnel), true});
  add_numbered(all, path_maker::sender_name, targets.path.senders);
  for (std::size_t i = 0; i < targets.receivers.size(); ++i)
    all.push_back(
        {i == 0 ? "udp-receiver/v4" : "udp-receiver/v6", asking(targets.receivers[i]), true});
  add_numbered(all, path_maker::writer_name, targets.path.sinks.writers);
  for (std::size_t i = 0; i < targets.handshakers.size(); ++i)
    all.push_back(
        {handshaker_name(i, targets.handshakers.size()), asking(targets.handshakers[i]), false});
  all.push_back({"admin", [](const status_query&) {}, true});
  all.push_back({"uapi", asking(targets.uapi), true});
  all.push_back({"resolver", asking(targets.resolver), false});
  return all;
}

} // namespace troupe::actors
