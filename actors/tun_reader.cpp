#include "actors/tun_reader.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"

namespace troupe::actors {

namespace {

using self_pointer = tun_reader_actor::stateful_pointer<tun_reader_state>;

/// Whether another is wanted.
bool turn(self_pointer self) {
  tun_reader_state& state = self->state;
  tun::queue_state device = tun::queue_state::ok;
  slab_ref filled;
  const bool read = state.read_once(device, filled, self->clock().now());
  if (filled)
    self->send(state.parts.tunnel, plain_batch{std::move(filled), state.parts.queue});
  if (device == tun::queue_state::gone) {
    self->send(state.parts.supervisor, device_gone{});
    self->quit();
    return false;
  }
  if (read)
    return true;
  watched_fd device_readable = watch_reading(state.parts.source->fd());
  const bool without_credit = !state.credit->is_there();
  if (without_credit)
    state.credit->ran_out(self->clock().now());
  return wait_until_ready(self, *state.parts.wait, *state.parts.bell,
                          {&device_readable, without_credit ? std::size_t{0} : 1}, without_credit);
}

} // namespace

void tun_reader_state::start(tun_reader_parts given, const std::shared_ptr<slab_home>& home) {
  parts = std::move(given);
  status.actor = parts.name;
  credit.emplace(parts.name,
                 slab_sizes{limits::slabs_per_tun_reader, limits::transmit_slab_octets,
                            limits::packets_per_slab_max},
                 parts.credit, home);
}

bool tun_reader_state::read_once(tun::queue_state& device, slab_ref& filled, time_point now) {
  if (!credit->is_there())
    return false;
  slab& into = credit->filling();
  const tun::read_result result = parts.source->read_batch(into, parts.mtu);
  device = result.state;
  status.drops.count(drop_reason::oversize_packet, result.oversize);
  status.drops.count(drop_reason::malformed_offload, result.malformed);
  if (result.packets == 0)
    return result.oversize + result.malformed > 0;
  std::size_t octets = 0;
  for (const arrival& packet : into.arrivals)
    octets += packet.length;
  ++status.batches;
  status.packets += result.packets;
  status.octets += octets;
  if (parts.log->should_log(spdlog::level::trace))
    parts.log->trace("batch {}#{}: read {} packets, {} octets -> tunnel", into.origin(),
                     credit->next_serial(), result.packets, octets);
  filled = credit->launch(octets, now);
  return true;
}

tun_reader_actor::behavior_type tun_reader(self_pointer self, tun_reader_parts parts) {
  if (parts.own_thread)
    name_thread(parts.name);
  end_loudly_on_exceptions(self, parts.log);
  const polled<tun_reader_actor> home{self, parts.bell};
  self->state.start(std::move(parts), std::make_shared<polled_home<tun_reader_actor>>(home));
  return counted(
      self, [self](atom::poll) { take_turns(self, turn); },
      [self](slab_return& credit) { self->state.credit->take_back(std::move(credit)); },
      [self](const link_status& link) { self->state.parts.mtu = link.mtu; },
      [self](const credit_settings& wanted) {
        self->state.credit->set(wanted, self->clock().now());
      },
      [self](atom::stop) { self->quit(); },
      [self](const status_query& query) {
        tun_reader_state& state = self->state;
        const time_point now = self->clock().now();
        state.status.thread = use_of_this_thread(now);
        state.status.credit = state.credit->status(now);
        state.status.waits_for = state.credit->is_waited_for() ? "credit" : "";
        answer_query(self, query, state.status);
      });
}

} // namespace troupe::actors
