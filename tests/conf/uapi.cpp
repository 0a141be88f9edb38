#include "conf/uapi.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::conf;

namespace {

const std::string key_a = std::string(62, '0') + "0a";
const std::string key_b = std::string(62, '0') + "0b";
const std::string zero(64, '0');

uapi_set parsed(const std::string& lines) {
  std::variant<uapi_set, uapi_error> result = parse_set("set=1\n" + lines + "\n");
  if (const uapi_error* const error = std::get_if<uapi_error>(&result))
    BOOST_FAIL(error->text);
  return std::get<uapi_set>(std::move(result));
}

uapi_error refused(const std::string& lines) {
  const std::variant<uapi_set, uapi_error> result = parse_set("set=1\n" + lines + "\n");
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<uapi_error>(result), lines);
  return std::get<uapi_error>(result);
}

bool is(request_frame frame, request_kind kind, std::size_t length) {
  return frame.kind == kind && frame.length == length;
}

} // namespace

BOOST_AUTO_TEST_SUITE(uapi)

BOOST_AUTO_TEST_CASE(a_whole_set_is_parsed) {
  const uapi_set set =
      parsed("private_key=" + key_b + "\nlisten_port=51820\nfwmark=7\n" +
             "replace_peers=true\npublic_key=" + key_a + "\nupdate_only=true\n" +
             "remove=true\npreshared_key=" + key_b +
             "\nendpoint=[fd00::1]:9\npersistent_keepalive_interval=25\n" +
             "replace_allowed_ips=true\nallowed_ip=10.0.0.1/24\n" +
             "allowed_ip=-fd00::/64\nprotocol_version=1\npublic_key=" + key_b + "\n");
  BOOST_TEST(set.private_key.value().same_as(secret_key_from_hex(key_b).value()));
  BOOST_TEST(set.listen_port.value() == 51820);
  BOOST_TEST(set.fwmark.value() == 7U);
  BOOST_TEST(set.replace_peers);
  BOOST_REQUIRE(set.peers.size() == 2U);
  const uapi_peer& peer = set.peers[0];
  BOOST_TEST(to_hex(peer.key) == key_a);
  BOOST_TEST(peer.update_only);
  BOOST_TEST(peer.remove);
  BOOST_TEST(peer.preshared_key.value().same_as(secret_key_from_hex(key_b).value()));
  BOOST_TEST((peer.remote == parse_endpoint("[fd00::1]:9")));
  BOOST_TEST(peer.persistent_keepalive_s.value() == 25);
  BOOST_REQUIRE(peer.allowed_ips.size() == 3U);
  BOOST_TEST((peer.allowed_ips[0].what == allowed_ip_step::kind::clear));
  BOOST_TEST((peer.allowed_ips[1].what == allowed_ip_step::kind::add));
  BOOST_TEST(to_string(peer.allowed_ips[1].prefix) == "10.0.0.0/24");
  BOOST_TEST((peer.allowed_ips[2].what == allowed_ip_step::kind::remove));
  BOOST_TEST(!set.peers[1].preshared_key.has_value());
}

BOOST_AUTO_TEST_CASE(nothing_given_is_nothing_set) {
  const uapi_set set = parsed("");
  BOOST_TEST(!set.private_key.has_value());
  BOOST_TEST(!set.listen_port.has_value());
  BOOST_TEST(!set.fwmark.has_value());
  BOOST_TEST(!set.replace_peers);
  BOOST_TEST(set.peers.empty());
}

BOOST_AUTO_TEST_CASE(zero_keys_are_given_and_absent) {
  const uapi_set set =
      parsed("private_key=" + zero + "\npublic_key=" + key_a + "\npreshared_key=" + zero + "\n");
  BOOST_TEST(!static_cast<bool>(set.private_key.value()));
  BOOST_TEST(!static_cast<bool>(set.peers[0].preshared_key.value()));
}

BOOST_AUTO_TEST_CASE(what_the_protocol_does_not_know_is_invalid) {
  const std::string peer = "public_key=" + key_a + "\n";
  for (const std::string& lines : {std::string("unknown=1\n"),
                                   std::string("=1\n"),
                                   std::string("listen_port=65536\n"),
                                   std::string("listen_port=-1\n"),
                                   std::string("listen_port=+1\n"),
                                   std::string("listen_port= 1\n"),
                                   std::string("listen_port=\n"),
                                   std::string("listen_port=1x\n"),
                                   std::string("fwmark=4294967296\n"),
                                   std::string("fwmark=0x1\n"),
                                   std::string("replace_peers=false\n"),
                                   std::string("replace_peers=1\n"),
                                   std::string("private_key=00\n"),
                                   "private_key=" + zero + "00\n",
                                   std::string("public_key=xx\n"),
                                   "public_key=" + zero + "\n",
                                   std::string("allowed_ip=10.0.0.0/8\n"),
                                   peer + "listen_port=1\n",
                                   peer + "replace_peers=true\n",
                                   peer + "private_key=" + key_b + "\n",
                                   peer + "update_only=false\n",
                                   peer + "remove=1\n",
                                   peer + "replace_allowed_ips=yes\n",
                                   peer + "endpoint=host:1\n",
                                   peer + "endpoint=1.2.3.4\n",
                                   peer + "endpoint=1.2.3.4:0\n",
                                   peer + "persistent_keepalive_interval=off\n",
                                   peer + "persistent_keepalive_interval=65536\n",
                                   peer + "allowed_ip=10.0.0.0/33\n",
                                   peer + "allowed_ip=--10.0.0.0/8\n",
                                   peer + "allowed_ip=+10.0.0.0/8\n",
                                   peer + "allowed_ip=\n",
                                   peer + "protocol_version=2\n",
                                   peer + "preshared_key=1\n"})
    BOOST_TEST((refused(lines).number == uapi_errno::invalid), lines);
}

BOOST_AUTO_TEST_CASE(broken_lines_are_protocol_errors) {
  BOOST_TEST((refused("listen_port\n").number == uapi_errno::protocol));
  for (const char* request : {"", "get=1\n\n", "set=1\nlisten_port=1\n", "set=1\nlisten_port=1"}) {
    const std::variant<uapi_set, uapi_error> result = parse_set(request);
    BOOST_TEST((std::get<uapi_error>(result).number == uapi_errno::protocol));
  }
}

BOOST_AUTO_TEST_CASE(an_error_names_the_line_and_no_key) {
  const std::string secret = "5a" + std::string(62, '7');
  BOOST_TEST(refused("listen_port=1\nfwmark=x\n").text ==
             "UAPI set, line 3: the value of `fwmark` is not valid");
  for (const std::string& lines : {"private_key=" + secret + "7\n", secret + "\n", secret + "=1\n",
                                   "public_key=x" + secret + "\n",
                                   "public_key=" + key_a + "\npreshared_key=z" + secret + "\n"})
    BOOST_TEST(refused(lines).text.find("7777") == std::string::npos, lines);
}

BOOST_AUTO_TEST_CASE(requests_are_found_octet_by_octet) {
  const std::string set = "set=1\nlisten_port=1\n\n";
  const std::string input = set + "get=1\n\n" + "set=1\n\n";
  request_framer framer;
  std::string buffered;
  std::vector<std::pair<request_kind, std::size_t>> found;
  for (const char octet : input) {
    buffered += octet;
    const request_frame frame = framer.next(buffered);
    if (frame.kind == request_kind::incomplete)
      continue;
    found.emplace_back(frame.kind, frame.length);
    buffered.erase(0, frame.length);
  }
  BOOST_TEST(buffered.empty());
  BOOST_REQUIRE(found.size() == 3U);
  BOOST_TEST((found[0] == std::pair(request_kind::set, set.size())));
  BOOST_TEST((found[1] == std::pair(request_kind::get, std::size_t{7})));
  BOOST_TEST((found[2] == std::pair(request_kind::set, std::size_t{7})));
}

BOOST_AUTO_TEST_CASE(only_the_first_request_is_taken) {
  BOOST_TEST(is(request_framer().next("set=1\n\nget=1\n\n"), request_kind::set, 7));
  BOOST_TEST(is(request_framer().next("get=1\n\nset=1\n\n"), request_kind::get, 7));
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_told_as_soon_as_seen) {
  BOOST_TEST(is(request_framer().next(""), request_kind::incomplete, 0));
  BOOST_TEST(is(request_framer().next("ge"), request_kind::incomplete, 0));
  BOOST_TEST(is(request_framer().next("set=1"), request_kind::incomplete, 0));
  BOOST_TEST(is(request_framer().next("get=1\n"), request_kind::incomplete, 0));
  BOOST_TEST(is(request_framer().next("get=1\nx"), request_kind::trailing_get, 7));
  for (const char* text : {"x", "\n", "get=2", "set=11", "get=1x", "SET=1\n"})
    BOOST_TEST(is(request_framer().next(text), request_kind::unknown, 0), text);
  std::string large = "set=1\n";
  large.resize(limits::uapi_request_octets_max, 'x');
  request_framer framer;
  BOOST_TEST(is(framer.next(large), request_kind::incomplete, 0));
  BOOST_TEST(is(framer.next(large + "x"), request_kind::too_large, 0));
}

BOOST_AUTO_TEST_CASE(a_fresh_device_answers_with_errno_only) {
  BOOST_TEST(format_get(bare_config("t0"), {}, {}) == "errno=0\n\n");
  BOOST_TEST(format_errno(uapi_errno::invalid) == "errno=-22\n\n");
  BOOST_TEST(format_errno(uapi_errno::protocol) == "errno=-71\n\n");
  BOOST_TEST(format_errno(uapi_errno::address_in_use) == "errno=-98\n\n");
}

BOOST_AUTO_TEST_CASE(an_answer_has_the_keys_and_the_order_of_wireguard_go) {
  conf::config running = bare_config("t0");
  running.interface.private_key = secret_key_from_hex(key_b).value();
  running.interface.fwmark = 51820;
  running.peers.resize(3);
  running.peers[0].settings.key = public_key_from_hex(key_a).value();
  running.peers[0].settings.preshared_key = secret_key_from_hex(key_b).value();
  running.peers[0].settings.persistent_keepalive_s = 25;
  running.peers[0].settings.allowed_ips = {parse_ip_prefix("10.0.0.0/24").value(),
                                           parse_ip_prefix("fd00::/64").value()};
  running.peers[1].settings.key = public_key_from_hex(key_b).value();
  running.peers[1].endpoints = {parse_endpoint_setting("192.0.2.9:9").value()};
  running.peers[2].enabled = false;
  tunnel_status status;
  status.peers.emplace_back();
  status.peers[0].key = running.peers[0].settings.key;
  status.peers[0].remote = parse_endpoint("[2001:db8::1]:7");
  status.peers[0].latest_handshake =
      wall_time(std::chrono::seconds(1'700'000'000) + std::chrono::nanoseconds(42));
  status.peers[0].rx_bytes = 3;
  status.peers[0].tx_bytes = 18446744073709551615U;
  BOOST_TEST(format_get(running, status, {51821, 51820}) ==
             "private_key=" + key_b + "\nlisten_port=51821\nfwmark=51820\n" +
                 "public_key=" + key_a + "\npreshared_key=" + key_b +
                 "\nprotocol_version=1\nendpoint=[2001:db8::1]:7\n" +
                 "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=42\n" +
                 "tx_bytes=18446744073709551615\nrx_bytes=3\npersistent_keepalive_interval=25\n" +
                 "allowed_ip=10.0.0.0/24\nallowed_ip=fd00::/64\n" + "public_key=" + key_b +
                 "\npreshared_key=" + zero + "\nprotocol_version=1\nendpoint=192.0.2.9:9\n" +
                 "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n" +
                 "persistent_keepalive_interval=0\nerrno=0\n\n");
}

BOOST_AUTO_TEST_CASE(the_longest_peers_fit_their_reserve) {
  conf::config running = bare_config("t0");
  running.interface.private_key = secret_key_from_hex(key_b).value();
  running.interface.fwmark = 0xffffffff;
  tunnel_status status;
  for (unsigned i = 0; i < 50; ++i) {
    peer_config& peer = running.peers.emplace_back();
    store_le32(peer.settings.key.octets.data(), i + 1);
    peer.settings.persistent_keepalive_s = 65535;
    peer.settings.allowed_ips.assign(
        20, parse_ip_prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128").value());
    peer_status& report = status.peers.emplace_back();
    report.key = peer.settings.key;
    report.remote = parse_endpoint("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    report.remote->scope_id = 0xffffffff;
    report.latest_handshake = wall_time::max();
    report.rx_bytes = report.tx_bytes = 18446744073709551615U;
  }
  BOOST_TEST(format_get(running, status, {65535, 0xffffffff}).size() > 50U * 20U * 57U);
}

BOOST_AUTO_TEST_SUITE_END()
