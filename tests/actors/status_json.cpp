#include "actors/status_json.hpp"

#include "tests/actors/sample_config.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::actors;

namespace {

using json = nlohmann::ordered_json;

std::vector<std::string> keys_of(const json& object) {
  std::vector<std::string> keys;
  for (const auto& each : object.items())
    keys.push_back(each.key());
  return keys;
}

bool begins_with(const std::vector<std::string>& keys, const std::vector<std::string>& wanted) {
  return keys.size() >= wanted.size() && std::equal(wanted.begin(), wanted.end(), keys.begin());
}

struct status_fixture {
  conf::config config = sample_config();
  tunnel_status tunnel;
  std::vector<stage_status> stages;

  status_fixture() {
    for (const std::uint8_t number : {std::uint8_t{2}, std::uint8_t{3}})
      tunnel.peers.push_back({sample_key(number), std::nullopt, std::nullopt, 0, 0, {}});
    std::sort(
        tunnel.peers.begin(), tunnel.peers.end(),
        [](const peer_status& left, const peer_status& right) { return left.key < right.key; });
  }
  peer_status& live(std::uint8_t number) {
    return *std::find_if(tunnel.peers.begin(), tunnel.peers.end(),
                         [&](const peer_status& each) { return each.key == sample_key(number); });
  }
  [[nodiscard]] json shown() const {
    return status_json(config, {51820, 7}, sample_key(1), tunnel, stages);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(status_json, status_fixture)

BOOST_AUTO_TEST_CASE(its_shape_is_the_one_that_scripts_rely_on) {
  const json all = shown();
  BOOST_TEST(begins_with(keys_of(all), {"interface", "peers"}));
  BOOST_TEST(begins_with(keys_of(all["interface"]),
                         {"name", "public_key", "listen_port", "fwmark", "mtu"}));
  BOOST_TEST(begins_with(keys_of(all["peers"][0]),
                         {"name", "public_key", "endpoint", "allowed_ips", "latest_handshake",
                          "rx_bytes", "tx_bytes", "persistent_keepalive"}));
}

BOOST_AUTO_TEST_CASE(the_interface_is_shown) {
  config.interface.mtu = 1400;
  const json shown_interface = shown()["interface"];
  BOOST_TEST(shown_interface["name"] == "troupe0");
  BOOST_TEST(shown_interface["public_key"] == to_base64(sample_key(1)));
  BOOST_TEST(shown_interface["listen_port"] == 51820);
  BOOST_TEST(shown_interface["fwmark"] == 7);
  BOOST_TEST(shown_interface["mtu"] == 1400);
}

BOOST_AUTO_TEST_CASE(without_a_private_key_there_is_no_public_one) {
  BOOST_TEST(
      actors::status_json(config, {}, std::nullopt, tunnel, stages)["interface"]["public_key"]
          .is_null());
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_shook_hands_shows_zero) {
  const json peer = shown()["peers"][1];
  BOOST_TEST(peer["name"] == "phone");
  BOOST_TEST(peer["latest_handshake"] == 0);
  BOOST_TEST(peer["endpoint"].is_null());
  BOOST_TEST(peer["enabled"] == true);
  BOOST_TEST(peer["drops"].empty());
}

BOOST_AUTO_TEST_CASE(a_live_peer_shows_what_the_tunnel_knows) {
  live(2).remote = parse_endpoint("[2001:db8::2]:1234");
  live(2).latest_handshake = wall_time(std::chrono::seconds(1'700'000'000));
  live(2).rx_bytes = 5'000'000'000;
  live(2).tx_bytes = 6;
  live(2).drops.count(drop_reason::replayed, 3);
  config.peers[0].settings.persistent_keepalive_s = 25;
  const json peer = shown()["peers"][0];
  BOOST_TEST(peer["name"] == "laptop");
  BOOST_TEST(peer["public_key"] == to_base64(sample_key(2)));
  BOOST_TEST(peer["endpoint"] == "[2001:db8::2]:1234");
  BOOST_TEST(peer["allowed_ips"] == json::array({"10.1.2.0/24"}));
  BOOST_TEST(peer["latest_handshake"] == 1'700'000'000);
  BOOST_TEST(peer["rx_bytes"] == 5'000'000'000);
  BOOST_TEST(peer["tx_bytes"] == 6);
  BOOST_TEST(peer["persistent_keepalive"] == 25);
  BOOST_TEST(peer["drops"][0]["reason"] == "replayed");
  BOOST_TEST(peer["drops"][0]["count"] == 3);
}

BOOST_AUTO_TEST_CASE(a_name_not_resolved_yet_is_shown_as_it_was_written) {
  config.peers[1].endpoints = {conf::parse_endpoint_setting("vpn.example.net:51820").value()};
  BOOST_TEST(shown()["peers"][1]["endpoint"] == "vpn.example.net:51820");
  BOOST_TEST(shown()["peers"][1]["endpoints"][0] == "vpn.example.net:51820");
}

BOOST_AUTO_TEST_CASE(a_disabled_peer_is_shown_as_such) {
  config.peers[1].enabled = false;
  tunnel.peers.erase(tunnel.peers.begin() + (&live(3) - tunnel.peers.data()));
  BOOST_TEST(shown()["peers"][1]["enabled"] == false);
  BOOST_TEST(shown()["peers"][1]["state"] == "disabled");
}

BOOST_AUTO_TEST_CASE(an_expired_peer_is_shown_as_such) {
  BOOST_TEST(shown()["peers"][1]["expires"].is_null());
  config.peers[1].expires = std::chrono::sys_seconds(std::chrono::seconds(1'798'761'600));
  BOOST_TEST(shown()["peers"][1]["state"] == "enabled");
  config.peers[1].expired = true;
  BOOST_TEST(shown()["peers"][1]["state"] == "expired");
  BOOST_TEST(shown()["peers"][1]["expires"] == "2027-01-01T00:00:00Z");
}

BOOST_AUTO_TEST_CASE(drops_tell_stage_actor_reason_count_and_meaning) {
  tunnel.drops.count(drop_reason::no_peer, 4);
  stages.emplace_back().actor = "tun-writer/0";
  stages.back().drops.count(drop_reason::tun_refused, 2);
  const json drops = shown()["drops"];
  BOOST_TEST(drops.size() == 2);
  BOOST_TEST(drops[0] == json({{"stage", "send"},
                               {"actor", "tunnel"},
                               {"reason", "no_peer"},
                               {"count", 4},
                               {"text", "no peer's allowed_ips hold the destination"}}));
  BOOST_TEST(drops[1]["stage"] == "tun_write");
  BOOST_TEST(drops[1]["actor"] == "tun-writer/0");
}

BOOST_AUTO_TEST_CASE(what_the_kernel_dropped_is_shown_by_socket) {
  stages.emplace_back().actor = "udp-receiver/v4";
  stages.back().kernel_drops = 12;
  stages.emplace_back().actor = "udp-receiver/v6";
  BOOST_TEST(shown()["sockets"] ==
             json::array({{{"name", "udp-receiver/v4"}, {"kernel_drops", 12}}}));
}

BOOST_AUTO_TEST_CASE(engine_cpu_and_offloads_are_shown_with_their_reasons) {
  tunnel.aead = "libsodium: as configured";
  tunnel.cpu = "any CPU: only one CPU is allowed";
  stages.emplace_back().actor = "tun-writer/0";
  stages.back().offload = "on";
  stages.emplace_back().actor = "tun-reader/0"; // has nothing to join
  stages.emplace_back().actor = "udp-sender/0";
  stages.back().offload = "IPv4 off: the way out does not segment";
  const json all = shown();
  BOOST_TEST(all["interface"]["aead"] == "libsodium: as configured");
  BOOST_TEST(all["interface"]["cpu"] == "any CPU: only one CPU is allowed");
  BOOST_TEST(all["offloads"] ==
             json::array({{{"actor", "tun-writer/0"}, {"state", "on"}},
                          {{"actor", "udp-sender/0"},
                           {"state", "IPv4 off: the way out does not segment"}}}));
}

BOOST_AUTO_TEST_CASE(it_holds_no_secret) {
  const std::string text = shown().dump();
  for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{99}}) {
    std::string base64;
    std::string hex;
    append_secret_base64(base64, sample_secret(number));
    append_secret_hex(hex, sample_secret(number));
    BOOST_TEST(text.find(base64) == std::string::npos);
    BOOST_TEST(text.find(hex) == std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
