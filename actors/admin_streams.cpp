// What ADMIN tells its clients beside answers to one question of the data path: lines of the log as
// they come, and how all actors are, also those that hang.
#include "actors/admin.hpp"

#include "messages/limits.hpp"

#include <algorithm>
#include <any>

namespace troupe::actors {

using json = nlohmann::ordered_json;

// --- Lines of the log ----------------------------------------------------------------------------

void admin_state::open_log(admin_door& door, client& who, const rpc_call& call) {
  const std::variant<log_service::opened, rpc_failure> found =
      logs->open(call.params, door.may_change, parts.running->config());
  if (const rpc_failure* const failure = std::get_if<rpc_failure>(&found)) {
    who.output += rpc_error(call.id, *failure);
    return;
  }
  const log_service::opened& opened = std::get<log_service::opened>(found);
  who.output += rpc_result(call.id, dump(opened.result));
  who.streaming = opened.session != nullptr;
  if (who.streaming)
    who.notes = opened.session;
}

void admin_state::end_stream(client& who, std::string_view why) {
  if (!who.streaming)
    return;
  who.streaming = false;
  who.notes.reset();
  who.output += log_stream_end(why);
}

void admin_state::feed_streams(time_point now) {
  next_feed = never;
  const auto feed = [&](client& who) {
    log_session& session = *std::any_cast<std::shared_ptr<log_session>&>(who.notes);
    if (session.is_due(now))
      who.output += session.next_lines(now);
    next_feed = std::min(next_feed, session.due());
  };
  for (admin_door& door : doors)
    door.hub.feed(feed, now);
}

void admin_state::end_streams(time_point now) {
  const auto end = [&](client& who) {
    who.output += std::any_cast<std::shared_ptr<log_session>&>(who.notes)->next_lines(now);
    end_stream(who, "the daemon ends");
  };
  for (admin_door& door : doors)
    door.hub.feed(end, now);
}

// --- The roll call -------------------------------------------------------------------------------

void admin_state::ask_roll(admin_door& door, client& who, rpc_call& call, time_point now) {
  who.busy = true;
  roll_askers_next.push_back({&door, who.id, std::move(call.id)});
  if (!rolls.is_out())
    begin_roll(now);
}

void admin_state::begin_roll(time_point now) {
  roll_askers = std::exchange(roll_askers_next, {});
  status_query query;
  query.token = next_token++;
  query.reader = {me, parts.bell};
  query.roll_call = true;
  rolls.begin(query, threads_of_process(), now);
  stage_status own;
  own.actor = "admin";
  own.messages = mail_taken;
  own.mailbox = mailbox;
  rolls.take(std::move(own));
}

void admin_state::end_roll(time_point now) {
  const std::string told = dump(rolls.end());
  for (const roll_asker& each : std::exchange(roll_askers, {}))
    each.door->hub.answer(each.client, rpc_result(each.id, told), now);
  // Who was answered may have asked again, and begun the next one.
  if (!rolls.is_out() && !roll_askers_next.empty())
    begin_roll(now);
}

} // namespace troupe::actors
