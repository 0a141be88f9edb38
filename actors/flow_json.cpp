#include "actors/flow_json.hpp"

#include "messages/limits.hpp"

#include "actors/drops_json.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;

/// With which `now` is compared when there is no earlier one: everything since the start has come
/// since, in no time, so that there is no rate.
stage_status beginning_of(const stage_status& now) {
  stage_status beginning;
  beginning.actor = now.actor;
  beginning.thread.at = now.thread.at;
  if (now.credit)
    beginning.credit.emplace();
  return beginning;
}

flow_sample beginning_of(const flow_sample& now) {
  flow_sample beginning;
  beginning.tunnel.at = now.tunnel.at;
  return beginning;
}

/// Of the time from `before` to `now`.
double share_of(duration part, const thread_use& now, const thread_use& before) {
  const duration span = now.at - before.at;
  return span > duration::zero()
             ? std::clamp(static_cast<double>(part.count()) / static_cast<double>(span.count()),
                          0.0, 1.0)
             : 0.0;
}

double cpu_share(const thread_use& now, const thread_use& before) {
  return share_of(now.cpu - before.cpu, now, before);
}

double delayed_share(const thread_use& now, const thread_use& before) {
  return share_of(now.delayed - before.delayed, now, before);
}

/// A stage, and the same stage earlier.
struct stage_pair {
  const stage_status& now;
  stage_status before;

  [[nodiscard]] double share(duration stage_status::*what) const {
    return share_of(now.*what - before.*what, now.thread, before.thread);
  }
  [[nodiscard]] double starved() const {
    return share_of(now.credit->starved - before.credit->starved, now.thread, before.thread);
  }
  /// Packets for each batch, or each message of a system call; 0 if there were none.
  [[nodiscard]] double packets_per(std::uint64_t stage_status::*what) const {
    const double packets = static_cast<double>(now.packets - before.packets);
    const std::uint64_t times = now.*what - before.*what;
    return times > 0 ? std::round(10 * packets / static_cast<double>(times)) / 10 : 0;
  }
};

std::vector<stage_pair> pairs_of(const flow_sample& now, const flow_sample& before) {
  std::vector<stage_pair> pairs;
  for (const stage_status& each : now.stages) {
    const std::vector<stage_status>::const_iterator found =
        std::find_if(before.stages.begin(), before.stages.end(), [&](const stage_status& earlier) {
          return earlier.actor == each.actor && // and not one that has gone since
                 earlier.thread.thread == each.thread.thread;
        });
    pairs.push_back({each, found == before.stages.end() ? beginning_of(each) : *found});
  }
  return pairs;
}

double us(duration time) {
  return static_cast<double>(time.count()) / 1e3;
}

double rounded(double share) {
  return std::round(share * 1000) / 1000;
}

/// With one actor at the end its name, with several their kind.
std::string end_of(const std::string& reader, const std::vector<stage_status>& stages) {
  const std::string kind = reader.starts_with("tun-reader") ? "udp-sender" : "tun-writer";
  const bool several = std::any_of(stages.begin(), stages.end(), [&](const stage_status& each) {
    return each.actor == kind + "/1";
  });
  return several ? kind : kind + "/0";
}

json edge_json(const stage_pair& reader, const std::vector<stage_status>& stages) {
  const credit_status& credit = *reader.now.credit;
  const histogram sojourn = credit.sojourn.since(reader.before.credit->sojourn);
  // Of what has not come home the least that is known is how long it has been out.
  const auto percentile = [&](double percent) {
    return us(sojourn.total() > 0 ? sojourn.percentile(percent) : credit.oldest_out);
  };
  return {{"from", reader.now.actor},
          {"to", end_of(reader.now.actor, stages)},
          {"window_bytes", credit.window_octets},
          {"window_automatic", credit.automatic},
          {"out_bytes", credit.out_octets},
          {"slabs_out", credit.slabs_out},
          {"slabs", credit.slabs},
          {"starved_ns", credit.starved.count()},
          {"starved_share", rounded(reader.starved())},
          {"sojourn_us",
           {{"p50", percentile(50)},
            {"p99", percentile(99)},
            {"max", us(std::max(sojourn.largest(), credit.oldest_out))}}},
          {"oldest_us", us(credit.oldest_out)}};
}

double per_second(std::uint64_t what, const thread_use& now, const thread_use& before) {
  if (now.at <= before.at)
    return 0;
  return std::round(static_cast<double>(what) * 1e9 /
                    static_cast<double>((now.at - before.at).count()));
}

json thread_json(const thread_use& now, const thread_use& before) {
  return {{"cpu_ns", now.cpu.count()},
          {"cpu_share", rounded(cpu_share(now, before))},
          {"no_cpu_ns", now.delayed.count()},
          {"no_cpu_share", rounded(delayed_share(now, before))},
          {"wake_ups", now.wake_ups},
          {"wake_ups_per_s", per_second(now.wake_ups - before.wake_ups, now, before)}};
}

json stage_json(const stage_pair& stage) {
  const stage_status& now = stage.now;
  json out = {{"actor", now.actor},
              {"batches", now.batches},
              {"packets", now.packets},
              {"bytes", now.octets},
              {"messages", now.units},
              {"held_bytes", now.held_octets},
              {"queued_bytes", now.queued_octets},
              {"queue_limit_bytes", now.queue_limit},
              {"blocked_ns", now.blocked.count()},
              {"blocked_share", rounded(stage.share(&stage_status::blocked))},
              {"paused_ns", now.paused.count()},
              {"paused_share", rounded(stage.share(&stage_status::paused))},
              {"packets_per_batch", stage.packets_per(&stage_status::batches)},
              {"packets_per_message", stage.packets_per(&stage_status::units)},
              {"packets_per_s",
               per_second(now.packets - stage.before.packets, now.thread, stage.before.thread)}};
  out.update(thread_json(now.thread, stage.before.thread));
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
  if (now.queue_drops)
    sockets.push_back({{"name", "tun"}, {"kernel_drops", *now.queue_drops}});
  return sockets;
}

/// The sentence of which the largest share holds.
class largest {
public:
  /// Counts from `least` on.
  void consider(double least, double share, const std::string& what, const char* why = "") {
    if (share < std::max(least, share_))
      return;
    share_ = share;
    what_ = what;
    why_ = why;
  }
  [[nodiscard]] bool found() const { return !what_.empty(); }
  [[nodiscard]] std::string text() const {
    return fmt::format("{} {:.0f} % of the time{}", what_, share_ * 100, why_);
  }

private:
  double share_ = 0;
  std::string what_;
  std::string why_;
};

} // namespace

json flow_json(const conf::config& running, const tunnel_status& peers, const flow_sample& now,
               const flow_sample* before) {
  const flow_sample since = before != nullptr ? *before : beginning_of(now);
  json out = {{"bound_bytes", limits::packet_memory_max(running.tun.queues)}};
  out["seconds"] = us(now.at() - since.at()) / 1e6;
  out["edges"] = json::array();
  out["stages"] = json::array();
  for (const stage_pair& each : pairs_of(now, since)) {
    if (each.now.credit)
      out["edges"].push_back(edge_json(each, now.stages));
    out["stages"].push_back(stage_json(each));
  }
  out["tunnel"] = counts_json(now.counts);
  out["tunnel"].update(thread_json(now.tunnel, since.tunnel));
  out["drops"] = drops_by_peer_json(running, peers, now.stages);
  out["sockets"] = sockets_json(now);
  out["bottleneck"] = bottleneck_of(now, before);
  return out;
}

std::string bottleneck_of(const flow_sample& now, const flow_sample* before) {
  // Below these nothing is held up by it: who waits a tenth of the time, or works for four fifths
  // of it, has room left.
  constexpr double waits_min = 0.1;
  constexpr double busy_min = 0.8;
  if (before == nullptr)
    return "unknown as yet: ask again in a moment";
  const std::vector<stage_pair> stages = pairs_of(now, *before);

  // First what holds others up, whoever has most of it; then what an actor cannot help; then those
  // who are held up by somebody not seen here.
  largest most;
  most.consider(busy_min, cpu_share(now.tunnel, before->tunnel), "tunnel is busy",
                ", as much as one CPU can");
  for (const stage_pair& each : stages) {
    const std::string& actor = each.now.actor;
    most.consider(waits_min, each.share(&stage_status::blocked),
                  actor + " is waiting for the socket");
    most.consider(waits_min, each.share(&stage_status::paused),
                  actor + " is waiting for room in a device's queue, or for memory,");
    most.consider(busy_min, cpu_share(each.now.thread, each.before.thread), actor + " is busy",
                  ", as much as one CPU can");
  }
  if (most.found())
    return most.text();
  constexpr const char* why = ", since all that it may use are busy";
  most.consider(waits_min, delayed_share(now.tunnel, before->tunnel), "tunnel is waiting for a CPU",
                why);
  for (const stage_pair& each : stages)
    most.consider(waits_min, delayed_share(each.now.thread, each.before.thread),
                  each.now.actor + " is waiting for a CPU", why);
  if (most.found())
    return most.text();
  for (const stage_pair& each : stages)
    if (each.now.credit)
      most.consider(waits_min, each.starved(),
                    each.now.actor + " is waiting for " + end_of(each.now.actor, now.stages));
  return most.found() ? most.text() : "none: no actor waits for the kernel or for a CPU";
}

} // namespace troupe::actors
