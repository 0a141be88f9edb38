#include "tests/actors/router_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

struct at_trace : router_pair {
  at_trace() {
    send(left, right);
    exchange();
  }
};

struct at_debug : router_pair {
  at_debug() : router_pair(spdlog::level::debug) {
    send(left, right);
    exchange();
  }
};

/// `key` as anybody would write it.
bool is_in(const public_key& key, const std::string& text) {
  return text.find(to_hex(key)) != std::string::npos ||
         text.find(to_base64(key)) != std::string::npos;
}

public_key octets_of(const secret_key& secret) {
  public_key clear;
  std::copy(secret.octets().begin(), secret.octets().end(), clear.octets.begin());
  return clear;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tunnel_log)

BOOST_FIXTURE_TEST_CASE(events_are_told_with_the_name_of_the_peer, at_debug) {
  BOOST_TEST(left.log.has("info tunnel: peer right: handshake started, attempt 1, to "
                          "192.0.2.2:51820\n"));
  BOOST_TEST(left.log.has("info tunnel: peer right: handshake completed, begun by us, with "
                          "192.0.2.2:51820\n"));
  BOOST_TEST(right.log.has("info tunnel: peer left: handshake completed, begun by the peer, with "
                           "192.0.2.1:51820\n"));
}

BOOST_FIXTURE_TEST_CASE(a_handshake_given_up_says_so, router_pair) {
  send(left, right);
  for (int second = 0; second < 120; ++second)
    advance(std::chrono::seconds(1));
  BOOST_TEST(left.log.count("peer right: handshake failed: no answer from 192.0.2.2:51820") == 1);
  BOOST_TEST(left.log.has("handshake started, attempt 2,"));
  // Every third time ADMIN is asked whether it knows another address.
  BOOST_TEST(left.unanswered->size() == 6);
  BOOST_TEST((left.unanswered->at(0).key == right.own_key));
  BOOST_TEST(to_string(left.unanswered->at(0).where) == "192.0.2.2:51820");
}

BOOST_FIXTURE_TEST_CASE(below_trace_no_batch_leaves_a_line, at_debug) {
  send(left, {ipv4_packet(left.address, "10.7.7.7"), packet(40)});
  send(right, left);
  exchange();
  BOOST_TEST(!left.log.has("batch"));
  BOOST_TEST(!right.log.has("batch"));
}

BOOST_FIXTURE_TEST_CASE(the_way_out_can_be_followed_by_the_name_of_the_batch, at_trace) {
  left.udp->take_sent();
  send(left, {ipv4_packet(left.address, right.address, 64),
              ipv4_packet(left.address, right.address, 64)});
  const std::string name = "batch tun-reader#" + std::to_string(left.serial) + ": ";
  BOOST_TEST(left.log.has("trace tunnel: " + name +
                          "peer right: sealed 2 datagrams, 192 octets -> udp-sender/0, to "
                          "192.0.2.2:51820\n"));
  BOOST_TEST(
      left.log.has("trace tunnel: " + name + "took 2 packets: sealed 2, dropped 0, staged 0\n"));
  BOOST_TEST(
      left.log.has("trace udp-sender/0: " + name + "sent 2 datagrams, 192 octets; dropped 0\n"));
}

BOOST_FIXTURE_TEST_CASE(the_way_in_can_be_followed_by_the_name_of_the_batch, at_trace) {
  send(left, {ipv4_packet(left.address, right.address, 64),
              ipv4_packet(left.address, right.address, 64)});
  exchange();
  const std::string name = "batch udp-receiver#" + std::to_string(right.serial) + ": ";
  BOOST_TEST(right.log.has("trace tunnel: " + name +
                           "peer left: opened 2 packets, 128 octets -> tun-writer/0\n"));
  BOOST_TEST(right.log.has("trace tunnel: " + name + "took 2 datagrams: delivered 2, dropped 0, "));
  BOOST_TEST(right.log.has("trace tun-writer/0: " + name + "wrote 2 packets, 128 octets; "));
}

BOOST_FIXTURE_TEST_CASE(what_waits_for_a_handshake_is_told_as_staged, router_pair) {
  send(left, right);
  BOOST_TEST(left.log.has("batch tun-reader#1: took 1 packets: sealed 0, dropped 0, staged 1\n"));
}

BOOST_FIXTURE_TEST_CASE(each_drop_is_told_with_its_reason, at_trace) {
  send(left, {ipv4_packet(left.address, right.address), ipv4_packet(left.address, "10.7.7.7")});
  const std::string name = "batch tun-reader#" + std::to_string(left.serial) + ": ";
  BOOST_TEST(left.log.has(name +
                          "peer nobody: packet 1 dropped: no_peer (no peer's allowed_ips hold "
                          "the destination)\n"));
}

BOOST_FIXTURE_TEST_CASE(no_key_is_ever_in_a_log, at_trace) {
  for (int round = 0; round < 300; ++round) { // rekeys, expiry and new handshakes among them
    send(left, right);
    exchange();
    advance(std::chrono::seconds(3));
  }
  std::vector<public_key> keys = {octets_of(left.secret), octets_of(right.secret), left.own_key,
                                  right.own_key, octets_of(preshared_key)};
  for (const router* each : {&left, &right})
    keys.insert(keys.end(), each->random->given.begin(), each->random->given.end());
  BOOST_TEST(keys.size() > 15); // ephemeral keys among them
  const std::string text = left.log.text() + right.log.text();
  BOOST_TEST(text.size() > 10'000);
  for (const public_key& key : keys)
    BOOST_TEST(!is_in(key, text));
}

BOOST_AUTO_TEST_SUITE_END()
