// Everything that SUPERVISOR needs for a whole router, on fakes in memory. The control sockets are
// real ones, in a folder of their own.
#pragma once

#include "actors/supervisor.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/actors/temporary_folder.hpp"
#include "tests/crypto/seeded_random.hpp"
#include "tun/fake_queue.hpp"
#include "udp/fake_socket.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace troupe::actors {

struct fake_host {
  temporary_folder folder;
  std::shared_ptr<tun::fake_source> tun_in = std::make_shared<tun::fake_source>();
  std::shared_ptr<tun::fake_sink> tun_out = std::make_shared<tun::fake_sink>();
  std::shared_ptr<udp::fake_source> udp_in = std::make_shared<udp::fake_source>();
  std::shared_ptr<udp::datagram_sink> udp_out;
  std::shared_ptr<const udp::socket_pair> sockets = udp::socket_pair::open(0, {});
  std::shared_ptr<program_end> end = std::make_shared<program_end>();

  [[nodiscard]] graph_parts parts(const conf::config& config, std::uint64_t seed) const {
    graph_parts made;
    made.interface_name = config.interface.name;
    made.device = std::make_shared<tun::fake_device>(tun_in, tun_out);
    made.sockets = {sockets, {}};
    made.sink_of = [out = udp_out](const use_sockets&) { return out; };
    made.source_of = [in = udp_in](const use_sockets&,
                                   ip_family family) -> std::shared_ptr<udp::datagram_source> {
      return family == ip_family::v4 ? in : nullptr;
    };
    made.log = std::make_shared<const log_book>(
        log_book::settings{log_format::text, folder.at("log"),
                           [](const std::string&) { return spdlog::level::trace; }});
    made.running =
        std::make_shared<running_configuration>(config, sockets, nullptr, made.log->open("admin"));
    made.uapi_socket =
        std::make_shared<control_socket>(control_socket::listen(folder.at("uapi.sock"), {}));
    made.admin_socket =
        std::make_shared<control_socket>(control_socket::listen(folder.at("admin.sock"), {}));
    made.random = std::make_shared<crypto::seeded_random>(seed);
    made.aead = choose_aead(conf::aead_kind::libsodium);
    made.make_waiter = [] { return std::make_shared<poll_waiter>(); };
    made.end = end;
    return made;
  }
  /// Whole once the log book is gone, and with it the thread that writes.
  [[nodiscard]] std::string log_text() const {
    std::ostringstream text;
    text << std::ifstream(folder.at("log")).rdbuf();
    return text.str();
  }
};

} // namespace troupe::actors
