#include "actors/tunnel.hpp"

#include "messages/limits.hpp"

#include "actors/actor_support.hpp"
#include "actors/affinity.hpp"
#include "tun/icmp.hpp"

#include <algorithm>
#include <array>

namespace troupe::actors {

namespace {

using self_pointer = tunnel_actor::stateful_pointer<tunnel_state>;

/// Before the batches that wait. CAF serves two such messages for each other one, so that neither
/// starves.
constexpr caf::message_priority urgent = caf::message_priority::high;

class reserve_home final : public slab_home {
public:
  explicit reserve_home(tunnel_actor home) : home_(std::move(home)) {}
  void take_back(bare_slab returned) noexcept override {
    caf::anon_send<urgent>(home_, slab_return{std::move(returned)});
  }

private:
  tunnel_actor home_;
};

moment now_of(self_pointer self) {
  return {self->clock().now(), std::chrono::system_clock::now()};
}

/// Hands `batch` to each UDP SENDER that has datagrams in it, and to each TUN WRITER that has
/// packets in it.
void send_on(self_pointer self, const slab_ref& batch) {
  const use_sinks& sinks = self->state.sinks;
  std::uint32_t lanes_served = 0;
  static_assert(limits::udp_senders_max <= 32);
  for (const transmit& each : batch->transmits) {
    if ((lanes_served >> each.lane & 1U) != 0)
      continue;
    lanes_served |= 1U << each.lane;
    if (!sinks.senders[each.lane].try_do(batch))
      self->send(sinks.senders[each.lane].actor, transmit_batch{batch});
  }
  std::uint32_t queues_served = 0;
  static_assert(limits::tun_queues_max <= 32);
  for (const delivery& each : batch->deliveries) {
    if ((queues_served >> each.queue & 1U) != 0)
      continue;
    queues_served |= 1U << each.queue;
    if (!sinks.writers[each.queue].try_do(batch))
      self->send(sinks.writers[each.queue].actor, deliver_batch{batch});
  }
}

void send_jobs(self_pointer self) {
  tunnel_state& state = self->state;
  std::vector<std::shared_ptr<crypto::handshake_job>>& jobs = state.out->jobs;
  for (std::size_t first = 0; first < jobs.size(); first += limits::jobs_per_handshake_batch) {
    const std::size_t last = std::min(jobs.size(), first + limits::jobs_per_handshake_batch);
    handshake_batch batch;
    for (std::size_t i = first; i < last; ++i)
      batch.jobs.push_back(std::move(jobs[i]));
    const std::size_t worker = state.next_handshaker++ % state.parts.handshakers.size();
    self->send<urgent>(state.parts.handshakers[worker], std::move(batch));
  }
  jobs.clear();
}

/// At most one tick is of interest: an earlier deadline asks for another, and the later one, when
/// it comes, finds nothing due.
void arm_tick(self_pointer self) {
  tunnel_state& state = self->state;
  const time_point due = state.core->next_deadline();
  if (due >= state.next_tick)
    return;
  state.next_tick = due;
  self->scheduled_send<urgent>(self, due, atom::tick_v);
}

} // namespace

void tunnel_state::report_unanswered() {
  peers_unanswered report;
  for (const crypto::peer_event& event : out->events)
    if (event.what == crypto::peer_event::kind::unanswered && event.remote)
      report.peers.push_back({event.key, *event.remote});
  if (!report.peers.empty())
    sinks.admin.post(std::move(report));
}

namespace {

/// Ends a turn: what the tunnel originated, then jobs, events and the next deadline. Before what
/// came in with the turn is sent on, so that a peer's released packets stay ahead of newer ones.
void finish_turn(self_pointer self, moment now) {
  tunnel_state& state = self->state;
  std::vector<slab_ref>& originated = state.out->origin.finish_turn(now.steady);
  for (const slab_ref& batch : originated) {
    state.log_sent(*batch);
    state.datagrams_made += batch->datagrams();
    state.packets_made += batch->deliveries.size();
    send_on(self, batch);
  }
  originated.clear();
  send_jobs(self);
  state.report_unanswered();
  state.log_events();
  arm_tick(self);
}

void on_plain(self_pointer self, plain_batch& message) {
  tunnel_state& state = self->state;
  const slab_ref batch = std::move(message.slab);
  const moment now = now_of(self);
  ++state.batches;
  state.queues.read_from(*batch, message.queue);
  state.core->on_plain(*batch, now, *state.out);
  state.log_sent(*batch);
  state.log_drops(*batch);
  state.answer_unreachable(*batch, now);
  finish_turn(self, now);
  send_on(self, batch);
}

void on_cipher(self_pointer self, cipher_batch& message) {
  tunnel_state& state = self->state;
  const slab_ref batch = std::move(message.slab);
  const moment now = now_of(self);
  ++state.batches;
  state.core->on_cipher(*batch, now, *state.out);
  state.queues.steer(*batch);
  state.log_delivered(*batch);
  state.log_drops(*batch);
  finish_turn(self, now);
  send_on(self, batch);
}

void on_handshakes(self_pointer self, handshakes_done& done) {
  const moment now = now_of(self);
  for (const std::shared_ptr<crypto::handshake_job>& job : done.jobs)
    self->state.core->on_handshake(*job, now, *self->state.out);
  finish_turn(self, now);
}

void on_tick(self_pointer self) {
  const moment now = now_of(self);
  tunnel_state& state = self->state;
  if (state.next_tick <= now.steady)
    state.next_tick = never;
  state.core->on_timeout(now, *state.out);
  finish_turn(self, now);
}

/// From `before` to `after`, of which the shorter one is the beginning of the other.
template <class Actor>
void hand_over(const std::vector<sink<Actor>>& before, const std::vector<sink<Actor>>& after) {
  if (before.empty() || before.size() == after.size())
    return; // nobody has had a share, or nobody's is another
  const std::vector<sink<Actor>>& all = before.size() > after.size() ? before : after;
  const auto over = std::make_shared<handover>(before.size(), [all] {
    for (const sink<Actor>& each : all)
      caf::anon_send(each.actor, atom::go_on_v);
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].direct->tell();
    caf::anon_send(all[i].actor, handover_mark{over, i < before.size(), i < after.size()});
  }
}

/// As the other actors do.
void answer_roll_call(self_pointer self, const status_query& query) {
  const tunnel_counts& counts = self->state.core->counts();
  stage_status status;
  status.actor = "tunnel";
  status.batches = self->state.batches;
  status.packets = counts.read + counts.received;
  answer_query(self, query, std::move(status));
}

void answer(self_pointer self, const status_query& query) {
  if (query.roll_call)
    return answer_roll_call(self, query);
  tunnel_status status = self->state.core->status(self->clock().now(), query.only_dropped);
  status.counts.datagrams_made = self->state.datagrams_made;
  status.counts.packets_made = self->state.packets_made;
  status.thread = use_of_this_thread(self->clock().now());
  status.aead = self->state.parts.aead.text;
  status.cpu = self->state.parts.cpu_text;
  query.reader.post(tunnel_answer{query.token, std::make_shared<tunnel_status>(std::move(status))});
}

} // namespace

void tunnel_state::use(use_sinks wanted) {
  core->share_out(static_cast<std::uint8_t>(wanted.senders.size()));
  queues.share_out(wanted.writers.size());
  hand_over(sinks.senders, wanted.senders);
  hand_over(sinks.writers, wanted.writers);
  sinks = std::move(wanted);
}

void tunnel_state::start(tunnel_parts given, std::shared_ptr<slab_home> home) {
  parts = std::move(given);
  core.emplace(*parts.random, parts.aead.make());
  std::vector<bare_slab> reserve;
  for (std::size_t i = 0; i < limits::slabs_of_tunnel_reserve; ++i)
    reserve.push_back(
        slab::make("tunnel", limits::transmit_slab_octets, limits::packets_per_slab_max, home));
  out.emplace(std::move(reserve));
}

void tunnel_state::answer_unreachable(const slab& batch, moment now) {
  for (const dropped& drop : batch.drops) {
    if (drop.reason != drop_reason::no_peer && drop.reason != drop_reason::no_endpoint)
      continue;
    const arrival& packet = batch.arrivals[drop.arrival_index];
    std::array<std::uint8_t, tun::unreachable_octets_max> answer;
    const std::size_t length =
        tun::make_unreachable(answer, batch.range(packet.offset, packet.length));
    // Allowance and reserve are for packets that may be answered.
    if (length == 0)
      continue;
    if (!icmp_allowance.take(now.steady))
      return;
    const crypto::originator::room room = out->origin.reserve(length, now);
    if (!room)
      return;
    std::copy_n(answer.begin(), length, room.data());
    room.in->deliveries.push_back({room.offset, static_cast<std::uint32_t>(length), peer_id::none});
    out->origin.commit(length);
  }
}

tunnel_actor::behavior_type tunnel(self_pointer self, tunnel_parts parts) {
  if (parts.own_thread) {
    name_thread("tunnel");
    if (!prefer_thread())
      parts.cpu_text += "; at usual priority, and a little slower, for want of CAP_SYS_NICE";
    if (parts.cpu)
      pin_thread(*parts.cpu);
    parts.log->info("runs on {}", parts.cpu_text);
  }
  end_loudly_on_exceptions(self, parts.log);
  self->state.start(std::move(parts), std::make_shared<reserve_home>(self));
  return counted(
      self, [self](plain_batch& batch) { on_plain(self, batch); },
      [self](cipher_batch& batch) { on_cipher(self, batch); },
      [self](slab_return& credit) {
        self->state.out->origin.take_back(std::move(credit.slab));
        const moment now = now_of(self);
        self->state.core->on_room(now, *self->state.out);
        finish_turn(self, now);
      },
      [self](handshakes_done& done) { on_handshakes(self, done); },
      [self](atom::tick) { on_tick(self); },
      [self](const configure& commit) {
        const moment now = now_of(self);
        self->state.core->apply(*commit.change, now, *self->state.out);
        finish_turn(self, now);
      },
      [self](const link_status& link) {
        const moment now = now_of(self);
        self->state.core->on_link(link.up, link.mtu, now, *self->state.out);
        finish_turn(self, now);
      },
      [self](const stale_sources& stale) { self->state.core->forget_sources(stale.peers); },
      [self](const sink_drops& dead) {
        for (const peer_drop& each : dead.drops)
          self->state.core->count_sink_drop(each);
        self->state.log_sink_drops(dead.drops);
      },
      [self](use_sinks& sinks) { self->state.use(std::move(sinks)); },
      [self](atom::stop) { self->quit(); },
      [self](const status_query& query) { answer(self, query); });
}

} // namespace troupe::actors
