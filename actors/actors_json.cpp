#include "actors/actors_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

/// Those that packets do not pass through.
constexpr std::array<std::string_view, 4> control = {"supervisor", "admin", "uapi", "resolver"};

bool carries_packets(const std::string& actor) {
  return std::find(control.begin(), control.end(), actor) == control.end();
}

const roll_entry* find_entry(const roll* in, const std::string& actor) {
  if (in == nullptr)
    return nullptr;
  const auto found = std::find_if(in->entries.begin(), in->entries.end(),
                                  [&](const roll_entry& each) { return each.actor == actor; });
  return found == in->entries.end() ? nullptr : &*found;
}

/// Earlier. Null: there was none, or one of this name that has gone since.
const roll_entry* same_entry(const roll* before, const roll_entry& now) {
  const roll_entry* const found = find_entry(before, now.actor);
  const bool another =
      found != nullptr && found->thread && now.thread && found->thread->id != now.thread->id;
  return another ? nullptr : found;
}

/// Of its thread, or on whatever thread it was.
std::optional<duration> cpu_time(const roll_entry& entry) {
  if (entry.thread)
    return entry.thread->on_cpu;
  return entry.told ? std::optional(entry.told->thread.cpu) : std::nullopt;
}

/// A count and its rate, or nothing of both.
void add_count(json& to, const std::string& key, std::optional<std::uint64_t> now,
               std::optional<std::uint64_t> before, double seconds) {
  to[key] = now ? json(*now) : json(nullptr);
  json& rate = to[key + "_per_s"] = nullptr;
  if (now)
    rate = before && seconds > 0 ? std::round(static_cast<double>(*now - *before) / seconds) : 0.0;
}

json entry_json(const roll_entry& entry, const roll_entry* before, double seconds) {
  json out = {{"actor", entry.actor}, {"answers", entry.told.has_value()}};
  out["state"] = state_of(entry);
  out["thread"] = entry.thread ? entry.thread->name : "pool";
  out["tid"] = entry.thread ? json(entry.thread->id) : json(nullptr);
  out["thread_state"] = entry.thread ? json(std::string(1, entry.thread->state)) : json(nullptr);
  out["cpu"] = entry.thread ? json(entry.thread->cpu) : json(nullptr);
  out["pinned"] = entry.thread && entry.thread->pinned;
  out["mailbox"] = entry.told ? json(entry.told->mailbox) : json(nullptr);

  const bool carries = carries_packets(entry.actor);
  const auto count = [&](std::uint64_t stage_status::*what, bool known) {
    const auto of = [&](const roll_entry* each) {
      return known && each != nullptr && each->told ? std::optional((*each->told).*what)
                                                    : std::nullopt;
    };
    return std::pair(of(&entry), of(before));
  };
  for (const auto& [key, what, known] : {std::tuple("messages", &stage_status::messages, true),
                                         std::tuple("batches", &stage_status::batches, carries),
                                         std::tuple("packets", &stage_status::packets, carries)}) {
    const auto [now, then] = count(what, known);
    add_count(out, key, now, then, seconds);
  }

  const std::optional<duration> cpu = cpu_time(entry);
  const std::optional<duration> then = before != nullptr ? cpu_time(*before) : std::nullopt;
  out["cpu_ns"] = cpu ? json(cpu->count()) : json(nullptr);
  json& share = out["cpu_share"] = nullptr;
  if (cpu)
    share = then && seconds > 0
                ? std::round(static_cast<double>((*cpu - *then).count()) / 1e6 / seconds) / 1e3
                : 0.0;
  return out;
}

} // namespace

std::string state_of(const roll_entry& entry) {
  if (!entry.told)
    return "not answering";
  if (!entry.told->waits_for.empty())
    return "waits for " + entry.told->waits_for;
  const bool runs = entry.thread ? entry.thread->state == 'R' : entry.told->mailbox > 0;
  return runs ? "running" : "idle";
}

json actors_json(const roll& now, const roll* before) {
  const double seconds =
      before != nullptr ? std::chrono::duration<double>(now.at - before->at).count() : 0.0;
  json out = {{"seconds", std::round(seconds * 1e6) / 1e6}, {"actors", json::array()}};
  for (const roll_entry& each : now.entries)
    out["actors"].push_back(entry_json(each, same_entry(before, each), seconds));
  return out;
}

} // namespace troupe::actors
