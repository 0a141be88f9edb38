// A client_hub on a socket in a folder of its own, whose turns the test takes.
#pragma once

#include "actors/client_hub.hpp"
#include "tests/actors/temporary_folder.hpp"
#include "tests/actors/unix_client.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace troupe::actors {

struct hub_room {
  static constexpr std::size_t clients_max = 3;
  static constexpr std::size_t output_octets_max = std::size_t{1} << 24;

  temporary_folder folder;
  std::string path = folder.at("hub.sock");
  client_hub hub;
  time_point now{std::chrono::hours(1)};
  std::vector<watched_fd> watched;
  doorbell bell;

  hub_room(std::size_t input_octets_max, client_hub::handler on_input)
      : hub(control_socket::listen(path, {}), {clients_max, input_octets_max, output_octets_max},
            std::move(on_input)) {}

  void look() {
    watched.clear();
    hub.watch(watched, now);
    static_cast<void>(poll_waiter().wait(bell, watched, std::chrono::milliseconds(0)));
  }
  void turn() {
    look();
    hub.serve(watched, now);
    now += std::chrono::seconds(1);
  }
  unix_client join() {
    unix_client made(path);
    turn();
    return made;
  }
};

} // namespace troupe::actors
