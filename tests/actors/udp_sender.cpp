#include "actors/udp_sender.hpp"

#include "tests/actors/stage_fixture.hpp"
#include "udp/fake_socket.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

const endpoint there{parse_ip_address("192.0.2.1").value(), 51820, 0};
const endpoint elsewhere{parse_ip_address("192.0.2.9").value(), 51820, 0};

struct sender_fixture : stage_fixture {
  std::shared_ptr<udp::fake_sink> first = std::make_shared<udp::fake_sink>();
  std::shared_ptr<udp::fake_sink> in_use = first;
  std::shared_ptr<shortcut> direct = std::make_shared<shortcut>();
  udp_sender_actor sends = start(0, first, spdlog::level::trace);

  udp_sender_actor start(std::uint8_t lane, const std::shared_ptr<udp::fake_sink>& socket,
                         spdlog::level::level_enum level) {
    in_use = socket;
    const std::string name = "udp-sender/" + std::to_string(lane);
    const logger own = log.open(name);
    own->set_level(level);
    return spawn(udp_sender, udp_sender_parts{name,
                                              lane,
                                              [this](const use_sockets&) { return in_use; },
                                              {},
                                              tunnel,
                                              bell,
                                              wait,
                                              direct,
                                              own,
                                              false});
  }
  [[nodiscard]] datagram_batch batch() const { return datagram_batch(make_slab()); }

  static std::string sent_on(udp::fake_sink& socket) {
    std::string all;
    for (const udp::fake_datagram& each : socket.take_sent())
      all.append(all.empty() ? "" : " ").append(each.octets.begin(), each.octets.end());
    return all;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(udp_sender, sender_fixture)

BOOST_AUTO_TEST_CASE(batches_are_sent_in_order_and_go_home) {
  tell(sends, transmit_batch{batch().add("a", there).add("b", there).launch(1)});
  tell(sends, transmit_batch{batch().add("c", there).launch(2)});
  BOOST_TEST(sent_on(*first) == "a b c");
  BOOST_TEST(home->slabs == 2);
  BOOST_TEST(log.has("trace udp-sender/0: batch test#1: sent 2 datagrams, 2 octets; dropped 0\n"));
}

BOOST_AUTO_TEST_CASE(a_small_batch_is_sent_by_whoever_hands_it_over) {
  BOOST_TEST(direct->try_do(batch().add("a", there).add("b", there).launch(1)));
  BOOST_TEST(sent_on(*first) == "a b");
  BOOST_TEST(home->slabs == 1);
  BOOST_TEST(status_of(sends).packets == 2);
  BOOST_TEST(!direct->try_do(batch().add(std::string(5000, 'x'), there).launch(2)));
}

BOOST_AUTO_TEST_CASE(what_the_socket_did_not_take_on_the_short_cut_goes_on_in_order) {
  first->block_after(1);
  const slab_ref begun = batch().add("a", there).add("b", there).launch(1);
  BOOST_TEST(!direct->try_do(begun));
  const slab_ref next = batch().add("c", there).launch(2);
  BOOST_TEST(!direct->try_do(next)); // the first is not done
  tell(sends, transmit_batch{begun});
  tell(sends, transmit_batch{next});
  BOOST_TEST(sent_on(*first) == "a");
  first->allow();
  tell(sends, atom::poll_v);
  BOOST_TEST(sent_on(*first) == "b c");
  BOOST_TEST(direct->try_do(batch().add("d", there).launch(3)));
  BOOST_TEST(sent_on(*first) == "d");
}

BOOST_AUTO_TEST_CASE(a_blocked_socket_keeps_the_slab) {
  first->block_after(1);
  tell(sends, transmit_batch{batch().add("a", there).add("b", there).launch(1)});
  BOOST_TEST(sent_on(*first) == "a");
  BOOST_TEST(home->slabs == 0);
  BOOST_TEST(wait->watched.size() == 1);
  BOOST_TEST(wait->watched.at(0).for_writing);
  BOOST_TEST(!wait->watched.at(0).writable);
  BOOST_TEST((wait->timeout == forever));
  BOOST_TEST(log.has("; the socket is full"));
}

BOOST_AUTO_TEST_CASE(what_it_holds_and_how_long_it_waits_is_shown) {
  first->block_after(1);
  tell(sends, transmit_batch{batch().add("a", there).add("bb", there).launch(1)});
  advance(std::chrono::seconds(3));
  stage_status status = status_of(sends);
  BOOST_TEST(status.held_octets == 3U);
  BOOST_TEST((status.blocked == std::chrono::seconds(3)));
  BOOST_TEST((status.paused == duration::zero()));
  first->allow();
  tell(sends, atom::poll_v);
  advance(std::chrono::seconds(3));
  status = status_of(sends);
  BOOST_TEST(status.held_octets == 0U);
  BOOST_TEST((status.blocked == std::chrono::seconds(3)));
}

BOOST_AUTO_TEST_CASE(wait_is_measured_until_the_socket_is_writable) {
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  BOOST_TEST(first->waits_begun().size() == 1U);
  tell(sends, atom::poll_v); // woken by mail: nothing has left, nothing is new
  BOOST_TEST(first->waits_begun().size() == 1U);
  BOOST_TEST(first->waits_ended().empty());
  first->allow();
  tell(sends, atom::poll_v); // sees that it is writable only afterwards, and sends all
  BOOST_TEST(sent_on(*first) == "a");
  BOOST_TEST(first->waits_ended().empty());
}

BOOST_AUTO_TEST_CASE(each_wait_is_measured_from_its_own_beginning) {
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  first->allow();
  tell(sends, atom::poll_v); // all is sent, and nobody saw the socket writable
  advance(std::chrono::seconds(5));
  first->block_after(1);
  tell(sends, transmit_batch{batch().add("b", there).add("c", there).launch(2)});
  BOOST_REQUIRE(first->waits_begun().size() == 2U);
  BOOST_TEST((first->waits_begun().back() == scheduler.clock().now()));
  advance(std::chrono::seconds(1));
  first->block_after(1); // something is added, and it is full again
  tell(sends, transmit_batch{batch().add("d", there).launch(3)});
  tell(sends, atom::poll_v);
  BOOST_REQUIRE(first->waits_begun().size() == 3U);
  BOOST_TEST((first->waits_begun().back() == scheduler.clock().now()));
}

BOOST_AUTO_TEST_CASE(want_of_memory_is_no_blocked_socket) {
  first->run_out_of_memory(1);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  advance(std::chrono::seconds(1));
  const stage_status status = status_of(sends);
  BOOST_TEST((status.blocked == duration::zero()));
  BOOST_TEST((status.paused == std::chrono::seconds(1)));
}

BOOST_AUTO_TEST_CASE(it_goes_on_where_it_stopped) {
  first->block_after(1);
  tell(sends, transmit_batch{batch().add("a", there).add("b", there).launch(1)});
  tell(sends, transmit_batch{batch().add("c", there).launch(2)});
  BOOST_TEST(sent_on(*first) == "a");
  first->allow();
  tell(sends, atom::poll_v);
  BOOST_TEST(sent_on(*first) == "b c");
  BOOST_TEST(home->slabs == 2);
}

BOOST_AUTO_TEST_CASE(while_blocked_nothing_overtakes) {
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  first->allow();
  tell(sends, transmit_batch{batch().add("b", there).launch(2)});
  BOOST_TEST(sent_on(*first) == ""); // its turn comes from poll(2), and from nothing else
  tell(sends, atom::poll_v);
  BOOST_TEST(sent_on(*first) == "a b");
}

BOOST_AUTO_TEST_CASE(when_all_is_sent_it_no_longer_polls) {
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  first->allow();
  tell(sends, atom::poll_v);
  tell(sends, transmit_batch{batch().add("b", there).launch(2)});
  BOOST_TEST(sent_on(*first) == "a b");
}

BOOST_AUTO_TEST_CASE(a_host_short_of_memory_is_waited_for_on_a_timer) {
  first->run_out_of_memory(2);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  BOOST_TEST((wait->timeout == limits::socket_retry_first));
  BOOST_TEST(wait->watched.empty()); // it is writable all the time
  tell(sends, atom::poll_v);
  BOOST_TEST((wait->timeout == 2 * limits::socket_retry_first));
  BOOST_TEST(home->slabs == 0);
  tell(sends, atom::poll_v);
  BOOST_TEST(sent_on(*first) == "a");
  first->run_out_of_memory(1);
  tell(sends, transmit_batch{batch().add("b", there).launch(2)});
  BOOST_TEST((wait->timeout == limits::socket_retry_first)); // afresh
}

BOOST_AUTO_TEST_CASE(drops_are_counted_by_reason_and_traced) {
  first->refuse(elsewhere, drop_reason::unreachable);
  tell(sends, transmit_batch{batch().add("a", elsewhere).add("b", there).launch(1)});
  BOOST_TEST(sent_on(*first) == "b");
  BOOST_TEST(home->slabs == 1);
  const stage_status status = status_of(sends);
  BOOST_TEST(status.drops[drop_reason::unreachable] == 1);
  BOOST_TEST(status.packets == 1);
  BOOST_TEST(log.has("batch test#1: dropped 1 datagrams: no route to the endpoint"));
}

BOOST_AUTO_TEST_CASE(a_source_that_no_longer_works_is_reported_to_the_tunnel) {
  const source_address lost{parse_ip_address("192.0.2.77").value(), 3};
  first->lose_source(lost);
  tell(sends, transmit_batch{batch().add("a", there, 0, peer_id{5}, lost).launch(1)});
  BOOST_TEST(to_tunnel->stale.size() == 1);
  BOOST_TEST((to_tunnel->stale.at(0) == peer_id{5}));
}

BOOST_AUTO_TEST_CASE(new_sockets_take_over_while_the_old_one_is_blocked) {
  first->block_after(1);
  tell(sends, transmit_batch{batch().add("a", there).add("b", there).launch(1)});
  const std::shared_ptr<udp::fake_sink> second = std::make_shared<udp::fake_sink>();
  in_use = second;
  tell(sends, use_sockets{});
  tell(sends, atom::poll_v); // the bell has rung
  BOOST_TEST(sent_on(*first) == "a");
  BOOST_TEST(sent_on(*second) == "b");
  BOOST_TEST(home->slabs == 1);
}

BOOST_AUTO_TEST_CASE(two_lanes_share_a_slab_and_it_goes_home_after_both) {
  const std::shared_ptr<udp::fake_sink> second = std::make_shared<udp::fake_sink>();
  const udp_sender_actor other = start(1, second, spdlog::level::trace);
  second->block_after(0);
  slab_ref shared = batch().add("a", there, 0).add("x", there, 1).add("b", there, 0).launch(1);
  tell(sends, transmit_batch{shared});
  tell(other, transmit_batch{std::move(shared)});
  BOOST_TEST(sent_on(*first) == "a b");
  BOOST_TEST(home->slabs == 0);
  second->allow();
  tell(other, atom::poll_v);
  BOOST_TEST(sent_on(*second) == "x");
  BOOST_TEST(home->slabs == 1);
}

BOOST_AUTO_TEST_CASE(stop_while_blocked_ends_it_and_sends_the_slabs_home) {
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  tell(sends, transmit_batch{batch().add("b", there).launch(2)});
  tell(sends, atom::stop_v);
  BOOST_TEST(has_ended(sends));
  BOOST_TEST(home->slabs == 2);
}

BOOST_AUTO_TEST_CASE(below_trace_a_batch_leaves_no_line) {
  const udp_sender_actor quiet = start(0, first, spdlog::level::debug);
  first->refuse(elsewhere, drop_reason::unreachable);
  tell(quiet, transmit_batch{batch().add("a", there).add("b", elsewhere).launch(1)});
  BOOST_TEST(sent_on(*first) == "a");
  BOOST_TEST(log.text() == "");
}

BOOST_AUTO_TEST_CASE(status_tells_what_has_passed) {
  tell(sends, transmit_batch{batch().add("abc", there).add("de", there).launch(1)});
  const stage_status status = status_of(sends);
  BOOST_TEST(status.actor == "udp-sender/0");
  BOOST_TEST(status.batches == 1);
  BOOST_TEST(status.packets == 2);
  BOOST_TEST(status.octets == 5);
}

BOOST_AUTO_TEST_CASE(nothing_behind_a_handover_overtakes_what_others_have_before_it) {
  const auto other = std::make_shared<udp::fake_sink>();
  const std::shared_ptr<shortcut> to_first = direct;
  direct = std::make_shared<shortcut>();
  const udp_sender_actor comes = start(1, other, spdlog::level::off);
  const auto over = std::make_shared<handover>(1, [&] {
    caf::anon_send(sends, atom::go_on_v);
    caf::anon_send(comes, atom::go_on_v);
  });
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  to_first->tell();
  tell(sends, handover_mark{over, true, true});
  direct->tell();
  tell(comes, handover_mark{over, false, true});
  const slab_ref next = batch().add("b", there, 1).launch(2);
  BOOST_TEST(!direct->try_do(next)); // not by the short cut either
  tell(comes, transmit_batch{next});
  BOOST_TEST(sent_on(*other) == "");
  BOOST_TEST(status_of(comes).held_octets == 1U);
  first->allow();
  tell(sends, atom::poll_v);
  BOOST_TEST(sent_on(*first) == "a");
  BOOST_TEST(sent_on(*other) == "b");
  BOOST_TEST(direct->try_do(batch().add("c", there, 1).launch(3)));
}

BOOST_AUTO_TEST_CASE(who_has_no_share_any_more_ends_when_all_is_sent) {
  const auto over = std::make_shared<handover>(1, [] {});
  first->block_after(0);
  tell(sends, transmit_batch{batch().add("a", there).launch(1)});
  direct->tell();
  tell(sends, handover_mark{over, true, false});
  BOOST_TEST(is_alive(sends));
  first->allow();
  tell(sends, atom::poll_v);
  BOOST_TEST(sent_on(*first) == "a");
  BOOST_TEST(!is_alive(sends));
  BOOST_TEST(over->is_over());
}

BOOST_AUTO_TEST_SUITE_END()
