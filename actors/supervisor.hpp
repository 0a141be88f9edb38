// SUPERVISOR: the graph as code. Starts every actor with what it needs, watches all of them, and
// stops them in the order of a packet's way: first what brings packets in, then control, then
// TUNNEL, then what sends them out. An actor that ends unasked ends the program, with status 1 and
// the reason: never a half-dead one.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/admin.hpp"
#include "actors/aead_choice.hpp"
#include "actors/log.hpp"
#include "actors/polling.hpp"
#include "actors/udp_receiver.hpp"
#include "crypto/random.hpp"
#include "tun/queue.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// How the program ended, for main, which waits for it.
class program_end {
public:
  program_end();

  /// The whole graph stands. Once, before `report`.
  void report_started();
  /// Readable from then on.
  [[nodiscard]] int started_fd() const { return started_.fd(); }

  /// Once; any thread.
  void report(int status, std::string why, bool all_stopped);
  /// Readable once it has been reported.
  [[nodiscard]] int fd() const { return event_.fd(); }
  [[nodiscard]] bool has_come() const;

  // Valid from then on.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  /// False: some actor did not stop, and its thread must be left behind.
  [[nodiscard]] bool all_stopped() const { return all_stopped_; }

private:
  unique_fd started_;
  unique_fd event_;
  int status_ = 0;
  std::string why_;
  bool all_stopped_ = true;
};

/// Everything the actors need, made (and failed, if it must) before any of them exists.
struct graph_parts {
  std::string interface_name;
  /// ADMIN's alone once the graph is built.
  std::shared_ptr<tun::queue_set> device;
  use_sockets sockets;
  std::function<std::shared_ptr<udp::datagram_sink>(const use_sockets&)> sink_of;
  std::function<std::shared_ptr<udp::datagram_source>(const use_sockets&, ip_family)> source_of;
  /// ADMIN's alone once the graph is built.
  std::shared_ptr<running_configuration> running;
  std::shared_ptr<config_store> store;
  std::optional<pending_file> pending;
  std::shared_ptr<tun::link_monitor> monitor;
  std::shared_ptr<control_socket> uapi_socket;
  std::shared_ptr<control_socket> admin_socket;
  std::shared_ptr<control_socket> read_socket; // null: nobody may only read
  std::shared_ptr<crypto::random_source> random;
  /// Each polling actor gets one of its own.
  std::function<std::shared_ptr<waiter>()> make_waiter;
  std::shared_ptr<const log_book> log;
  std::size_t handshakers = 1;
  aead_choice aead;
  /// Where TUNNEL is to sit, and why.
  std::optional<unsigned> tunnel_cpu;
  std::string tunnel_cpu_text;
  /// The exit status when the interface is deleted underneath.
  int status_of_lost_device = 1;
  /// False in tests: all actors on one scheduler.
  bool own_threads = true;
  std::shared_ptr<program_end> end;
};

/// One actor as its watcher knows it.
struct member {
  std::string name;
  caf::actor_addr address;
  std::function<void()> stop;
  bool down = false;
  /// Its end is no accident.
  bool may_end = false;
};

struct supervisor_state {
  graph_parts parts;
  logger log;
  /// In the order in which they are stopped; all of one stage together: sources, control, TUNNEL,
  /// outlets, HANDSHAKERs.
  std::vector<std::vector<member>> stages;
  polled<admin_actor> admin;
  /// Taken from its mailbox.
  std::uint64_t mail_taken = 0;
  /// Counts from 0 while stopping.
  std::optional<std::size_t> stopping;
  int status = 0;
  std::string why;

  void begin_stop(int wanted_status, std::string reason);
  /// Whether all stages are down.
  bool go_on_stopping();
  void on_down(const caf::down_msg& down);
  /// Who is new when the program stops already is stopped with its stage.
  void on_change(const data_path_change& change);
  void forget_ended();
  [[nodiscard]] std::string still_up() const;
};

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self, graph_parts parts);

} // namespace troupe::actors
