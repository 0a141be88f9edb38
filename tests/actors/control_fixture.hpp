// ADMIN and UAPI with their sockets and clients, between stand-ins. The network is the test's own.
#pragma once

#include "actors/admin.hpp"
#include "actors/uapi.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/actors/stage_fixture.hpp"
#include "tests/actors/temporary_folder.hpp"
#include "tests/actors/unix_client.hpp"
#include "tests/udp/own_network.hpp"

namespace troupe::actors {

/// Writes down what it is asked, and never answers.
inline resolver_actor::behavior_type
resolver_stand_in(resolver_actor::pointer, std::shared_ptr<std::vector<name_query>> asked) {
  return {
      [=](const std::vector<name_query>& queries) {
        asked->insert(asked->end(), queries.begin(), queries.end());
      },
      [](atom::stop) {},
      [](const status_query&) {},
  };
}

struct control_fixture : stage_fixture {
  udp::own_network network;
  temporary_folder folder;
  std::string uapi_path = folder.at("uapi.sock");
  std::string admin_path = folder.at("admin.sock");
  std::string read_path = folder.at("admin.read.sock");
  std::shared_ptr<std::vector<name_query>> asked = std::make_shared<std::vector<name_query>>();
  resolver_actor resolver = spawn(resolver_stand_in, asked);
  std::shared_ptr<const udp::socket_pair> sockets = udp::socket_pair::open(0, {});
  std::shared_ptr<running_configuration> running;
  /// The beginning of 2030.
  std::shared_ptr<wall_time> time_of_day =
      std::make_shared<wall_time>(std::chrono::sys_days(std::chrono::year{2030} / 1 / 1));
  std::shared_ptr<const log_book> book = std::make_shared<const log_book>(log_book::settings{
      log_format::text, folder.at("log"), [](const std::string&) { return spdlog::level::info; }});
  std::shared_ptr<passing_waiter> admin_wait = std::make_shared<passing_waiter>();
  polled<admin_actor> admin;
  polled<uapi_actor> uapi;

  explicit control_fixture(conf::config config = sample_config()) {
    running = std::make_shared<running_configuration>(std::move(config), sockets, nullptr,
                                                      log.open("admin"));
    admin.bell = std::make_shared<doorbell>();
    admin.actor =
        spawn(actors::admin,
              admin_parts{std::make_shared<control_socket>(control_socket::listen(admin_path, {})),
                          std::make_shared<control_socket>(control_socket::listen(read_path, {})),
                          running, nullptr, std::nullopt, nullptr, nullptr, path_maker{},
                          admin.bell, admin_wait, book, log.open("admin"), false,
                          [now = time_of_day] { return *now; }});
    uapi.bell = std::make_shared<doorbell>();
    uapi.actor =
        spawn(actors::uapi,
              uapi_parts{std::make_shared<control_socket>(control_socket::listen(uapi_path, {})),
                         admin, supervisor, uapi.bell, wait, log.open("uapi"), false});
    admin_targets targets;
    targets.tunnel = tunnel;
    targets.uapi = uapi;
    targets.resolver = resolver;
    targets.supervisor = supervisor;
    tell(admin.actor, std::move(targets));
  }

  /// What poll(2) would wake them for. The stand-in of the TUNNEL answers what it was asked, and
  /// that often it was.
  std::size_t turn() {
    for (int i = 0; i < 2; ++i) { // one to look, one to act
      tell(uapi.actor, atom::poll_v);
      tell(admin.actor, atom::poll_v);
    }
    const std::vector<status_query> queries = std::exchange(to_tunnel->queries, {});
    for (const status_query& query : queries) {
      if (query.roll_call)
        continue; // it is blocked
      query.reader.post(tunnel_answer{query.token, std::make_shared<tunnel_status>(status)});
      scheduler.run();
    }
    return queries.size();
  }
  unix_client join(const std::string& path) {
    unix_client made(path);
    turn();
    return made;
  }
  std::string ask(unix_client& who, std::string_view text) {
    who.write(text);
    turn();
    return who.read();
  }
  /// The one commit that came of what was asked.
  [[nodiscard]] const tunnel_change& only_change() const {
    BOOST_REQUIRE(to_tunnel->changes.size() == 1);
    return *to_tunnel->changes.at(0);
  }

  tunnel_status status;
};

} // namespace troupe::actors
