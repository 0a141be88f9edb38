#include "actors/udp_receiver.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"

#include <algorithm>

namespace troupe::actors {

namespace {

using self_pointer = udp_receiver_actor::stateful_pointer<udp_receiver_state>;

/// Whether another is wanted.
bool turn(self_pointer self) {
  udp_receiver_state& state = self->state;
  slab_ref filled;
  const bool received = state.receive_once(filled, self->clock().now());
  if (filled)
    self->send(state.parts.tunnel, cipher_batch{std::move(filled)});
  if (received)
    return true;
  const bool paused = state.pause > std::chrono::milliseconds::zero();
  const bool without_credit = !state.credit->is_there();
  if (without_credit)
    state.credit->ran_out(self->clock().now());
  watched_fd socket_readable = watch_reading(state.source ? state.source->fd() : -1);
  const std::size_t watched = without_credit || paused ? 0 : 1;
  return wait_until_ready(self, *state.parts.wait, *state.parts.bell, {&socket_readable, watched},
                          without_credit, paused ? state.pause : forever);
}

void use(udp_receiver_state& state, const use_sockets& sockets) {
  state.drops_of_former_sockets = state.kernel_drops();
  state.source = state.parts.source_of(sockets);
  state.pause = std::chrono::milliseconds::zero();
}

} // namespace

void udp_receiver_state::start(udp_receiver_parts given, const std::shared_ptr<slab_home>& home) {
  parts = std::move(given);
  status.actor = parts.name;
  source = parts.source_of(parts.sockets);
  parts.sockets = {}; // the source holds what it needs; the rest closes with its other users
  credit.emplace(parts.name,
                 slab_sizes{limits::slabs_per_udp_receiver, limits::receive_slab_octets,
                            limits::packets_per_receive_slab_max},
                 parts.credit, home);
}

bool udp_receiver_state::receive_once(slab_ref& filled, time_point now) {
  if (!source || !credit->is_there())
    return false;
  // A message may bring a train of almost 64 KiB.
  const std::size_t messages = std::clamp<std::size_t>(credit->room() / (limits::datagram_max + 1),
                                                       1, limits::messages_per_receive_slab);
  const udp::receive_result result = source->receive_batch(credit->filling(), messages);
  status.drops.count(drop_reason::truncated, result.truncated);
  note_error(result.error);
  if (result.datagrams == 0)
    return result.truncated > 0;
  ++status.batches;
  status.packets += result.datagrams;
  status.octets += result.octets;
  status.units += result.messages;
  if (parts.log->should_log(spdlog::level::trace))
    parts.log->trace("batch {}#{}: received {} datagrams, {} octets -> tunnel",
                     credit->filling().origin(), credit->next_serial(), result.datagrams,
                     result.octets);
  filled = credit->launch(result.octets, now);
  return true;
}

void udp_receiver_state::note_error(const std::error_code& error) {
  if (!error) {
    pause = std::chrono::milliseconds::zero();
    return;
  }
  if (pause == std::chrono::milliseconds::zero())
    parts.log->warn("cannot receive: {}; trying again", error.message());
  pause = std::clamp<std::chrono::milliseconds>(2 * pause, limits::socket_retry_first,
                                                limits::socket_retry_max);
}

udp_receiver_actor::behavior_type udp_receiver(self_pointer self, udp_receiver_parts parts) {
  if (parts.own_thread)
    name_thread(parts.name);
  end_loudly_on_exceptions(self, parts.log);
  const polled<udp_receiver_actor> home{self, parts.bell};
  self->state.start(std::move(parts), std::make_shared<polled_home<udp_receiver_actor>>(home));
  return counted(
      self, [self](atom::poll) { take_turns(self, turn); },
      [self](slab_return& credit) { self->state.credit->take_back(std::move(credit)); },
      [self](const use_sockets& sockets) { use(self->state, sockets); },
      [self](const credit_settings& wanted) {
        self->state.credit->set(wanted, self->clock().now());
      },
      [self](atom::stop) { self->quit(); },
      [self](const status_query& query) {
        udp_receiver_state& state = self->state;
        const time_point now = self->clock().now();
        state.status.thread = use_of_this_thread(now);
        state.status.credit = state.credit->status(now);
        state.status.waits_for = state.credit->is_waited_for() ? "credit" : "";
        state.status.kernel_drops = state.kernel_drops();
        state.status.offload = state.source ? state.source->offload() : "";
        answer_query(self, query, state.status);
      });
}

} // namespace troupe::actors
