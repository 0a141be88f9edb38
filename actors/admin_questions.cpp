// ADMIN's clients: what they ask, whom that is passed on to, and their answers.
#include "actors/admin.hpp"

#include "messages/keys.hpp"
#include "messages/limits.hpp"

#include "actors/actor_support.hpp"
#include "actors/status_json.hpp"
#include "conf/uapi.hpp"
#include "crypto/noise.hpp"

#include <unistd.h>

#include <algorithm>
#include <any>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

/// A long request says within so many octets what it is.
constexpr std::size_t line_begin_octets = 256;

/// Of a client that waits for an answer.
struct question {
  std::string id; // as JSON
  bool flow = false;
};

requester requester_of(const admin_door& door, const client& who) {
  return {who.process.user, who.process.process, door.may_change};
}

/// Beside the permissions of the socket's file, which somebody may have loosened.
bool may_come(const admin_door& door, const peer_process& who) {
  return who.user == 0 || who.user == ::geteuid() || (door.group && who.is_member_of(*door.group));
}

std::size_t longest_line(const admin_door& door, std::string_view input) {
  if (!may_be_long(input.substr(0, line_begin_octets)))
    return limits::admin_line_octets_max;
  return door.may_change ? limits::admin_files_octets_max : limits::admin_reader_files_octets_max;
}

/// Wipes what is left of the texts in a request, of which any may be a key, however that ends.
class wiper {
public:
  /// `params` outlives it, and is no deeper than parse_rpc lets it be.
  explicit wiper(json& params) : params_(params) {}
  wiper(const wiper&) = delete;
  wiper& operator=(const wiper&) = delete;
  ~wiper() { wipe_texts(params_); }

private:
  static void wipe_texts(json& of) {
    if (of.is_string())
      wipe(of.get_ref<std::string&>());
    else if (of.is_structured())
      std::for_each(of.begin(), of.end(), wipe_texts);
  }

  json& params_;
};

json method_list() {
  json result = json::array();
  for (const rpc_method& each : rpc_methods())
    result.push_back({{"method", each.name},
                      {"changes", each.changes},
                      {"parameters", each.parameters},
                      {"summary", each.summary}});
  return result;
}

std::optional<public_key> own_key_of(const conf::config& running) {
  if (!running.interface.private_key)
    return std::nullopt;
  return crypto::derive_public(running.interface.private_key);
}

} // namespace

void admin_state::on_input(admin_door& door, client& who) {
  if (!may_come(door, who.process)) {
    who.output += rpc_error("null", {rpc_code::not_allowed, "not allowed on this socket"});
    who.closing = true;
    return;
  }
  const std::size_t end = who.input.find('\n', who.scanned);
  const std::size_t length = std::min(end, who.input.size());
  const std::size_t most = longest_line(door, who.input);
  if (length > most) {
    who.output +=
        rpc_error("null", {rpc_code::invalid_request,
                           "the request is longer than " + std::to_string(most) + " octets"});
    who.closing = true;
    return;
  }
  if (end == std::string::npos) {
    who.scanned = length;
    return;
  }
  std::string line = who.take(end + 1);
  end_stream(who, "another request came");
  on_request(door, who, line);
  wipe(line);
}

void admin_state::on_request(admin_door& door, client& who, std::string_view line) {
  std::variant<rpc_call, std::string> parsed = parse_rpc(line);
  if (const std::string* const wrong = std::get_if<std::string>(&parsed)) {
    who.output += *wrong;
    return;
  }
  rpc_call& call = std::get<rpc_call>(parsed);
  const wiper when_answered(call.params);
  if (call.id.empty()) // a notification is never answered, so nobody would hear what became of it
    return;
  const rpc_method* const method = find_rpc_method(call.method);
  if (method == nullptr) {
    who.output +=
        rpc_error(call.id, {rpc_code::method_not_found, "there is no method " + call.method +
                                                            "; rpc.list has those there are"});
  } else if (const std::optional<rpc_failure> misused = judge_parameters(*method, call.params)) {
    who.output += rpc_error(call.id, *misused);
  } else if (method->changes && !door.may_change) {
    who.output += rpc_error(
        call.id, {rpc_code::not_allowed, call.method + " changes something, and this socket is for "
                                                       "reading: be root, or in admin.group"});
  } else if (call.method == "status" || call.method == "flow") {
    ask_round(door, who, call);
  } else if (call.method == "actors") {
    ask_roll(door, who, call, served_at);
  } else if (call.method == "logs") {
    open_log(door, who, call);
  } else if (call.method == "rpc.list") {
    who.output += rpc_result(call.id, dump(method_list()));
  } else {
    const change_service::answer answer =
        service->carry_out(call, requester_of(door, who), at(served_at), *this);
    const rpc_failure* const failure = std::get_if<rpc_failure>(&answer);
    who.output += failure != nullptr ? rpc_error(call.id, *failure)
                                     : rpc_result(call.id, dump(std::get<json>(answer)));
  }
}

void admin_state::ask_round(admin_door& door, client& who, rpc_call& call) {
  who.notes = question{std::move(call.id), call.method == "flow"};
  door.wants_peers = door.wants_peers || call.method == "status";
  if (door.hub.join_round(who))
    ask(&door);
}

void admin_state::ask(admin_door* whose) {
  const std::uint64_t token = next_token++;
  const bool peers_wanted = whose == nullptr || std::exchange(whose->wants_peers, false);
  const status_query query{token, {me, parts.bell}, !peers_wanted};
  status_round round{whose, 0, nullptr, {}};
  if (whose != nullptr) {
    round.stages_expected = targets.path.readers.size() + targets.path.sinks.writers.size() +
                            targets.path.senders.size() + targets.receivers.size();
    for (const polled<tun_reader_actor>& reader : targets.path.readers)
      reader.post(query);
    for (const sink<tun_writer_actor>& writer : targets.path.sinks.writers)
      caf::anon_send(writer.actor, query);
    for (const polled<udp_sender_actor>& sender : targets.path.senders)
      sender.post(query);
    for (const polled<udp_receiver_actor>& receiver : targets.receivers)
      receiver.post(query);
  }
  caf::anon_send(targets.tunnel, query); // not urgent: with many peers it takes its time
  rounds.emplace(token, std::move(round));
}

void admin_state::on_tunnel_answer(const tunnel_answer& answer, time_point now) {
  const std::map<std::uint64_t, status_round>::iterator round = rounds.find(answer.token);
  if (round == rounds.end())
    return;
  std::vector<peer_status>& peers = answer.status->peers;
  std::sort(peers.begin(), peers.end(),
            [](const peer_status& left, const peer_status& right) { return left.key < right.key; });
  answer.status->thread.delayed = time_without_cpu(answer.status->thread.thread);
  round->second.tunnel = answer.status;
  finish(answer.token, now);
}

void admin_state::on_stage_answer(const stage_answer& answer, time_point now) {
  const std::map<std::uint64_t, status_round>::iterator round = rounds.find(answer.token);
  if (round == rounds.end()) {
    rolls.take(answer.status);
    if (rolls.is_out() && rolls.is_complete())
      end_roll(now);
    return;
  }
  stage_status& stage = round->second.stages.emplace_back(answer.status);
  stage.thread.delayed = time_without_cpu(stage.thread.thread);
  finish(answer.token, now);
}

void admin_state::finish(std::uint64_t token, time_point now) {
  if (!rounds.at(token).complete())
    return;
  status_round round = std::move(rounds.extract(token).mapped());
  if (round.whose != nullptr)
    return answer_clients(std::move(round), now);
  answer_uapi(
      {}, conf::format_get(parts.running->config(), *round.tunnel, parts.running->socket_facts()));
}

void admin_state::answer_clients(status_round round, time_point now) {
  std::sort(
      round.stages.begin(), round.stages.end(),
      [](const stage_status& left, const stage_status& right) { return left.actor < right.actor; });
  std::string status;
  std::string flow;
  const auto write = [&](client& who) {
    const question& asked = std::any_cast<question&>(who.notes);
    if (asked.flow && flow.empty())
      flow = flow_text(round);
    else if (!asked.flow && status.empty())
      status = status_text(round);
    who.output += rpc_result(asked.id, asked.flow ? flow : status);
  };
  if (round.whose->hub.answer_round(write, now))
    ask(round.whose);
}

std::string admin_state::status_text(const status_round& round) const {
  const conf::config& running = parts.running->config();
  json result = status_json(running, parts.running->socket_facts(), own_key_of(running),
                            *round.tunnel, round.stages);
  if (link)
    result["interface"]["mtu"] = link->mtu;
  return dump(result);
}

std::string admin_state::flow_text(const status_round& round) {
  flow_sample now{round.tunnel->counts, round.tunnel->thread, round.stages, {}};
  if (parts.monitor)
    now.queue_drops = parts.monitor->queue_drops();
  const time_point at = now.at();
  const json result = flow_json(parts.running->config(), *round.tunnel, now, samples.before(at));
  samples.keep(at, std::move(now));
  return dump(result);
}

} // namespace troupe::actors
