#include "actors/peer_edit.hpp"

#include "conf/instant.hpp"
#include "tests/actors/sample_config.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using json = nlohmann::ordered_json;

namespace {

conf::config edited(const std::string& method, json params) {
  return std::get<conf::config>(edit_peer(sample_config(), method, params));
}

std::string fault(const std::string& method, json params) {
  const auto result = edit_peer(sample_config(), method, params);
  return std::get<std::string>(result);
}

} // namespace

BOOST_AUTO_TEST_SUITE(peer_edit)

BOOST_AUTO_TEST_CASE(a_peer_is_added_with_its_settings) {
  const conf::config result = edited("peer.add", {{"name", "tablet"},
                                                  {"public_key", to_base64(sample_key(7))},
                                                  {"allowed_ips", {"10.7.0.0/24", "fd07::/64"}},
                                                  {"endpoint", "vpn.example.net:7"},
                                                  {"persistent_keepalive", 25},
                                                  {"enabled", false}});
  BOOST_REQUIRE(result.peers.size() == 3);
  const conf::peer_config& peer = result.peers.back();
  BOOST_TEST(peer.settings.name == "tablet");
  BOOST_TEST((peer.settings.key == sample_key(7)));
  BOOST_TEST(peer.settings.allowed_ips.size() == 2);
  BOOST_TEST(peer.endpoints.at(0).text() == "vpn.example.net:7");
  BOOST_TEST(peer.settings.persistent_keepalive_s == 25);
  BOOST_TEST(!peer.enabled);
}

BOOST_AUTO_TEST_CASE(a_peer_is_found_by_name_or_key_and_keeps_what_is_not_set) {
  for (const std::string& who : {std::string("laptop"), to_base64(sample_key(2))}) {
    const conf::config result = edited("peer.set", {{"peer", who}, {"persistent_keepalive", 9}});
    BOOST_TEST(result.peers[0].settings.persistent_keepalive_s == 9);
    BOOST_TEST(result.peers[0].endpoints.at(0).text() == "192.0.2.2:51820");
    BOOST_TEST(result.peers[0].settings.preshared_key.same_as(sample_secret(99)));
  }
}

BOOST_AUTO_TEST_CASE(what_is_empty_is_taken_away) {
  const conf::config result = edited("peer.set", {{"peer", "laptop"},
                                                  {"endpoint", ""},
                                                  {"preshared_key", ""},
                                                  {"allowed_ips", json::array()}});
  BOOST_TEST(result.peers[0].endpoints.empty());
  BOOST_TEST(!result.peers[0].settings.preshared_key);
  BOOST_TEST(result.peers[0].settings.allowed_ips.empty());
}

BOOST_AUTO_TEST_CASE(peers_are_removed_disabled_and_enabled) {
  BOOST_TEST(edited("peer.remove", {{"peer", "laptop"}}).peers.size() == 1);
  BOOST_TEST(!edited("peer.disable", {{"peer", "laptop"}}).peers[0].enabled);
  BOOST_TEST(edited("peer.enable", {{"peer", "laptop"}}).peers[0].enabled);
}

BOOST_AUTO_TEST_CASE(a_mistake_is_named_and_no_key_is_repeated) {
  BOOST_TEST(fault("peer.remove", {{"peer", "lapton"}}).find("no peer is called `lapton`") == 0);
  BOOST_TEST(fault("peer.remove", json::object()).find("no peer is called") == 0);
  BOOST_TEST(fault("peer.add", {{"name", "x"}}) == "a new peer needs its public_key");
  BOOST_TEST(fault("peer.add", {{"public_key", to_base64(sample_key(2))}}) ==
             "the peer laptop has this public key already");
  BOOST_TEST(fault("peer.add", {{"public_key", to_base64(sample_key(7))}, {"name", "phone"}}) ==
             "another peer is called phone already");
  BOOST_TEST(fault("peer.set", {{"peer", "laptop"}, {"name", 7}}) == "name must be a text");
  BOOST_TEST(fault("peer.set", {{"peer", "laptop"}, {"allowed_ips", {"10.0.0.0/33"}}})
                 .find("`10.0.0.0/33` is no prefix") == 0);
  BOOST_TEST(fault("peer.set", {{"peer", "laptop"}, {"endpoint", "nowhere"}}).find("endpoint is") ==
             0);
  BOOST_TEST(fault("peer.set", {{"peer", "laptop"}, {"persistent_keepalive", 65536}})
                 .find("persistent_keepalive must be") == 0);
  std::string secret;
  append_secret_base64(secret, sample_secret(7));
  BOOST_TEST(fault("peer.set", {{"peer", "laptop"}, {"preshared_key", secret + "x"}})
                 .find(secret.substr(0, 8)) == std::string::npos);
  BOOST_TEST(fault("peer.remove", {{"peer", secret + "x"}}).find(secret.substr(0, 8)) ==
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_date_is_given_and_taken_away) {
  const auto given = edited("peer.set", {{"peer", "phone"}, {"expires", "2027-01-01T00:00:00Z"}});
  BOOST_TEST(conf::to_text(given.peers[1].expires.value()) == "2027-01-01T00:00:00Z");
  json never = {{"peer", "phone"}, {"expires", "never"}};
  BOOST_TEST(!std::get<conf::config>(edit_peer(given, "peer.set", never)).peers[1].expires);
  for (const char* const wrong : {"", "soon", "2027-01-01", "1969-01-01T00:00:00Z"})
    BOOST_TEST(fault("peer.set", {{"peer", "phone"}, {"expires", wrong}}).find("expires must be") ==
               0U);
}

BOOST_AUTO_TEST_CASE(an_expired_peer_is_not_enabled_but_by_a_date) {
  conf::config config = sample_config();
  config.peers[1].expired = true;
  json params = {{"peer", "phone"}};
  const auto result = edit_peer(config, "peer.enable", params);
  BOOST_TEST(std::get<std::string>(result).find("the peer phone has expired") == 0U);
  params["enabled"] = true;
  const auto set = edit_peer(config, "peer.set", params);
  BOOST_TEST(std::get<std::string>(set).find("the peer phone has expired") == 0U);
  params["expires"] = "never";
  config.peers[1].enabled = false;
  const auto with_date = edit_peer(config, "peer.set", params);
  BOOST_TEST(std::get<conf::config>(with_date).peers[1].enabled);
}

BOOST_AUTO_TEST_CASE(several_endpoints_replace_those_of_before) {
  const conf::config result =
      edited("peer.set", {{"peer", "laptop"}, {"endpoint", {"192.0.2.7:7", "vpn.example.net:7"}}});
  BOOST_REQUIRE(result.peers[0].endpoints.size() == 2);
  BOOST_TEST(result.peers[0].endpoints[1].text() == "vpn.example.net:7");
  for (const json& wrong : {json(7), json{"192.0.2.7:7", ""}, json{7}, json{"192.0.2.7"}})
    BOOST_TEST(fault("peer.set", {{"peer", "laptop"}, {"endpoint", wrong}}).find("endpoint") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
