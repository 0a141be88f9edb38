#include "actors/flow_json.hpp"

#include "messages/limits.hpp"

#include "actors/drops_json.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

const stage_status* find_stage(const flow_sample* in, const std::string& actor) {
  if (in == nullptr)
    return nullptr;
  const std::vector<stage_status>::const_iterator found =
      std::find_if(in->stages.begin(), in->stages.end(),
                   [&](const stage_status& each) { return each.actor == actor; });
  return found == in->stages.end() ? nullptr : &*found;
}

/// From `before` to `now`; without one since the actor began, which is not known: since it was
/// first busy is as good as nothing, so 0.
double share_of(duration part, const thread_use& now, const thread_use* before) {
  const duration span = before != nullptr ? now.at - before->at : duration::zero();
  return span > duration::zero()
             ? std::clamp(static_cast<double>(part.count()) / static_cast<double>(span.count()),
                          0.0, 1.0)
             : 0.0;
}

double cpu_share(const thread_use& now, const thread_use* before) {
  return share_of(now.cpu - (before != nullptr ? before->cpu : duration::zero()), now, before);
}

double delayed_share(const thread_use& now, const thread_use* before) {
  return share_of(now.delayed - (before != nullptr ? before->delayed : duration::zero()), now,
                  before);
}

/// A stage, and the same stage earlier.
struct stage_pair {
  const stage_status& now;
  const stage_status* before;

  [[nodiscard]] const thread_use* thread_before() const {
    return before != nullptr ? &before->thread : nullptr;
  }
  [[nodiscard]] double cpu() const { return cpu_share(now.thread, thread_before()); }
  [[nodiscard]] double blocked() const {
    return share_of(now.blocked - (before != nullptr ? before->blocked : duration::zero()),
                    now.thread, thread_before());
  }
  [[nodiscard]] double starved() const {
    const duration earlier =
        before != nullptr && before->credit ? before->credit->starved : duration::zero();
    return share_of(now.credit->starved - earlier, now.thread, thread_before());
  }
  [[nodiscard]] histogram sojourn() const {
    const histogram all = now.credit->sojourn;
    if (before == nullptr || !before->credit)
      return all;
    const histogram since = all.since(before->credit->sojourn);
    return since.total() > 0 ? since : all;
  }
};

double us(duration time) {
  return static_cast<double>(time.count()) / 1e3;
}

double rounded(double share) {
  return std::round(share * 1000) / 1000;
}

json edge_json(const stage_pair& reader) {
  const credit_status& credit = *reader.now.credit;
  const histogram sojourn = reader.sojourn();
  return {{"from", reader.now.actor},
          {"to", reader.now.actor.starts_with("tun-reader") ? "udp-sender" : "tun-writer"},
          {"window_bytes", credit.window_octets},
          {"window_automatic", credit.automatic},
          {"out_bytes", credit.out_octets},
          {"slabs_out", credit.slabs_out},
          {"slabs", credit.slabs},
          {"starved_ns", credit.starved.count()},
          {"starved_share", rounded(reader.starved())},
          {"sojourn_us",
           {{"p50", us(sojourn.percentile(50))},
            {"p99", us(sojourn.percentile(99))},
            {"max", us(sojourn.largest())}}},
          {"oldest_us", us(credit.oldest_out)}};
}

double per_second(std::uint64_t now, std::uint64_t before, const thread_use& until,
                  const thread_use* from) {
  if (from == nullptr || until.at <= from->at)
    return 0;
  return std::round(static_cast<double>(now - before) * 1e9 /
                    static_cast<double>((until.at - from->at).count()));
}

json thread_json(const thread_use& now, const thread_use* before) {
  return {{"cpu_ns", now.cpu.count()},
          {"cpu_share", rounded(cpu_share(now, before))},
          {"no_cpu_ns", now.delayed.count()},
          {"no_cpu_share", rounded(delayed_share(now, before))},
          {"wake_ups", now.wake_ups},
          {"wake_ups_per_s",
           per_second(now.wake_ups, before != nullptr ? before->wake_ups : 0, now, before)}};
}

json stage_json(const stage_pair& stage) {
  const stage_status& now = stage.now;
  json out = {
      {"actor", now.actor},
      {"batches", now.batches},
      {"packets", now.packets},
      {"bytes", now.octets},
      {"calls", now.units},
      {"held_bytes", now.held_octets},
      {"queued_bytes", now.queued_octets},
      {"queue_limit_bytes", now.queue_limit},
      {"blocked_ns", now.blocked.count()},
      {"blocked_share", rounded(stage.blocked())},
      {"packets_per_s", per_second(now.packets, stage.before != nullptr ? stage.before->packets : 0,
                                   now.thread, stage.thread_before())}};
  out.update(thread_json(now.thread, stage.thread_before()));
  return out;
}

json counts_json(const tunnel_counts& counts) {
  return {{"read", counts.read},
          {"sealed", counts.sealed},
          {"released", counts.released},
          {"waiting", counts.waiting},
          {"received", counts.received},
          {"delivered", counts.delivered},
          {"keepalives", counts.keepalives},
          {"handshakes", counts.handshakes},
          {"datagrams_made", counts.datagrams_made},
          {"packets_made", counts.packets_made}};
}

json sockets_json(const flow_sample& now) {
  json sockets = json::array();
  for (const stage_status& each : now.stages)
    if (each.actor.starts_with("udp-receiver"))
      sockets.push_back({{"name", each.actor}, {"kernel_drops", each.kernel_drops}});
  if (now.ring_drops)
    sockets.push_back({{"name", "tun"}, {"kernel_drops", *now.ring_drops}});
  return sockets;
}

/// Of whom the most can be said, if it is enough.
struct largest {
  explicit largest(double least) : share(least) {}

  void consider(const std::string& which, double found) {
    if (found < share)
      return;
    actor = which;
    share = found;
  }
  [[nodiscard]] std::string text() const {
    return fmt::format(" {:.0f} % of the time", share * 100);
  }

  std::string actor;
  double share;
};

const thread_use* tunnel_thread(const flow_sample* in) {
  return in != nullptr ? &in->tunnel.thread : nullptr;
}

} // namespace

json flow_json(const conf::config& running, const flow_sample& now, const flow_sample* before) {
  json out = {{"bound_bytes", limits::packet_memory_max(running.tun.queues)}};
  out["seconds"] =
      before != nullptr ? us(now.tunnel.thread.at - before->tunnel.thread.at) / 1e6 : 0;
  out["edges"] = json::array();
  out["stages"] = json::array();
  for (const stage_status& each : now.stages) {
    const stage_pair pair{each, find_stage(before, each.actor)};
    if (each.credit)
      out["edges"].push_back(edge_json(pair));
    out["stages"].push_back(stage_json(pair));
  }
  out["tunnel"] = counts_json(now.tunnel.counts);
  out["tunnel"].update(thread_json(now.tunnel.thread, tunnel_thread(before)));
  out["drops"] = drops_by_peer_json(running, now.tunnel, now.stages);
  out["sockets"] = sockets_json(now);
  out["bottleneck"] = bottleneck_of(now, before);
  return out;
}

std::string bottleneck_of(const flow_sample& now, const flow_sample* before) {
  // Below these nothing is held up by it: who waits a tenth of the time, or works half of it, has
  // room left.
  constexpr double waits_min = 0.1;
  constexpr double busy_min = 0.8;
  std::vector<stage_pair> stages;
  for (const stage_status& each : now.stages)
    stages.push_back({each, find_stage(before, each.actor)});
  const thread_use* const tunnel_before = tunnel_thread(before);

  largest most(waits_min);
  for (const stage_pair& each : stages)
    most.consider(each.now.actor, each.blocked());
  if (!most.actor.empty()) // whatever waits behind it waits for the same
    return most.actor + " is waiting for the socket" + most.text();
  most = largest(busy_min);
  most.consider("tunnel", cpu_share(now.tunnel.thread, tunnel_before));
  for (const stage_pair& each : stages)
    most.consider(each.now.actor, each.cpu());
  if (!most.actor.empty())
    return most.actor + " is busy" + most.text() + ", as much as one CPU can";
  most = largest(waits_min);
  most.consider("tunnel", delayed_share(now.tunnel.thread, tunnel_before));
  for (const stage_pair& each : stages)
    most.consider(each.now.actor, delayed_share(each.now.thread, each.thread_before()));
  if (!most.actor.empty())
    return most.actor + " is waiting for a CPU" + most.text() +
           ", since all that it may use are busy";
  return "none: no actor waits for the kernel or for a CPU";
}

} // namespace troupe::actors
