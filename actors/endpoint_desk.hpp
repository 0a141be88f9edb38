// Where peers are to be found that have a name or several endpoints: has names looked up, and has
// TUNNEL try the next address of a peer that does not answer.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/endpoint_choice.hpp"
#include "actors/log.hpp"
#include "actors/transaction.hpp"

#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::actors {

class endpoint_desk {
public:
  /// `running` says what the peers are called.
  endpoint_desk(std::shared_ptr<const running_configuration> running, logger log)
      : running_(std::move(running)), log_(std::move(log)) {}

  /// What its caller has to pass on, to RESOLVER and to TUNNEL.
  struct errands {
    std::vector<name_query> look_up;
    std::vector<peer_move> moves;
  };

  /// Instead of what these peers had.
  [[nodiscard]] errands set(std::vector<conf::peer_endpoints> endpoints, time_point now);
  void forget(const std::vector<public_key>& removed);
  [[nodiscard]] errands on_name(const name_answer& answer, time_point now);
  [[nodiscard]] errands on_unanswered(const peers_unanswered& report, time_point now);
  [[nodiscard]] errands look_up_again(const public_key& of, time_point now);
  [[nodiscard]] time_point deadline() const { return due_.empty() ? never : due_.begin()->first; }
  [[nodiscard]] errands on_deadline(time_point now);

private:
  struct place {
    endpoint_choice choice;
    /// Somebody wants it to move, whether it answers or not.
    bool moved = false;
    /// That its name cannot be resolved has been said.
    bool failure_told = false;
  };
  using places = std::unordered_map<public_key, place>;

  void log_found(const name_query& query, const endpoint& where);
  void log_failure(const place& whose, const name_answer& answer, const endpoint_step& step);
  void carry_out(places::value_type& whose, endpoint_step step, time_point due_before,
                 errands& out);

  std::shared_ptr<const running_configuration> running_;
  logger log_;
  places places_;
  /// The deadlines of all choices that have one.
  std::set<std::pair<time_point, public_key>> due_;
};

} // namespace troupe::actors
