// What becomes of every answer of sendmmsg(2) to single datagrams: the calls are scripted, the
// sockets real but unused. What becomes of trains is in sender_trains.cpp.
#include "udp/sender.hpp"

#include "tests/udp/own_network.hpp"
#include "tests/udp/scripted_calls.hpp"
#include "tests/udp/slabs.hpp"

using namespace troupe;
using namespace troupe::udp;

namespace {

using next = send_result::next;

struct sending : own_network {
  std::shared_ptr<const socket_pair> sockets = socket_pair::open(0, {.gso = false});
  scripted_calls calls;
  sender sends{sockets, calls};
  transmit_slab from;
  send_cursor cursor;
  endpoint v4 = at("10.0.0.1", 1000);
  endpoint v6 = at("fd00::1", 1000);
  source_address sticky{.address = parse_ip_address("10.0.0.9").value(), .interface_index = 3};

  send_result send(std::uint8_t lane = 0) { return sends.send_batch(*from, lane, cursor); }

  /// "0123..." as sent, one letter a datagram.
  [[nodiscard]] std::string sent() const {
    std::string all;
    for (const scripted_calls::sent_datagram& one : calls.sent)
      all += one.payload;
    return all;
  }
};

bool only_drop(const send_result& result, drop_reason reason, std::uint32_t datagrams) {
  return result.drops.size() == 1 && result.drops[0].reason == reason &&
         result.drops[0].packets == datagrams;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(sender, sending)

BOOST_AUTO_TEST_CASE(slab_without_datagrams_is_done_without_a_call) {
  const send_result result = send();
  BOOST_TEST((result.then == next::slab_done));
  BOOST_TEST(calls.calls == 0);
}

BOOST_AUTO_TEST_CASE(transmit_is_cut_into_segments_and_the_last_is_the_rest) {
  from.add(v4, "aaaabbbbcc", 4);
  const send_result result = send();
  BOOST_TEST((result.then == next::slab_done));
  BOOST_TEST(result.datagrams == 3);
  BOOST_TEST(result.octets == 10);
  BOOST_REQUIRE(calls.sent.size() == 3);
  BOOST_TEST(calls.sent[0].payload == "aaaa");
  BOOST_TEST(calls.sent[2].payload == "cc");
  BOOST_TEST((calls.sent[2].remote == v4));
  BOOST_TEST((cursor == send_cursor{.transmit = 1, .segment = 0}));
}

BOOST_AUTO_TEST_CASE(one_call_takes_no_more_than_its_limit) {
  from.add(v4, std::string(150, 'x'), 1);
  BOOST_TEST(send().datagrams == 150);
  BOOST_TEST(calls.largest_call == limits::datagrams_per_send_call);
  BOOST_TEST(calls.calls == 3);
}

BOOST_AUTO_TEST_CASE(other_lanes_are_left_alone) {
  from.add(v4, "a").lane = 1;
  from.add(v4, "b");
  from.add(v4, "c").lane = 1;
  from.add(v4, "d");
  send();
  BOOST_TEST(sent() == "bd");
  cursor = {};
  send(1);
  BOOST_TEST(sent() == "bdac");
}

BOOST_AUTO_TEST_CASE(each_family_leaves_by_its_own_socket_in_order) {
  from.add(v4, "01", 1);
  from.add(v6, "2");
  from.add(v4, "3");
  BOOST_TEST(send().datagrams == 4);
  BOOST_TEST(sent() == "0123");
  BOOST_TEST(calls.sent[1].fd == sockets->of(ip_family::v4)->fd());
  BOOST_TEST(calls.sent[2].fd == sockets->of(ip_family::v6)->fd());
  BOOST_TEST(calls.calls == 3);
}

BOOST_AUTO_TEST_CASE(partial_send_goes_on_at_the_first_unsent) {
  from.add(v4, "01234567", 1);
  from.add(v6, "89", 1);
  calls.steps = {{.accept = 3}, {.accept = 1}, {.accept = 100}, {.accept = 1}};
  BOOST_TEST(send().datagrams == 10);
  BOOST_TEST(sent() == "0123456789");
}

BOOST_AUTO_TEST_CASE(full_buffer_keeps_the_rest_for_later) {
  from.add(v4, "0123", 1);
  from.add(v6, "45", 1);
  calls.steps = {{.accept = 2}, {.error = EAGAIN}};
  const send_result blocked = send();
  BOOST_TEST((blocked.then == next::wait_writable));
  BOOST_TEST(blocked.blocked_fd == sockets->of(ip_family::v4)->fd());
  BOOST_TEST(blocked.datagrams == 2);
  BOOST_TEST((cursor == send_cursor{.transmit = 0, .segment = 2}));

  calls.steps = {{.accept = 2}, {.error = EAGAIN}};
  BOOST_TEST(send().blocked_fd == sockets->of(ip_family::v6)->fd());
  BOOST_TEST((send().then == next::slab_done));
  BOOST_TEST(sent() == "012345");
}

BOOST_AUTO_TEST_CASE(shortage_of_memory_is_waited_for_on_a_timer) {
  for (const int error : {ENOBUFS, ENOMEM}) {
    from.add(v4, "0123", 1);
    calls.steps = {{.accept = 1}, {.error = error}};
    const send_result result = send();
    BOOST_TEST((result.then == next::wait_a_while));
    BOOST_TEST(result.datagrams == 1);
    BOOST_TEST(result.drops.empty());
    BOOST_TEST(send().datagrams == 3);
  }
  BOOST_TEST(sent() == "01230123");
}

BOOST_AUTO_TEST_CASE(interrupted_call_is_repeated) {
  from.add(v4, "01", 1);
  calls.steps = {{.error = EINTR}};
  BOOST_TEST(send().datagrams == 2);
}

BOOST_AUTO_TEST_CASE(every_error_costs_one_datagram_and_has_its_reason) {
  struct row {
    int error;
    drop_reason reason;
  };
  const row rows[] = {
      {EPERM, drop_reason::refused_by_host},      {EACCES, drop_reason::refused_by_host},
      {ENETUNREACH, drop_reason::unreachable},    {EHOSTUNREACH, drop_reason::unreachable},
      {ECONNREFUSED, drop_reason::unreachable},   {EADDRNOTAVAIL, drop_reason::unreachable},
      {ENETDOWN, drop_reason::unreachable},       {ENODEV, drop_reason::unreachable},
      {EMSGSIZE, drop_reason::datagram_too_long}, {EAFNOSUPPORT, drop_reason::no_socket},
      {EINVAL, drop_reason::send_error},          {EIO, drop_reason::send_error},
  };
  for (const row& given : rows) {
    for (int position = 0; position < 4; ++position) {
      BOOST_TEST_CONTEXT("errno " << given.error << " at datagram " << position) {
        transmit_slab fresh;
        fresh.add(v4, "0123", 1, peer_id{7});
        scripted_calls script;
        udp::sender tried(sockets, script);
        if (position > 0)
          script.steps.push_back({.accept = position});
        script.steps.push_back({.error = given.error});
        send_cursor begin;
        const send_result result = tried.send_batch(*fresh, 0, begin);
        BOOST_TEST((result.then == next::slab_done));
        BOOST_TEST(result.datagrams == 3);
        BOOST_TEST(only_drop(result, given.reason, 1));
        BOOST_TEST((result.drops[0].peer == peer_id{7}));
        std::string all;
        for (const scripted_calls::sent_datagram& one : script.sent)
          all += one.payload;
        BOOST_TEST(all == std::string("0123").erase(static_cast<std::size_t>(position), 1));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(drops_are_told_apart_by_peer_and_reason) {
  from.add(v4, "0123", 1, peer_id{1});
  from.add(v4, "4", peer_id{2});
  calls.steps = {{.error = EPERM},
                 {.error = EPERM},
                 {.error = EMSGSIZE},
                 {.error = ENETUNREACH},
                 {.error = EPERM}};
  const send_result result = send();
  BOOST_REQUIRE(result.drops.size() == 4);
  BOOST_TEST(result.drops[0].packets == 2);
  BOOST_TEST((result.drops[1].reason == drop_reason::datagram_too_long));
  BOOST_TEST((result.drops[3].peer == peer_id{2}));
  BOOST_TEST(result.datagrams == 0);
  from.add(v4, "5");
  BOOST_TEST(send().drops.empty());
}

BOOST_AUTO_TEST_CASE(family_without_a_socket_is_dropped_and_the_rest_goes_on) {
  sockets = socket_pair::open(
      0, {.gso = false}, [](ip_family family, std::uint16_t port, const socket_options& options) {
        if (family == ip_family::v6)
          throw std::system_error(EAFNOSUPPORT, std::generic_category());
        return bound_socket::open(family, port, options);
      });
  udp::sender v4_only(sockets, calls);
  from.add(v4, "0");
  from.add(v6, "123", 1);
  from.add(v4, "4");
  const send_result result = v4_only.send_batch(*from, 0, cursor);
  BOOST_TEST((result.then == next::slab_done));
  BOOST_TEST(only_drop(result, drop_reason::no_socket, 3));
  BOOST_TEST(sent() == "04");
}

BOOST_AUTO_TEST_CASE(stale_source_is_left_out_and_its_peer_reported_once) {
  for (const int error : {EINVAL, EADDRNOTAVAIL, ENODEV, ENETUNREACH, EHOSTUNREACH, ENETDOWN}) {
    calls.sent.clear();
    cursor = {};
    transmit_slab fresh;
    fresh.add(v4, "012", 1, peer_id{7}).local = sticky;
    fresh.add(v4, "3", peer_id{7}).local = sticky;
    calls.steps = {{.accept = 1}, {.error = error}};
    const send_result result = sends.send_batch(*fresh, 0, cursor);
    BOOST_TEST(result.datagrams == 4);
    BOOST_TEST(result.drops.empty());
    BOOST_TEST(sent() == "0123");
    BOOST_TEST(calls.sent[0].control_octets > 0);
    BOOST_TEST(calls.sent[1].control_octets == 0);
    BOOST_TEST(calls.sent[3].control_octets == 0);
    BOOST_REQUIRE(result.stale_sources.size() == 1);
    BOOST_TEST((result.stale_sources[0] == peer_id{7}));
  }
  from.add(v4, "4").local = sticky;
  cursor = {};
  BOOST_TEST(send().stale_sources.empty());
}

BOOST_AUTO_TEST_CASE(other_peers_keep_their_source_when_one_is_stale) {
  from.add(v4, "0", peer_id{7}).local = sticky;
  from.add(at("10.0.0.2", 1000), "1", peer_id{8}).local = sticky;
  calls.steps = {{.error = EINVAL}};
  const send_result result = send();
  BOOST_TEST(calls.sent.at(0).control_octets == 0);
  BOOST_TEST(calls.sent.at(1).control_octets > 0);
  BOOST_REQUIRE(result.stale_sources.size() == 1);
  BOOST_TEST((result.stale_sources[0] == peer_id{7}));
}

BOOST_AUTO_TEST_CASE(source_is_not_blamed_when_the_peer_is_unreachable_without_it_too) {
  from.add(v4, "01", 1).local = sticky;
  calls.steps = {{.error = ENETUNREACH}, {.error = ENETUNREACH}, {.error = ENETUNREACH}};
  const send_result result = send();
  BOOST_TEST(only_drop(result, drop_reason::unreachable, 2));
  BOOST_TEST(result.stale_sources.empty());
  BOOST_TEST(calls.calls == 3);
}

BOOST_AUTO_TEST_CASE(source_is_kept_when_a_filter_refuses) {
  from.add(v4, "0").local = sticky;
  calls.steps = {{.error = EPERM}};
  BOOST_TEST(only_drop(send(), drop_reason::refused_by_host, 1));
  BOOST_TEST(calls.calls == 1);
}

BOOST_AUTO_TEST_CASE(source_of_the_other_family_is_not_used) {
  from.add(v6, "0").local = sticky;
  send();
  BOOST_TEST(calls.sent.at(0).control_octets == 0);
}

BOOST_AUTO_TEST_CASE(socket_queue_begins_small_and_grows_when_it_is_found_empty) {
  using namespace std::chrono_literals;
  const std::shared_ptr<const socket_pair> own = socket_pair::open(0, {});
  const bound_socket& socket = *own->of(ip_family::v4);
  {
    const udp::sender as_configured(own, calls);
    BOOST_TEST(socket.send_queue_limit() == socket.send_queue_most());
  }
  udp::sender adapts(own, calls, 2ms);
  BOOST_TEST(socket.send_queue_limit() == limits::udp_send_queue_first);
  BOOST_TEST(adapts.queue().limit == 2 * limits::udp_send_queue_first); // of both families
  adapts.begin_wait(time_point{1s});                                    // for nothing
  adapts.end_wait(time_point{2s});
  BOOST_TEST(socket.send_queue_limit() == limits::udp_send_queue_first);
}

BOOST_AUTO_TEST_SUITE_END()
