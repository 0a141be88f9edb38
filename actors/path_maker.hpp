// Makes the actors of the data path whose number may change: TUN READER, TUN WRITER, UDP SENDER.
// SUPERVISOR makes the first ones, ADMIN those that come later. Any thread.
#pragma once

#include "messages/interfaces.hpp"

#include "actors/log.hpp"
#include "actors/polling.hpp"
#include "tun/queue.hpp"
#include "udp/datagram_sink.hpp"

#include <functional>
#include <memory>
#include <string>

namespace troupe::actors {

struct path_maker {
  caf::actor_system* system = nullptr;
  std::function<logger(const std::string& actor)> open_log;
  std::function<std::shared_ptr<waiter>()> make_waiter;
  std::function<std::shared_ptr<udp::datagram_sink>(const use_sockets&)> sink_of;
  tunnel_actor tunnel;
  supervisor_actor supervisor;
  /// False in tests: all actors on one scheduler.
  bool own_threads = true;

  // The names that they have everywhere, by queue and by lane.
  static std::string reader_name(std::size_t queue) {
    return "tun-reader/" + std::to_string(queue);
  }
  static std::string writer_name(std::size_t queue) {
    return "tun-writer/" + std::to_string(queue);
  }
  static std::string sender_name(std::size_t lane) { return "udp-sender/" + std::to_string(lane); }

  // All throw when the host has no thread left. A reader reads nothing before it is told to.
  [[nodiscard]] polled<tun_reader_actor> reader(std::size_t queue,
                                                std::shared_ptr<tun::packet_source> source,
                                                std::uint32_t mtu,
                                                const credit_settings& credit) const;
  [[nodiscard]] sink<tun_writer_actor> writer(std::size_t queue,
                                              std::shared_ptr<tun::packet_sink> queue_end) const;
  /// Appends it to both.
  void add_sender(const use_sockets& sockets, data_path& to) const;

private:
  template <class Function, class Parts>
  auto spawn(Function function, Parts parts) const {
    return own_threads ? system->spawn<caf::detached>(function, std::move(parts))
                       : system->spawn(function, std::move(parts));
  }
};

} // namespace troupe::actors
