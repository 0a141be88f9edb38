#include "tools/flow_table.hpp"

#include "tools/text_table.hpp"

#include <cstdio>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

std::string with_unit(double value, const char* unit) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 100 ? "%.0f %s" : "%.1f %s", value, unit);
  return text;
}

std::string time_cell(const json& us) {
  const double value = us.get<double>();
  return value >= 1e6    ? with_unit(value / 1e6, "s")
         : value >= 1000 ? with_unit(value / 1000, "ms")
                         : with_unit(value, "us");
}

std::string share_cell(const json& share) {
  return with_unit(share.get<double>() * 100, "%");
}

std::string count_cell(const json& count) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", count.get<double>());
  return text;
}

/// "2.3", or "-" of nothing.
std::string average_cell(const json& average) {
  char text[32] = "-";
  if (average.get<double>() > 0)
    std::snprintf(text, sizeof text, "%.1f", average.get<double>());
  return text;
}

std::string edges_table(const json& edges) {
  text_table table({align::left, align::right, align::right, align::right, align::right,
                    align::right, align::right, align::right, align::right});
  table.add({"EDGE", "WINDOW", "OUT", "SLABS", "STARVED", "P50", "P99", "MAX", "OLDEST"});
  for (const json& edge : edges) {
    const json& sojourn = edge.at("sojourn_us");
    table.add({edge.at("from").get<std::string>() + " -> " + edge.at("to").get<std::string>(),
               human_octets(edge.at("window_bytes").get<std::uint64_t>()),
               human_octets(edge.at("out_bytes").get<std::uint64_t>()),
               count_cell(edge.at("slabs_out")) + "/" + count_cell(edge.at("slabs")),
               share_cell(edge.at("starved_share")), time_cell(sojourn.at("p50")),
               time_cell(sojourn.at("p99")), time_cell(sojourn.at("max")),
               time_cell(edge.at("oldest_us"))});
  }
  return table.text();
}

std::string stages_table(const json& flow) {
  text_table table({align::left, align::right, align::right, align::right, align::right,
                    align::right, align::right, align::right, align::right, align::right});
  table.add({"ACTOR", "PACKETS/S", "PER BATCH", "PER MESSAGE", "WAKE-UPS/S", "CPU", "NO CPU",
             "BLOCKED", "HELD", "QUEUED"});
  for (const json& stage : flow.at("stages")) {
    table.add({stage.at("actor").get<std::string>(), count_cell(stage.at("packets_per_s")),
               average_cell(stage.at("packets_per_batch")),
               average_cell(stage.at("packets_per_message")),
               count_cell(stage.at("wake_ups_per_s")), share_cell(stage.at("cpu_share")),
               share_cell(stage.at("no_cpu_share")), share_cell(stage.at("blocked_share")),
               human_octets(stage.at("held_bytes").get<std::uint64_t>()),
               human_octets(stage.at("queued_bytes").get<std::uint64_t>())});
  }
  const json& tunnel = flow.at("tunnel");
  table.add({"tunnel", "", "", "", count_cell(tunnel.at("wake_ups_per_s")),
             share_cell(tunnel.at("cpu_share")), share_cell(tunnel.at("no_cpu_share")), "", "",
             ""});
  return table.text();
}

/// Empty when nothing was dropped.
std::string drops_table(const json& flow) {
  text_table table({align::left, align::left, align::left, align::right, align::left});
  table.add({"STAGE", "PEER", "REASON", "COUNT", "MEANING"});
  std::size_t rows = 0;
  for (const json& drop : flow.at("drops")) {
    const json& peer = drop.at("peer");
    table.add({drop.at("stage").get<std::string>(), peer.is_null() ? "-" : peer.get<std::string>(),
               drop.at("reason").get<std::string>(), count_cell(drop.at("count")),
               drop.value("text", std::string())});
    ++rows;
  }
  for (const json& socket : flow.at("sockets")) {
    if (socket.at("kernel_drops").get<std::uint64_t>() == 0)
      continue;
    const std::string name = socket.at("name").get<std::string>();
    table.add({name, "-", "kernel", count_cell(socket.at("kernel_drops")),
               name == "tun" ? "not handed over: the device's queue was full, or a filter"
                             : "the socket's receive buffer was full"});
    ++rows;
  }
  return rows > 0 ? "\n" + table.text() : "";
}

} // namespace

std::string flow_table(const json& flow) {
  std::string out = edges_table(flow.at("edges")) + "\n" + stages_table(flow) + drops_table(flow);
  out += "\npackets occupy at most " + human_octets(flow.at("bound_bytes").get<std::uint64_t>());
  char seconds[64];
  std::snprintf(seconds, sizeof seconds, "; all but MAX and COUNT is of the last %.1f s\n",
                flow.at("seconds").get<double>());
  return out + seconds + "bottleneck: " + flow.at("bottleneck").get<std::string>() + "\n";
}

} // namespace troupe::tools
