#include "tools/actors_table.hpp"

#include "tools/text_table.hpp"

#include <cstdio>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

std::string formatted(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string count_cell(const json& count) {
  return count.is_null() ? "-" : formatted("%.0f", count.get<double>());
}

std::string thread_cell(const json& actor) {
  const std::string name = actor.at("thread");
  return actor.at("tid").is_null() ? name : count_cell(actor.at("tid")) + " " + name;
}

std::string cpu_cell(const json& actor) {
  return count_cell(actor.at("cpu")) + (actor.at("pinned").get<bool>() ? " pinned" : "");
}

/// Of one that does not answer what its thread does is all that is known.
std::string state_cell(const json& actor) {
  const std::string state = actor.at("state");
  const json& thread_state = actor.at("thread_state");
  if (actor.at("answers").get<bool>() || thread_state.is_null())
    return state;
  const std::string letter = thread_state;
  return state + (letter == "R"   ? ", its thread runs"
                  : letter == "S" ? ", its thread sleeps"
                  : letter == "D" ? ", its thread waits in the kernel"
                                  : "");
}

std::string time_cell(const json& ns) {
  return ns.is_null() ? "-" : formatted("%.3f s", ns.get<double>() / 1e9);
}

std::string share_cell(const json& share) {
  return share.is_null() ? "-" : formatted("%.1f %%", share.get<double>() * 100);
}

} // namespace

std::string actors_table(const json& actors) {
  text_table table({align::left, align::left, align::left, align::left, align::right, align::right,
                    align::right, align::right, align::right, align::right});
  table.add({"ACTOR", "THREAD", "CPU", "STATE", "MAILBOX", "MESSAGES/S", "BATCHES/S", "PACKETS/S",
             "CPU TIME", "CPU USE"});
  for (const json& each : actors.at("actors"))
    table.add({each.at("actor").get<std::string>(), thread_cell(each), cpu_cell(each),
               state_cell(each), count_cell(each.at("mailbox")),
               count_cell(each.at("messages_per_s")), count_cell(each.at("batches_per_s")),
               count_cell(each.at("packets_per_s")), time_cell(each.at("cpu_ns")),
               share_cell(each.at("cpu_share"))});
  const double seconds = actors.at("seconds");
  return table.text() +
         (seconds > 0 ? formatted("\nrates and use are of the last %.1f s\n", seconds) : "");
}

} // namespace troupe::tools
