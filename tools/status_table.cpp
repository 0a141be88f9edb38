#include "tools/status_table.hpp"

#include "tools/text_table.hpp"

#include <cstdio>
#include <utility>
#include <vector>

namespace troupe::tools {

namespace {

using json = nlohmann::ordered_json;

/// Of one peer: a line that goes on for longer is no table. The JSON has them all.
constexpr std::size_t allowed_ips_shown_max = 8;

std::string text_or(const json& value, const char* otherwise) {
  return value.is_null() ? otherwise : value.get<std::string>();
}

std::string header_line(const json& interface) {
  std::string line = "interface " + interface.at("name").get<std::string>();
  line += "  public key " + text_or(interface.at("public_key"), "(none)");
  line += "  port " + std::to_string(interface.at("listen_port").get<std::uint16_t>());
  line += "  MTU " + std::to_string(interface.at("mtu").get<std::uint32_t>());
  const std::uint32_t fwmark = interface.at("fwmark").get<std::uint32_t>();
  if (fwmark != 0) {
    char hex[16];
    std::snprintf(hex, sizeof hex, "0x%x", fwmark);
    line += std::string("  fwmark ") + hex;
  }
  if (interface.value("under_load", false))
    line += "  under load: handshakes are answered with cookies";
  return line + "\n";
}

std::string allowed_ips_cell(const json& allowed_ips) {
  std::string cell;
  std::size_t shown = 0;
  for (const json& prefix : allowed_ips) {
    if (shown == allowed_ips_shown_max)
      return cell + " and " + std::to_string(allowed_ips.size() - shown) + " more";
    cell.append(shown++ == 0 ? "" : ", ").append(prefix.get<std::string>());
  }
  return cell.empty() ? "(none)" : cell;
}

std::string peers_table(const json& peers, std::int64_t now) {
  text_table table(
      {align::left, align::left, align::right, align::right, align::right, align::left});
  table.add({"PEER", "ENDPOINT", "HANDSHAKE", "RECEIVED", "SENT", "ALLOWED IPS"});
  for (const json& peer : peers) {
    table.add({name_and_state(peer), text_or(peer.at("endpoint"), "(none)"),
               time_ago(peer.at("latest_handshake").get<std::int64_t>(), now),
               human_octets(peer.at("rx_bytes").get<std::uint64_t>()),
               human_octets(peer.at("tx_bytes").get<std::uint64_t>()),
               allowed_ips_cell(peer.at("allowed_ips"))});
  }
  return table.text();
}

/// What the data path uses of the machine, and why no more. Empty when the daemon does not say.
std::string means_table(const json& status) {
  text_table table({align::left, align::left, align::left});
  table.add({"ACTOR", "USES", "STATE"});
  const json& interface = status.at("interface");
  std::size_t rows = 0;
  for (const auto& [key, what] : {std::pair("aead", "AEAD"), std::pair("cpu", "CPU")})
    if (interface.contains(key)) {
      table.add({"tunnel", what, interface.at(key).get<std::string>()});
      ++rows;
    }
  for (const json& offload : status.value("offloads", json::array())) {
    table.add({offload.at("actor").get<std::string>(), "offload",
               offload.at("state").get<std::string>()});
    ++rows;
  }
  return rows > 0 ? "\n" + table.text() : "";
}

/// Empty when nothing was dropped. The counts of peers are part of the interface's.
std::string drops_table(const json& status) {
  text_table table({align::left, align::left, align::right, align::left});
  table.add({"DROPPED AT", "REASON", "COUNT", "MEANING"});
  std::size_t rows = 0;
  for (const json& drop : status.value("drops", json::array())) {
    table.add({drop.at("stage").get<std::string>(), drop.at("reason").get<std::string>(),
               std::to_string(drop.at("count").get<std::uint64_t>()),
               drop.value("text", std::string())});
    ++rows;
  }
  for (const json& socket : status.value("sockets", json::array())) {
    table.add({socket.at("name").get<std::string>(), "kernel",
               std::to_string(socket.at("kernel_drops").get<std::uint64_t>()),
               "the socket's receive buffer was full"});
    ++rows;
  }
  return rows > 0 ? "\n" + table.text() : "";
}

} // namespace

std::string status_table(const json& status, std::int64_t now) {
  std::string out = header_line(status.at("interface"));
  const json& peers = status.at("peers");
  out += "\n" + (peers.empty() ? "no peers\n" : peers_table(peers, now));
  return out + means_table(status) + drops_table(status);
}

std::string name_and_state(const json& peer) {
  const std::string state = peer.value("state", "enabled");
  return peer.at("name").get<std::string>() + (state == "enabled" ? "" : " (" + state + ")");
}

std::string time_ago(std::int64_t at, std::int64_t now) {
  if (at == 0)
    return "never";
  const std::int64_t s = now - at;
  if (s < 0)
    return "in the future"; // the clock was set back since
  const auto two = [](std::int64_t first, const char* unit, std::int64_t second, const char* part) {
    return std::to_string(first) + " " + unit + " " + std::to_string(second) + " " + part + " ago";
  };
  if (s < 60)
    return std::to_string(s) + " s ago";
  if (s < 3600)
    return two(s / 60, "min", s % 60, "s");
  if (s < 86400)
    return two(s / 3600, "h", s / 60 % 60, "min");
  return two(s / 86400, "d", s / 3600 % 24, "h");
}

} // namespace troupe::tools
