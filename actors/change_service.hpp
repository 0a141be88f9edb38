// What the methods of the admin protocol that read or change the configuration do: from parameters
// to a desired configuration, and from what became of it to an answer.
#pragma once

#include "actors/change_desk.hpp"
#include "actors/config_store.hpp"
#include "actors/rpc.hpp"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace troupe::actors {

/// Who is at the other end of a connection, as the kernel knows him.
struct requester {
  std::uint32_t user = 0;
  std::int32_t process = 0;
  /// By the socket that he came through.
  bool may_change = true;

  [[nodiscard]] bool is_root() const { return user == 0; }
};

class change_service {
public:
  using answer = std::variant<nlohmann::ordered_json, rpc_failure>;

  /// `store`: null where there is no file (`trouped IFNAME`).
  change_service(std::shared_ptr<running_configuration> running, change_desk& desk,
                 std::shared_ptr<config_store> store);

  /// `call` is of a method that reads or changes the configuration. What secrets it holds are
  /// wiped.
  [[nodiscard]] answer carry_out(rpc_call& call, const requester& who, moment now,
                                 commit_target& target);
  /// As `reload`, for SIGHUP. What it changed, or why it did not, goes to the log.
  void reload(const std::string& who, moment now, commit_target& target, spdlog::logger& log);

private:
  using desired = std::variant<conf::config, rpc_failure>;
  using json = nlohmann::ordered_json;

  [[nodiscard]] desired parse_files(json& params, const requester& who) const;
  [[nodiscard]] desired read_store() const;
  [[nodiscard]] desired with_peer_changed(rpc_call& call) const;
  [[nodiscard]] desired with_log_level(const json& params) const;
  /// A configuration that was put together: as strict as a file.
  [[nodiscard]] desired checked(conf::config together) const;
  [[nodiscard]] answer difference(const desired& wanted) const;
  [[nodiscard]] answer change(desired wanted, const json& params, const requester& who,
                              const std::string& method, moment now, commit_target& target);
  /// No change of the configuration, so also while one waits.
  [[nodiscard]] answer rehandshake(const json& params, commit_target& target) const;
  [[nodiscard]] answer show(const json& params, const requester& who) const;
  /// What runs, without the peers that drop-ins say.
  [[nodiscard]] desired for_own_file(const conf::config& on_disk) const;
  [[nodiscard]] answer save(const requester& who, moment now);
  [[nodiscard]] json history() const;

  std::shared_ptr<running_configuration> running_;
  change_desk& desk_;
  std::shared_ptr<config_store> store_;
};

} // namespace troupe::actors
