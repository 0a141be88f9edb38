#include "actors/admin.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"
#include "actors/status_json.hpp"
#include "conf/uapi.hpp"
#include "conf/uapi_apply.hpp"
#include "crypto/noise.hpp"

#include <algorithm>
#include <any>

namespace troupe::actors {

namespace {

using self_pointer = admin_actor::stateful_pointer<admin_state>;
using json = nlohmann::ordered_json;

// JSON-RPC 2.0, section 5.1.
constexpr int parse_error = -32700;
constexpr int invalid_request = -32600;
constexpr int method_not_found = -32601;

/// Of a client that waits for an answer.
struct question {
  std::string id; // as JSON
  bool flow = false;
};

std::string rpc_error(const json& id, int code, const std::string& text) {
  const json answer = {
      {"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", text}}}};
  return answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<public_key> own_key_of(const conf::config& running) {
  if (!running.interface.private_key)
    return std::nullopt;
  return crypto::derive_public(running.interface.private_key);
}

void turn(self_pointer self) {
  admin_state& state = self->state;
  const time_point now = self->clock().now();
  state.serve(now);
  sleep_until_ready(self, *state.parts.wait, *state.parts.bell, state.watched, false,
                    until(state.next_turn(), now));
}

} // namespace

// --- The loop
// ----------------------------------------------------------------------------------------

void admin_state::start(admin_parts given, admin_actor myself) {
  parts = std::move(given);
  me = std::move(myself);
  hub.emplace(std::move(*parts.socket), limits::admin_clients_max, limits::admin_input_octets_max,
              [this](client& who) { on_input(who); });
}

void admin_state::begin(admin_targets given) {
  targets = std::move(given);
  if (parts.monitor)
    follow_link();
  else
    tell_tunnel(link_status{true, parts.running->config().interface.mtu});
  parts.running->announce(*this);
  // Beyond this point TUNNEL knows its peers, and ADMIN whom to tell: packets and requests may
  // come.
  targets.uapi.post(atom::poll_v);
  for (const polled<tun_reader_actor>& reader : targets.readers)
    reader.post(atom::poll_v);
  for (const polled<udp_receiver_actor>& receiver : targets.receivers)
    receiver.post(atom::poll_v);
}

void admin_state::serve(time_point now) {
  if (!watched.empty()) {
    if (parts.monitor && watched.front().ready())
      follow_link();
    hub->serve(std::span(watched).subspan(1), now);
  }
  retry_names(now);
  watched.clear();
  watched.push_back(watch_reading(parts.monitor ? parts.monitor->fd() : -1));
  hub->watch(watched, now);
}

// --- The interface, as others set it
// -----------------------------------------------------------------

void admin_state::follow_link() {
  const tun::link_state now = parts.monitor->read_changes();
  if (now.forgot_settings)
    parts.running->restore_link();
  if (link && *link == now)
    return;
  if (!link || link->up != now.up || link->mtu != now.mtu) {
    parts.log->info("interface {} is {}, MTU {}", now.name, now.up ? "up" : "down", now.mtu);
    const link_status status{now.up, now.mtu};
    for (const polled<tun_reader_actor>& reader : targets.readers)
      reader.post(status);
    tell_tunnel(status);
  }
  if (now.moved && (!link || !link->moved))
    parts.log->warn("{}", tun::moved_text(now.name));
  link = now;
}

// --- Names
// -------------------------------------------------------------------------------------------

void admin_state::resolve(std::vector<name_query> names) {
  caf::anon_send(targets.resolver, std::move(names));
}

void admin_state::on_name(const name_answer& answer, time_point now) {
  const std::vector<retry>::iterator again =
      std::find_if(retries.begin(), retries.end(), [&](const retry& each) {
        return each.query.peer == answer.query.peer && each.query.host == answer.query.host;
      });
  duration pause = limits::resolve_retry_first;
  if (again != retries.end()) {
    pause = std::min<duration>(2 * again->pause, limits::resolve_retry_max);
    retries.erase(again);
  }
  if (!parts.running->wants(answer.query))
    return;
  if (answer.found) {
    parts.running->name_found(answer.query, *answer.found, *this);
    return;
  }
  // The first failure is news, the retries are not.
  parts.log->log(pause == limits::resolve_retry_first ? spdlog::level::warn : spdlog::level::debug,
                 "cannot resolve {}: {}; trying again in {} s", answer.query.host, answer.error,
                 std::chrono::duration_cast<std::chrono::seconds>(pause).count());
  retries.push_back({answer.query, now + pause, pause});
}

void admin_state::retry_names(time_point now) {
  std::vector<name_query> due;
  for (retry& each : retries)
    if (each.due <= now) {
      due.push_back(each.query);
      each.due = never; // until its answer comes
    }
  if (!due.empty())
    resolve(std::move(due));
}

time_point admin_state::next_turn() const {
  time_point next = hub->next_look();
  for (const retry& each : retries)
    next = std::min(next, each.due);
  return next;
}

/// Before the packets that wait there.
template <class Message>
void admin_state::tell_tunnel(Message&& message) {
  caf::anon_send<caf::message_priority::high>(targets.tunnel, std::forward<Message>(message));
}

// --- Commits
// -----------------------------------------------------------------------------------------

void admin_state::configure(tunnel_change change) {
  tell_tunnel(::troupe::configure{std::make_shared<const tunnel_change>(std::move(change))});
}

void admin_state::use(std::shared_ptr<const udp::socket_pair> sockets) {
  const use_sockets message{std::move(sockets)};
  for (const polled<udp_sender_actor>& sender : targets.senders)
    sender.post(message);
  for (const polled<udp_receiver_actor>& receiver : targets.receivers)
    receiver.post(message);
}

void admin_state::on_uapi(const uapi_call& call) {
  if (!call.set)
    return ask(status_round::reader::uapi);
  conf::uapi_errno result = conf::uapi_errno::none;
  std::variant<conf::uapi_outcome, conf::uapi_error> outcome =
      conf::apply(parts.running->config(), *call.set, crypto::derive_public);
  if (const conf::uapi_error* error = std::get_if<conf::uapi_error>(&outcome)) {
    parts.log->warn("a UAPI set was refused whole: {}", error->text);
    result = error->number;
  } else {
    conf::uapi_outcome& wanted = std::get<conf::uapi_outcome>(outcome);
    if (const std::optional<commit_failure> failure =
            parts.running->change_to(std::move(wanted.desired), wanted.hints, *this)) {
      parts.log->warn("a UAPI set failed, nothing is changed: {}", failure->text);
      result = failure->socket ? conf::uapi_errno::address_in_use : conf::uapi_errno::io;
    }
  }
  answer_uapi(call.client, conf::format_errno(result));
}

void admin_state::answer_uapi(std::optional<std::uint64_t> client, std::string text) {
  targets.uapi.post(uapi_answer{client, std::make_shared<std::string>(std::move(text))});
}

// --- Questions
// ---------------------------------------------------------------------------------------

void admin_state::on_input(client& who) {
  const std::size_t end = who.input.find('\n');
  if (std::min(end, who.input.size()) > limits::admin_line_octets_max) {
    who.output += rpc_error(nullptr, invalid_request, "the request is too long");
    who.closing = true;
    return;
  }
  if (end == std::string::npos)
    return;
  const std::string line = who.input.substr(0, end);
  who.input.erase(0, end + 1);
  on_request(who, line);
}

void admin_state::on_request(client& who, std::string_view line) {
  const json request = json::parse(line, nullptr, false);
  if (request.is_discarded()) {
    who.output += rpc_error(nullptr, parse_error, "the request is no JSON");
    return;
  }
  if (!request.is_object()) {
    who.output +=
        rpc_error(nullptr, invalid_request, "the request is no object; there are no batches");
    return;
  }
  const json id = request.value("id", json(nullptr));
  const bool is_valid = request.value("jsonrpc", json(nullptr)) == "2.0" &&
                        request.value("method", json(nullptr)).is_string() &&
                        (id.is_null() || id.is_string() || id.is_number());
  if (!is_valid) {
    who.output += rpc_error(nullptr, invalid_request,
                            "the request is no JSON-RPC 2.0: it needs jsonrpc, method and id");
    return;
  }
  if (!request.contains("id")) // a notification: it is never answered, and there is nothing to do
    return;
  const std::string method = request["method"];
  if (method != "status" && method != "flow") {
    who.output += rpc_error(id, method_not_found, "there is no method " + method);
    return;
  }
  who.notes = question{id.dump(), method == "flow"};
  wants_peers = wants_peers || method == "status";
  if (hub->join_round(who))
    ask(status_round::reader::admin_clients);
}

void admin_state::ask(status_round::reader whose) {
  const std::uint64_t token = next_token++;
  const bool peers_wanted =
      whose == status_round::reader::uapi || std::exchange(wants_peers, false);
  const status_query query{token, {me, parts.bell}, !peers_wanted};
  status_round round{whose, 0, nullptr, {}};
  if (whose == status_round::reader::admin_clients) {
    round.stages_expected = targets.readers.size() + targets.writers.size() +
                            targets.senders.size() + targets.receivers.size();
    for (const polled<tun_reader_actor>& reader : targets.readers)
      reader.post(query);
    for (const tun_writer_actor& writer : targets.writers)
      caf::anon_send(writer, query);
    for (const polled<udp_sender_actor>& sender : targets.senders)
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
  if (round == rounds.end())
    return;
  stage_status& stage = round->second.stages.emplace_back(answer.status);
  stage.thread.delayed = time_without_cpu(stage.thread.thread);
  finish(answer.token, now);
}

void admin_state::finish(std::uint64_t token, time_point now) {
  if (!rounds.at(token).complete())
    return;
  status_round round = std::move(rounds.extract(token).mapped());
  if (round.whose == status_round::reader::admin_clients)
    return answer_clients(std::move(round), now);
  answer_uapi(
      {}, conf::format_get(parts.running->config(), *round.tunnel, parts.running->bound_port()));
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
    who.output += R"({"jsonrpc":"2.0","id":)" + asked.id + R"(,"result":)" +
                  (asked.flow ? flow : status) + "}\n";
  };
  if (hub->answer_round(write, now))
    ask(status_round::reader::admin_clients);
}

std::string admin_state::status_text(const status_round& round) const {
  const conf::config& running = parts.running->config();
  json result = status_json(running, parts.running->bound_port(), own_key_of(running),
                            *round.tunnel, round.stages);
  if (link)
    result["interface"]["mtu"] = link->mtu;
  return result.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string admin_state::flow_text(const status_round& round) {
  flow_sample now{round.tunnel->counts, round.tunnel->thread, round.stages, {}};
  if (parts.monitor)
    now.queue_drops = parts.monitor->queue_drops();
  // The newest that is old enough for its difference to say something.
  const flow_sample* before = nullptr;
  for (const flow_sample& each : samples)
    if (const duration age = now.at() - each.at();
        age >= limits::flow_span_min && age <= limits::flow_span_max)
      before = &each;
  const json result = flow_json(parts.running->config(), *round.tunnel, now, before);
  // Who asks more often than that does not drive out what others' rates are of.
  if (samples.empty() || now.at() - samples.back().at() >= limits::flow_span_min) {
    samples.push_back(std::move(now));
    if (samples.size() > limits::flow_samples_max)
      samples.pop_front();
  }
  return result.dump(-1, ' ', false, json::error_handler_t::replace);
}

admin_actor::behavior_type admin(self_pointer self, admin_parts parts) {
  if (parts.own_thread)
    name_thread("admin");
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts), self);
  return {
      [self](atom::poll) { turn(self); },
      [self](const uapi_call& call) { self->state.on_uapi(call); },
      [self](const name_answer& answer) { self->state.on_name(answer, self->clock().now()); },
      [self](admin_targets& targets) {
        self->state.begin(std::move(targets));
        self->send(self, atom::poll_v);
      },
      [self](atom::stop) { self->quit(); },
      [self](const tunnel_answer& answer) {
        self->state.on_tunnel_answer(answer, self->clock().now());
      },
      [self](const stage_answer& answer) {
        self->state.on_stage_answer(answer, self->clock().now());
      },
  };
}

} // namespace troupe::actors
