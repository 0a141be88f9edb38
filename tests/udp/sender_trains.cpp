// What becomes of every answer of sendmmsg(2) to joined datagrams: the calls are scripted, the
// sockets real but unused.
#include "udp/sender.hpp"

#include "tests/udp/own_network.hpp"
#include "tests/udp/scripted_calls.hpp"
#include "tests/udp/slabs.hpp"

using namespace troupe;
using namespace troupe::udp;

namespace {

using next = send_result::next;

struct sending_trains : own_network {
  std::shared_ptr<const socket_pair> sockets = socket_pair::open(0, {});
  scripted_calls calls;
  udp::sender sends{sockets, calls};
  endpoint v4 = at("10.0.0.1", 1000);
  endpoint other_v4 = at("10.0.0.2", 1000);
  endpoint v6 = at("fd00::1", 1000);
  source_address sticky{.address = parse_ip_address("10.0.0.9").value(), .interface_index = 3};
  send_cursor cursor;

  send_result send(const transmit_slab& from) {
    cursor = {};
    return sends.send_batch(*from, 0, cursor);
  }
  /// One train of datagrams of an octet each.
  send_result send(const endpoint& to, std::string_view datagrams, peer_id peer = peer_id{1}) {
    transmit_slab from;
    from.add(to, datagrams, 1, peer);
    return send(from);
  }

  /// What each message held, since the last question.
  std::vector<std::string> sent() {
    std::vector<std::string> messages;
    for (const scripted_calls::sent_datagram& one : calls.sent) {
      messages.push_back(one.payload);
      BOOST_TEST((one.segment_octets != 0) == (one.payload.size() > 1));
    }
    calls.sent.clear();
    return messages;
  }
  void expect_sent(const std::vector<std::string>& messages) {
    BOOST_TEST(sent() == messages, boost::test_tools::per_element());
  }
  /// How many octets each message had.
  std::vector<std::size_t> lengths_sent() {
    std::vector<std::size_t> lengths;
    for (const scripted_calls::sent_datagram& one : calls.sent)
      lengths.push_back(one.payload.size());
    calls.sent.clear();
    return lengths;
  }
  void expect_lengths(const std::vector<std::size_t>& lengths) {
    BOOST_TEST(lengths_sent() == lengths, boost::test_tools::per_element());
  }

  void fails(std::initializer_list<int> errors) {
    for (const int error : errors)
      calls.steps.push_back({.error = error});
  }
};

bool only_drop(const send_result& result, drop_reason reason, std::uint32_t datagrams) {
  return result.drops.size() == 1 && result.drops[0].reason == reason &&
         result.drops[0].packets == datagrams;
}

const std::string sixty_four(64, 'x');

} // namespace

BOOST_FIXTURE_TEST_SUITE(sender_trains, sending_trains)

BOOST_AUTO_TEST_CASE(transmit_leaves_as_one_message_with_a_shorter_tail) {
  transmit_slab from;
  from.add(v4, "aaaabbbbcc", 4);
  const send_result result = send(from);
  BOOST_TEST((result.then == next::slab_done));
  BOOST_TEST(result.datagrams == 3U);
  BOOST_TEST(result.octets == 10U);
  BOOST_TEST(result.messages == 1U);
  BOOST_TEST(!result.joining_refused);
  BOOST_REQUIRE(calls.sent.size() == 1U);
  BOOST_TEST(calls.sent[0].payload == "aaaabbbbcc");
  BOOST_TEST(calls.sent[0].segment_octets == 4U);
  BOOST_TEST((calls.sent[0].remote == v4));
  BOOST_TEST((cursor == send_cursor{.transmit = 1, .segment = 0}));
  BOOST_TEST(sends.offload() == "on");
}

BOOST_AUTO_TEST_CASE(one_datagram_is_no_train) {
  send(v4, "x");
  BOOST_REQUIRE(calls.sent.size() == 1U);
  BOOST_TEST(calls.sent[0].segment_octets == 0U);
}

BOOST_AUTO_TEST_CASE(train_has_at_most_64_datagrams) {
  BOOST_TEST(send(v4, std::string(150, 'x')).datagrams == 150U);
  expect_lengths({64, 64, 22});
  send(v4, std::string(65, 'x'));
  BOOST_TEST(calls.sent.at(1).segment_octets == 0U); // what is left over is a single one
  static_assert(limits::joined_datagrams_max == 64);
}

BOOST_AUTO_TEST_CASE(train_has_no_more_octets_than_a_datagram_may_have) {
  struct row {
    std::uint32_t segment;
    std::size_t octets;
    std::vector<std::size_t> lengths;
  };
  const row rows[] = {
      {1452, 45 * 1452 + 1452, {45 * 1452, 1452}}, {1023, 65 * 1023, {64 * 1023, 1023}},
      {32753, 4 * 32753, {2 * 32753, 2 * 32753}},  {32754, 3 * 32754, {32754, 32754, 32754}},
      {65507, 2 * 65507, {65507, 65507}},
  };
  for (const row& given : rows)
    BOOST_TEST_CONTEXT(given.segment) {
      transmit_slab from(limits::receive_slab_octets);
      from.add(v6, std::string(given.octets, 'x'), given.segment);
      send(from);
      expect_lengths(given.lengths);
    }
}

BOOST_AUTO_TEST_CASE(other_endpoints_and_families_part_trains) {
  transmit_slab from;
  from.add(v4, "ab", 1);
  from.add(other_v4, "cd", 1);
  from.add(v6, "ef", 1);
  from.add(v4, "gh", 1);
  BOOST_TEST(send(from).messages == 4U);
  expect_sent({"ab", "cd", "ef", "gh"});
}

BOOST_AUTO_TEST_CASE(source_and_traffic_class_go_with_a_train) {
  transmit_slab from;
  transmit& what = from.add(v4, "ab", 1);
  what.local = sticky;
  what.traffic_class = 0xb8;
  send(from);
  BOOST_TEST(calls.sent.at(0).control_octets ==
             CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(int)));
  transmit_slab from_v6;
  transmit& second = from_v6.add(v6, "ab", 1);
  second.local = {.address = parse_ip_address("fe80::1").value(), .interface_index = 3};
  second.traffic_class = 2;
  send(from_v6);
  BOOST_TEST(calls.sent.at(1).control_octets ==
             CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)));
}

BOOST_AUTO_TEST_CASE(host_that_cannot_segment_gets_single_datagrams_for_good) {
  fails({EIO});
  const send_result result = send(v4, "abc");
  BOOST_TEST(result.joining_refused);
  BOOST_TEST(result.datagrams == 3U);
  BOOST_TEST(result.messages == 3U);
  BOOST_TEST(result.drops.empty());
  expect_sent({"a", "b", "c"});
  BOOST_TEST(sends.offload() == "IPv4 off: the way out does not segment");
  BOOST_TEST(!send(other_v4, "de").joining_refused);
  send(v6, "fg"); // the other family goes on
  expect_sent({"d", "e", "fg"});
  fails({EIO});
  BOOST_TEST(!send(v6, "hi").joining_refused);
  BOOST_TEST(sends.offload() == "IPv4 off: the way out does not segment; "
                                "single datagrams to 1 whose path takes no trains");
}

BOOST_AUTO_TEST_CASE(what_was_sent_before_a_refused_train_is_not_sent_again) {
  transmit_slab from;
  from.add(other_v4, "ab", 1);
  from.add(v4, "cde", 1);
  calls.steps = {{.accept = 1}, {.error = EIO}};
  const send_result result = send(from);
  BOOST_TEST(result.datagrams == 5U);
  BOOST_TEST(result.messages == 4U);
  expect_sent({"ab", "c", "d", "e"});
}

BOOST_AUTO_TEST_CASE(too_many_datagrams_are_fewer_from_then_on) {
  fails({EINVAL});
  const send_result result = send(v4, sixty_four);
  BOOST_TEST(!result.joining_refused);
  BOOST_TEST(result.datagrams == 64U);
  expect_lengths({16, 16, 16, 16});
  BOOST_TEST(sends.offload() == "IPv4 at most 16 at once: the kernel took no more");
  send(v4, sixty_four);
  expect_lengths({16, 16, 16, 16});
  send(v6, sixty_four);
  expect_lengths({64});
}

BOOST_AUTO_TEST_CASE(trains_that_are_never_taken_are_given_up_and_reported_once) {
  fails({EINVAL, EINVAL});
  const send_result result = send(v4, sixty_four);
  BOOST_TEST(result.joining_refused);
  BOOST_TEST(result.datagrams == 64U);
  BOOST_TEST(result.drops.empty());
  expect_lengths(std::vector<std::size_t>(64, 1));
  BOOST_TEST(sends.offload() == "IPv4 off: the kernel refused joined datagrams");
  BOOST_TEST(!send(v4, "ab").joining_refused);
  expect_sent({"a", "b"});
}

BOOST_AUTO_TEST_CASE(source_is_to_blame_when_a_single_datagram_is_invalid_too) {
  transmit_slab from;
  from.add(v4, sixty_four, 1, peer_id{7}).local = sticky;
  fails({EINVAL, EINVAL, EINVAL});
  const send_result result = send(from);
  BOOST_TEST(!result.joining_refused);
  BOOST_TEST(result.datagrams == 64U);
  BOOST_TEST(result.drops.empty());
  BOOST_REQUIRE(result.stale_sources.size() == 1U);
  BOOST_TEST((result.stale_sources[0] == peer_id{7}));
  BOOST_TEST(calls.sent.at(0).control_octets == 0U);
  expect_lengths({64}); // as long as before
  BOOST_TEST(sends.offload() == "on");
}

BOOST_AUTO_TEST_CASE(datagram_that_is_invalid_for_itself_does_not_cost_the_trains) {
  fails({EINVAL, EINVAL, EINVAL});
  BOOST_TEST(only_drop(send(v4, "abc"), drop_reason::send_error, 1));
  calls.sent.clear();
  BOOST_TEST(send(v4, sixty_four).messages == 1U);
  BOOST_TEST(sends.offload() == "on");
}

BOOST_AUTO_TEST_CASE(narrow_path_gets_single_datagrams_and_others_do_not_suffer) {
  transmit_slab from;
  from.add(v4, "ab", 1);
  from.add(other_v4, "cd", 1);
  fails({EMSGSIZE});
  const send_result result = send(from);
  BOOST_TEST(!result.joining_refused);
  BOOST_TEST(result.drops.empty());
  expect_sent({"a", "b", "cd"});
  send(from);
  expect_sent({"a", "b", "cd"});
  BOOST_TEST(sends.offload() == "single datagrams to 1 whose path takes no trains");
}

BOOST_AUTO_TEST_CASE(once_trains_have_gone_only_the_path_is_to_blame_for_a_refusal) {
  for (const std::initializer_list<int> errors :
       {std::initializer_list<int>{EIO}, {EINVAL, EINVAL}}) {
    send(v4, sixty_four);
    expect_lengths({64});
    fails(errors);
    BOOST_TEST(!send(other_v4, sixty_four).joining_refused);
    expect_lengths(std::vector<std::size_t>(64, 1));
    send(v4, sixty_four);
    expect_lengths({64});
    BOOST_TEST(sends.offload() == "single datagrams to 1 whose path takes no trains");
    while (sends.offload() != "on") // until it is tried again
      BOOST_REQUIRE(send(other_v4, sixty_four).drops.empty());
    calls.sent.clear();
    send(other_v4, sixty_four);
    expect_lengths({64});
  }
}

BOOST_AUTO_TEST_CASE(narrow_path_is_tried_again_after_many_single_datagrams) {
  fails({EMSGSIZE});
  for (std::uint32_t sent = 0; sent < limits::singles_before_train_retry; sent += 64) {
    BOOST_REQUIRE_EQUAL(send(v4, sixty_four).messages, 64U);
    calls.sent.clear();
  }
  fails({EMSGSIZE});
  send(v4, "ab");
  expect_sent({"a", "b"});
  for (std::uint32_t sent = 2; sent < limits::singles_before_train_retry; sent += 2) {
    BOOST_REQUIRE_EQUAL(send(v4, "ab").messages, 2U);
    calls.sent.clear();
  }
  BOOST_TEST(send(v4, sixty_four).messages == 1U);
}

BOOST_AUTO_TEST_CASE(narrow_paths_are_remembered_up_to_a_bound) {
  const auto path = [](std::uint32_t number) {
    return at(("10.1.0." + std::to_string(number)).c_str(), 1000);
  };
  for (std::uint32_t i = 0; i <= limits::trainless_paths_max; ++i) {
    fails({EMSGSIZE});
    send(path(i), "ab");
    expect_sent({"a", "b"});
  }
  send(path(1), "ab");
  expect_sent({"a", "b"});
  send(path(0), "ab"); // the oldest is tried again
  expect_sent({"ab"});
}

BOOST_AUTO_TEST_CASE(full_socket_or_queue_keeps_the_train) {
  for (const int error : {EAGAIN, ENOBUFS, ENOMEM}) {
    transmit_slab from;
    from.add(v4, "ab", 1);
    from.add(other_v4, "cd", 1);
    calls.steps = {{.accept = 1}, {.error = error}};
    const send_result first = send(from);
    BOOST_TEST((first.then == (error == EAGAIN ? next::wait_writable : next::wait_a_while)));
    BOOST_TEST(first.datagrams == 2U);
    BOOST_TEST(first.drops.empty());
    BOOST_TEST((cursor == send_cursor{.transmit = 1, .segment = 0}));
    BOOST_TEST(sends.send_batch(*from, 0, cursor).datagrams == 2U);
    expect_sent({"ab", "cd"});
  }
}

BOOST_AUTO_TEST_CASE(train_is_dropped_as_a_whole_and_counted_by_datagrams) {
  for (const int error : {EPERM, EACCES, ENETUNREACH, EHOSTUNREACH, ECONNREFUSED}) {
    transmit_slab from;
    from.add(v4, "abc", 1, peer_id{7});
    from.add(other_v4, "de", 1);
    fails({error});
    const send_result result = send(from);
    const bool filtered = error == EPERM || error == EACCES;
    BOOST_TEST(
        only_drop(result, filtered ? drop_reason::refused_by_host : drop_reason::unreachable, 3));
    BOOST_TEST((result.drops[0].peer == peer_id{7}));
    BOOST_TEST(result.datagrams == 2U);
    expect_sent({"de"});
  }
}

BOOST_AUTO_TEST_CASE(stale_source_is_left_out_of_a_train) {
  transmit_slab from;
  from.add(v4, "abc", 1, peer_id{7}).local = sticky;
  fails({ENETUNREACH});
  const send_result result = send(from);
  BOOST_TEST(result.datagrams == 3U);
  BOOST_REQUIRE(result.stale_sources.size() == 1U);
  BOOST_TEST(calls.sent.at(0).control_octets == 0U);
  expect_sent({"abc"});
}

BOOST_AUTO_TEST_CASE(partial_send_goes_on_at_the_first_unsent_train) {
  transmit_slab from;
  from.add(v4, std::string(130, 'x'), 1);
  from.add(other_v4, "ab", 1);
  calls.steps = {{.accept = 1}, {.accept = 2}, {.error = EAGAIN}};
  BOOST_TEST((send(from).then == next::wait_writable));
  BOOST_TEST((cursor == send_cursor{.transmit = 1, .segment = 0}));
  BOOST_TEST(sends.send_batch(*from, 0, cursor).datagrams == 2U);
  expect_lengths({64, 64, 2, 2});
}

BOOST_AUTO_TEST_CASE(cursor_inside_a_transmit_begins_a_train_there) {
  transmit_slab from;
  from.add(v4, "abcdefg", 1);
  cursor = {.transmit = 0, .segment = 5};
  BOOST_TEST(sends.send_batch(*from, 0, cursor).datagrams == 2U);
  expect_sent({"fg"});
}

BOOST_AUTO_TEST_CASE(sockets_without_gso_send_singly_and_say_so) {
  sockets = socket_pair::open(0, {.gso = false});
  udp::sender singly(sockets, calls);
  transmit_slab from;
  from.add(v4, "ab", 1);
  const send_result result = singly.send_batch(*from, 0, cursor);
  BOOST_TEST(result.messages == 2U);
  BOOST_TEST(!result.joining_refused);
  expect_sent({"a", "b"});
  BOOST_TEST(singly.offload() == "IPv4 off: switched off by udp.gso; "
                                 "IPv6 off: switched off by udp.gso");
}

BOOST_AUTO_TEST_CASE(absent_family_is_named) {
  sockets = socket_pair::open(
      0, {}, [](ip_family family, std::uint16_t port, const socket_options& options) {
        if (family == ip_family::v6)
          throw std::system_error(EAFNOSUPPORT, std::generic_category());
        return bound_socket::open(family, port, options);
      });
  BOOST_TEST(udp::sender(sockets, calls).offload() == "IPv6 off: no socket");
}

BOOST_AUTO_TEST_SUITE_END()
