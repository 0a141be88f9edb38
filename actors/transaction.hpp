// A change of the running configuration, from whichever door: prepare the sockets, set the kernel
// and make what the data path lacks, commit by messages that cannot fail, retire what is no longer
// used. A failure before the commit undoes what was done and leaves everything as it was.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/link_journal.hpp"
#include "actors/log.hpp"
#include "actors/name_wait.hpp"
#include "actors/shared_hooks.hpp"
#include "conf/config.hpp"
#include "conf/diff.hpp"
#include "udp/socket_pair.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// Actors of the data path that were made for a change, and what of the device is theirs. Not in
/// use before `commit`, and taken back by the destructor without it.
class prepared_path {
public:
  virtual ~prepared_path() = default;
  /// Cannot fail. Those that are too many end when they have done what they were told.
  virtual void commit() = 0;
};

/// Who has to hear of a commit.
class commit_target {
public:
  virtual ~commit_target() = default;
  virtual void configure(tunnel_change change) = 0;
  virtual void use(const use_sockets& sockets) = 0;
  /// After `configure`.
  virtual void set_endpoints(std::vector<conf::peer_endpoints> of) = 0;
  /// The names that it is found by.
  virtual void look_up_again(const public_key& of) = 0;
  virtual void set_log_levels(const conf::log_config& wanted) = 0;
  /// With the sockets in use, whose buffers follow it.
  virtual void set_credit(const credit_settings& readers, const use_sockets& senders) = 0;
  /// The part of the data path that `wanted` asks for and is not there. `sockets`: those in use.
  /// Throws std::exception, and then nothing is changed.
  virtual std::unique_ptr<prepared_path> prepare_path(const conf::config& wanted,
                                                      const use_sockets& sockets) = 0;
};

struct commit_failure {
  enum class kind : std::uint8_t {
    /// A socket could not be bound or marked.
    socket,
    /// The kernel refused a setting of the interface.
    link,
    /// A queue of the device, or a thread, could not be made.
    data_path,
    /// Only a restart can bring it.
    needs_restart,
  };

  kind what = kind::link;
  std::string text;
  /// What was done until then could not be undone whole.
  bool undo_failed = false;
};

/// How a change is made, beside what it is.
struct change_options {
  conf::diff_hints hints;
  /// Peers that it removes keep their sessions, and those that it moves remember where they were,
  /// until it is taken back or a change says `forget_parked`.
  bool park_removed = false;
  /// It is what takes back one with `park_removed`.
  bool bring_back = false;
  /// What the kernel refuses, of the interface or of the sockets, is logged and stays as it is, and
  /// all the rest is done.
  bool whatever_the_kernel_says = false;
  /// Those in use before the change that is taken back: a port that the kernel chose is chosen by
  /// nobody twice. Null: new ones, if the port is another.
  std::shared_ptr<const udp::socket_pair> sockets;
};

class running_configuration {
public:
  /// `own_mark`: the one that was chosen for the default routes of `started_with`, if one had to
  /// be.
  running_configuration(conf::config started_with, std::shared_ptr<const udp::socket_pair> sockets,
                        std::shared_ptr<link_setter> interface, logger log,
                        std::uint32_t own_mark = 0);

  [[nodiscard]] const conf::config& config() const { return config_; }
  [[nodiscard]] const std::shared_ptr<const udp::socket_pair>& sockets() const { return sockets_; }
  [[nodiscard]] std::uint16_t bound_port() const { return sockets_->port(); }
  [[nodiscard]] std::uint32_t mark() const { return conf::mark_of(config_, own_mark_); }
  [[nodiscard]] ::troupe::socket_facts socket_facts() const { return {bound_port(), mark()}; }

  /// Those of `config`, for who runs them on another thread.
  [[nodiscard]] std::shared_ptr<const shared_hooks> hooks() const { return hooks_; }

  /// The first commit: the sockets and the kernel are as configured already.
  void announce(commit_target& target);
  /// Makes `desired` the running configuration, or says why not and changes nothing.
  [[nodiscard]] std::optional<commit_failure>
  change_to(conf::config desired, const change_options& how, commit_target& target);
  /// The kernel has forgotten the interface's routes or IPv6 addresses, while it was down or its
  /// MTU too small: sets them anew.
  void restore_link();
  /// What the peer is called, for logs; empty if there is none.
  [[nodiscard]] std::string name_of(const public_key& peer) const;
  /// It is known where the peer is: rules that had to wait for that are added.
  void found(const public_key& peer, time_point now);
  /// When rules are tried again that the kernel refused then.
  [[nodiscard]] time_point deadline() const { return rules_due_; }
  void on_deadline(time_point now);

private:
  /// 0: none is needed. Once chosen it stays. Nothing: no table is free.
  [[nodiscard]] std::optional<std::uint32_t> own_mark_for(const conf::config& desired) const;
  /// `prepared` stays empty if the sockets in use will do.
  [[nodiscard]] std::optional<commit_failure>
  find_sockets(const conf::plan& plan, const conf::config& desired, const change_options& how,
               std::uint32_t mark, std::shared_ptr<const udp::socket_pair>& prepared) const;
  [[nodiscard]] std::optional<commit_failure>
  find_path(const conf::plan& plan, const conf::config& desired, commit_target& target,
            std::unique_ptr<prepared_path>& prepared) const;
  /// What was made until a failure is in the journal, to be undone.
  [[nodiscard]] std::optional<commit_failure>
  set_kernel(const conf::plan& plan, const conf::config& desired, const change_options& how,
             std::uint32_t mark, link_journal& journal,
             std::shared_ptr<const udp::socket_pair>& prepared) const;
  [[nodiscard]] std::optional<commit_failure>
  set_options(const udp::socket_options& wanted, const change_options& how, link_journal& journal,
              std::shared_ptr<const udp::socket_pair>& prepared) const;
  [[nodiscard]] const conf::peer_config* find(const public_key& key) const;
  void add_rules_that_waited(time_point now);

  conf::config config_;
  std::shared_ptr<const udp::socket_pair> sockets_;
  std::shared_ptr<link_setter> interface_;
  logger log_;
  std::uint32_t own_mark_;
  std::shared_ptr<shared_hooks> hooks_;
  name_wait names_;
  time_point rules_due_ = never;
};

/// Why a default route cannot be: link_setter::free_table found none.
std::string no_free_table_text();

/// What each reader is told: half of the target, as the other half is the socket's.
credit_settings credit_of(const conf::config& wanted);
use_sockets sockets_of(const conf::config& wanted, std::shared_ptr<const udp::socket_pair> sockets);

/// What the sockets of a configuration are to be.
udp::socket_options socket_options_of(const conf::config& wanted, std::uint32_t mark);

} // namespace troupe::actors
