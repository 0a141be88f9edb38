// The roll call: all actors are asked how they are, and who has not answered in time is told of as
// such. Decides who is asked when: nobody twice while a question waits in its mailbox, so that
// those of an actor that hangs do not pile up. Sends nothing itself.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/actors_json.hpp"
#include "actors/sample_history.hpp"

#include <functional>
#include <string>
#include <vector>

namespace troupe::actors {

class roll_call {
public:
  struct member {
    std::string actor;
    std::function<void(const status_query&)> ask;
    /// By the actor's name.
    bool own_thread = false;
    /// Tells it from an earlier one of the same name.
    caf::actor_addr address = {};
  };

  /// In the order in which they are told of. Of a roll call that is out, those who are no members
  /// any more are no longer waited for.
  void set_members(std::vector<member> all);

  [[nodiscard]] bool is_out() const { return deadline_ != never; }
  /// When to end it, whoever is missing; `never`: none is out.
  [[nodiscard]] time_point deadline() const { return deadline_; }
  /// While none is out. `threads`: as they are before anybody is asked.
  void begin(const status_query& query, const std::vector<thread_facts>& threads, time_point now);
  /// Of a member; also a late one, to an earlier question.
  void take(stage_status told);
  /// Whether all have answered.
  [[nodiscard]] bool is_complete() const;
  /// What came of it: `actors`, compared with an earlier one if that says something.
  [[nodiscard]] nlohmann::ordered_json end();

private:
  struct asked_member {
    member who;
    /// A question waits in its mailbox, or is being answered.
    bool asked = false;
  };

  [[nodiscard]] std::vector<asked_member>::iterator find(const std::string& actor);

  std::vector<asked_member> members_;
  roll now_;
  time_point deadline_ = never;
  sample_history<roll> past_;
};

/// All that ADMIN knows, and itself, which need not be asked.
std::vector<roll_call::member> members_of(const admin_targets& targets);

} // namespace troupe::actors
