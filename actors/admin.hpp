// ADMIN: owns the running configuration. Carries out the changes that come through its own socket,
// through UAPI and with SIGHUP, answers questions about the router's state, follows what others do
// to the interface, and has names resolved.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/change_desk.hpp"
#include "actors/change_service.hpp"
#include "actors/client_hub.hpp"
#include "actors/endpoint_desk.hpp"
#include "actors/flow_json.hpp"
#include "actors/log.hpp"
#include "actors/log_service.hpp"
#include "actors/path_maker.hpp"
#include "actors/polling.hpp"
#include "actors/roll_call.hpp"
#include "actors/sample_history.hpp"
#include "actors/transaction.hpp"
#include "tun/link_monitor.hpp"

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace troupe::actors {

struct admin_parts {
  /// For those who may change what runs; null, or for those who may read it.
  std::shared_ptr<control_socket> socket;
  std::shared_ptr<control_socket> read_socket;
  std::shared_ptr<running_configuration> running;
  /// Null where there is no file, and then nothing to wait in either.
  std::shared_ptr<config_store> store;
  std::optional<pending_file> pending;
  /// Null in tests: the interface is then up, with the configured MTU, and never changes.
  std::shared_ptr<tun::link_monitor> monitor;
  /// Whose queues and actors may become more or less. Null in tests.
  std::shared_ptr<tun::queue_set> device;
  path_maker make;
  std::shared_ptr<doorbell> bell;
  std::shared_ptr<waiter> wait;
  std::shared_ptr<const log_book> book;
  logger log;
  bool own_thread = true;
  /// Set by tests.
  std::function<wall_time()> time_of_day = [] { return std::chrono::system_clock::now(); };
};

/// One of the two sockets, and those who came through it.
struct admin_door {
  using handler = std::function<void(admin_door& from, client& who)>;

  admin_door(control_socket socket, bool changes, const handler& on_input);
  admin_door(const admin_door&) = delete;
  admin_door& operator=(const admin_door&) = delete;

  const bool may_change;
  const std::optional<unsigned> group; // whose members may come, beside root
  client_hub hub;
  /// So many descriptors it has us watch.
  std::size_t watched = 0;
  /// Somebody who waits for the next round has asked for `status`.
  bool wants_peers = false;
};

/// Who waits for a roll call.
struct roll_asker {
  admin_door* door = nullptr;
  std::uint64_t client = 0;
  std::string id; // of the request, as JSON
};

/// A question to the actors of the data path whose answers are coming in.
struct status_round {
  /// Whose clients have asked; null: UAPI's.
  admin_door* whose = nullptr;
  std::size_t stages_expected = 0;
  std::shared_ptr<const tunnel_status> tunnel; // sorted
  std::vector<stage_status> stages;

  [[nodiscard]] bool complete() const { return tunnel && stages.size() == stages_expected; }
};

struct admin_state : commit_target {
  admin_parts parts;
  admin_targets targets;
  admin_actor me;
  std::list<admin_door> doors;
  std::optional<change_desk> desk;
  std::optional<change_service> service;
  std::optional<endpoint_desk> places;
  std::optional<log_service> logs;
  std::vector<watched_fd> watched;
  /// By token; at most one of each door, and one of UAPI.
  std::map<std::uint64_t, status_round> rounds;
  std::uint64_t next_token = 1;
  std::optional<tun::link_state> link;
  sample_history<flow_sample> samples; // of `flow`
  roll_call rolls;
  /// Of the roll call that is out, and of the next: what is coming in may be older than a question.
  std::vector<roll_asker> roll_askers;
  std::vector<roll_asker> roll_askers_next;
  /// When to look again for lines of those who follow the log.
  time_point next_feed = never;
  /// Taken from its mailbox, and there at the last turn.
  std::uint64_t mail_taken = 0;
  std::size_t mailbox = 0;
  /// When the message came that is being handled.
  time_point served_at{};

  void start(admin_parts given, admin_actor myself);
  /// Tells everybody how things are at the start.
  void begin(admin_targets given, time_point now);
  /// With the time of day.
  [[nodiscard]] moment at(time_point steady) const;
  void serve(time_point now);
  /// At the latest; before, if something is ready.
  [[nodiscard]] time_point next_turn() const;
  void on_uapi(const uapi_call& call, time_point now);
  void on_reload(time_point now);
  void on_name(const name_answer& answer, time_point now);
  void on_unanswered(const peers_unanswered& report, time_point now);
  void on_tunnel_answer(const tunnel_answer& answer, time_point now);
  void on_stage_answer(const stage_answer& answer, time_point now);
  /// The last word to whom follows the log.
  void end_streams(time_point now);

  // commit_target
  void configure(tunnel_change change) override;
  void use(const use_sockets& sockets) override;
  void set_endpoints(std::vector<conf::peer_endpoints> of) override;
  void look_up_again(const public_key& of) override;
  void set_log_levels(const conf::log_config& wanted) override;
  void set_credit(const credit_settings& readers, const use_sockets& senders) override;
  std::unique_ptr<prepared_path> prepare_path(const conf::config& wanted,
                                              const use_sockets& sockets) override;

private:
  void on_input(admin_door& door, client& who);
  void on_request(admin_door& door, client& who, std::string_view line);
  void ask_round(admin_door& door, client& who, rpc_call& call);
  void open_log(admin_door& door, client& who, const rpc_call& call);
  void end_stream(client& who, std::string_view why);
  void feed_streams(time_point now);
  void ask_roll(admin_door& door, client& who, rpc_call& call, time_point now);
  void begin_roll(time_point now);
  void end_roll(time_point now);
  [[nodiscard]] std::string status_text(const status_round& round) const;
  [[nodiscard]] std::string flow_text(const status_round& round);
  template <class Message>
  void tell_tunnel(Message&& message);
  void follow_link();
  void run(endpoint_desk::errands errands);
  /// `whose`: null for UAPI.
  void ask(admin_door* whose);
  void finish(std::uint64_t token, time_point now);
  void answer_uapi(std::optional<std::uint64_t> client, std::string text);
  void answer_clients(status_round round, time_point now);
};

admin_actor::behavior_type admin(admin_actor::stateful_pointer<admin_state> self,
                                 admin_parts parts);

} // namespace troupe::actors
