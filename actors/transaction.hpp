// A change of the running configuration, from whichever door: prepare what can fail, set the
// kernel, commit by one message that cannot fail, retire what is no longer used. A failure before
// the commit undoes what was done and leaves everything as it was.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"
#include "conf/config.hpp"
#include "conf/diff.hpp"
#include "tun/link.hpp"
#include "udp/socket_pair.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// Who has to hear of a commit.
class commit_target {
public:
  virtual ~commit_target() = default;
  virtual void configure(tunnel_change change) = 0;
  virtual void use(std::shared_ptr<const udp::socket_pair> sockets) = 0;
  virtual void resolve(std::vector<name_query> names) = 0;
};

/// The kernel's side of the interface. Null where troupe sets nothing (`trouped IFNAME`).
class route_setter {
public:
  virtual ~route_setter() = default;
  virtual tun::link_change add(const tun::link_route& route) = 0;
  virtual tun::link_change remove(const tun::link_route& route) = 0;
  virtual tun::link_change add_address(const ip_prefix& address) = 0;
};

struct commit_failure {
  /// A socket could not be bound or marked; otherwise the kernel refused a route.
  bool socket = false;
  std::string text;
};

class running_configuration {
public:
  running_configuration(conf::config started_with, std::shared_ptr<const udp::socket_pair> sockets,
                        std::shared_ptr<route_setter> routes, logger log);

  [[nodiscard]] const conf::config& config() const { return config_; }
  [[nodiscard]] std::uint16_t bound_port() const { return sockets_->port(); }

  /// The first commit: the sockets and the kernel are as configured already.
  void announce(commit_target& target);
  /// Makes `desired` the running configuration, or says why not and changes nothing.
  [[nodiscard]] std::optional<commit_failure>
  change_to(conf::config desired, const conf::diff_hints& hints, commit_target& target);
  /// The kernel has forgotten the interface's routes or IPv6 addresses, while it was down or its
  /// MTU too small: sets them anew.
  void restore_link();
  /// The endpoint found for a name, if that is still the peer's. Whether it was.
  bool name_found(const name_query& query, const endpoint& found, commit_target& target);
  /// Whether a peer still wants this name looked up.
  [[nodiscard]] bool wants(const name_query& query) const;

private:
  /// `prepared` stays empty if the sockets in use will do.
  [[nodiscard]] std::optional<commit_failure>
  open_sockets(const conf::plan& plan, const conf::config& desired,
               std::shared_ptr<const udp::socket_pair>& prepared) const;
  [[nodiscard]] std::optional<commit_failure> set_mark(std::uint32_t mark) const;
  [[nodiscard]] const conf::peer_config* find(const public_key& key) const;

  conf::config config_;
  std::shared_ptr<const udp::socket_pair> sockets_;
  std::shared_ptr<route_setter> routes_;
  logger log_;
};

/// What the sockets of a configuration are to be.
udp::socket_options socket_options_of(const conf::config& wanted);

} // namespace troupe::actors
