// A running configuration over a fake kernel, and real sockets in a network of its own.
#pragma once

#include "actors/transaction.hpp"

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/fake_link.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <string>

namespace troupe::actors {

inline ip_prefix prefix(const std::string& text) {
  return parse_ip_prefix(text).value();
}

struct transaction_fixture {
  udp::own_network network;
  captured_log log;
  std::shared_ptr<fake_link> routes = std::make_shared<fake_link>();
  std::shared_ptr<const udp::socket_pair> sockets = udp::socket_pair::open(0, {});
  running_configuration running{sample_config(), sockets, routes, log.open("admin")};
  recording_target target;

  transaction_fixture() { routes->present = {prefix("10.1.2.0/24"), prefix("10.1.3.0/24")}; }

  [[nodiscard]] std::uint32_t mark() const { return sockets->of(ip_family::v4)->mark(); }
  std::optional<commit_failure> change(const conf::config& desired,
                                       const conf::diff_hints& hints = {}) {
    change_options how;
    how.hints = hints;
    return running.change_to(desired, how, target);
  }
  [[nodiscard]] static std::uint16_t a_free_port() { return udp::socket_pair::open(0, {})->port(); }
};

} // namespace troupe::actors
