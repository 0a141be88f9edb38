#include "actors/path_maker.hpp"

#include "actors/tun_reader.hpp"
#include "actors/tun_writer.hpp"
#include "actors/udp_sender.hpp"

namespace troupe::actors {

polled<tun_reader_actor> path_maker::reader(std::size_t queue,
                                            std::shared_ptr<tun::packet_source> source,
                                            std::uint32_t mtu,
                                            const credit_settings& credit) const {
  const std::string name = reader_name(queue);
  const std::shared_ptr<doorbell> bell = std::make_shared<doorbell>();
  return {spawn(tun_reader, tun_reader_parts{name, static_cast<std::uint8_t>(queue),
                                             std::move(source), mtu, tunnel, supervisor, bell,
                                             make_waiter(), open_log(name), own_threads, credit}),
          bell};
}

sink<tun_writer_actor> path_maker::writer(std::size_t queue,
                                          std::shared_ptr<tun::packet_sink> queue_end) const {
  const std::string name = writer_name(queue);
  const std::shared_ptr<shortcut> direct = std::make_shared<shortcut>();
  return {spawn(tun_writer,
                tun_writer_parts{name, static_cast<std::uint8_t>(queue), std::move(queue_end),
                                 tunnel, direct, open_log(name), own_threads}),
          direct};
}

void path_maker::add_sender(const use_sockets& sockets, data_path& to) const {
  const std::size_t lane = to.senders.size();
  const std::string name = sender_name(lane);
  const std::shared_ptr<doorbell> bell = std::make_shared<doorbell>();
  const std::shared_ptr<shortcut> direct = std::make_shared<shortcut>();
  const udp_sender_actor made = spawn(
      udp_sender, udp_sender_parts{name, static_cast<std::uint8_t>(lane), sink_of, sockets, tunnel,
                                   bell, make_waiter(), direct, open_log(name), own_threads});
  to.senders.push_back({made, bell});
  to.sinks.senders.push_back({made, direct});
}

} // namespace troupe::actors
