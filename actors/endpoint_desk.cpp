#include "actors/endpoint_desk.hpp"

#include <chrono>

namespace troupe::actors {

namespace {

/// A peer with one address has nothing to choose from.
bool is_choice(const std::vector<conf::endpoint_setting>& all) {
  return all.size() > 1 || (all.size() == 1 && !all.front().literal);
}

} // namespace

endpoint_desk::errands endpoint_desk::set(std::vector<conf::peer_endpoints> endpoints,
                                          time_point now) {
  errands out;
  for (const conf::peer_endpoints& each : endpoints) {
    forget({each.key});
    if (!is_choice(each.all))
      continue;
    // An address TUNNEL has been told already.
    const bool moved = each.moved && !each.all.front().literal;
    places::value_type& whose =
        *places_.emplace(each.key, place{endpoint_choice(each.all), moved}).first;
    carry_out(whose, whose.second.choice.begin(now), never, out);
  }
  return out;
}

void endpoint_desk::forget(const std::vector<public_key>& removed) {
  for (const public_key& key : removed)
    if (const auto gone = places_.find(key); gone != places_.end()) {
      due_.erase({gone->second.choice.deadline(), key});
      places_.erase(gone);
    }
}

endpoint_desk::errands endpoint_desk::on_name(const name_answer& answer, time_point now) {
  errands out;
  const auto found = places_.find(answer.query.peer);
  if (found == places_.end())
    return out; // nobody wants to know any more
  place& whose = found->second;
  const time_point due_before = whose.choice.deadline();
  const std::string& host = answer.query.host;
  const endpoint_step step =
      answer.found.empty() ? whose.choice.on_not_found(host, answer.query.port, now)
                           : whose.choice.on_found(host, answer.query.port, answer.found, now);
  if (answer.found.empty())
    log_failure(whose, answer, step);
  else if (step.go)
    log_found(answer.query, *step.go);
  whose.failure_told = answer.found.empty();
  carry_out(*found, step, due_before, out);
  return out;
}

void endpoint_desk::log_found(const name_query& query, const endpoint& where) {
  const std::string peer = running_->name_of(query.peer);
  log_->log(about(peer), spdlog::level::info, "peer {}: {} is {}", peer, query.host,
            to_string(where));
}

/// The first failure is news, the next ones are not.
void endpoint_desk::log_failure(const place& whose, const name_answer& answer,
                                const endpoint_step& step) {
  const auto level = whose.failure_told ? spdlog::level::debug : spdlog::level::warn;
  const std::string peer = running_->name_of(answer.query.peer);
  const std::string next =
      step.pause
          ? fmt::format("trying again in {} s",
                        std::chrono::duration_cast<std::chrono::seconds>(*step.pause).count())
          : "trying what else there is";
  log_->log(about(peer), level, "peer {}: cannot resolve {}: {}; {}", peer, answer.query.host,
            answer.error, next);
}

endpoint_desk::errands endpoint_desk::on_unanswered(const peers_unanswered& report,
                                                    time_point now) {
  errands out;
  for (const unanswered_peer& each : report.peers)
    if (const auto found = places_.find(each.key); found != places_.end()) {
      endpoint_choice& choice = found->second.choice;
      const time_point due_before = choice.deadline();
      const endpoint_step step = choice.on_unanswered(each.where, now);
      if (step.go) {
        const std::string peer = running_->name_of(each.key);
        log_->log(about(peer), spdlog::level::info, "peer {}: no answer from {}; trying {}", peer,
                  to_string(each.where), to_string(*step.go));
      }
      carry_out(*found, step, due_before, out);
    }
  return out;
}

endpoint_desk::errands endpoint_desk::look_up_again(const public_key& of, time_point now) {
  errands out;
  if (const auto found = places_.find(of); found != places_.end()) {
    endpoint_choice& choice = found->second.choice;
    const time_point due_before = choice.deadline();
    carry_out(*found, choice.look_up_again(now), due_before, out);
  }
  return out;
}

endpoint_desk::errands endpoint_desk::on_deadline(time_point now) {
  errands out;
  while (deadline() <= now) {
    const auto [due, key] = *due_.begin();
    places::value_type& whose = *places_.find(key);
    carry_out(whose, whose.second.choice.on_deadline(now), due, out);
  }
  return out;
}

void endpoint_desk::carry_out(places::value_type& whose, endpoint_step step, time_point due_before,
                              errands& out) {
  place& its = whose.second;
  if (step.look_up)
    out.look_up.push_back({whose.first, step.look_up->host, step.look_up->port});
  if (step.go)
    out.moves.push_back({whose.first, *step.go, !std::exchange(its.moved, false)});
  due_.erase({due_before, whose.first});
  if (its.choice.deadline() != never)
    due_.emplace(its.choice.deadline(), whose.first);
}

} // namespace troupe::actors
