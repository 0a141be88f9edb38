#include "udp/fake_socket.hpp"

#include "tests/udp/slabs.hpp"

#include <boost/test/unit_test.hpp>
#include <poll.h>

using namespace troupe;
using namespace troupe::udp;

namespace {

using next = send_result::next;

bool ready(int fd, short events) {
  pollfd asked{.fd = fd, .events = events, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
}

fake_datagram datagram(std::string_view text) {
  return {.octets = {text.begin(), text.end()}, .remote = at("10.0.0.1", 5), .local = {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(fake_socket)

BOOST_AUTO_TEST_CASE(source_is_readable_while_datagrams_wait) {
  fake_source source;
  const bare_slab into = make_receive_slab();
  BOOST_TEST(!ready(source.fd(), POLLIN));
  BOOST_TEST(source.receive_batch(*into).socket_empty);
  for (int i = 0; i < 17; ++i)
    source.push(datagram(std::to_string(i)));
  BOOST_TEST(ready(source.fd(), POLLIN));
  BOOST_TEST(source.receive_batch(*into).datagrams == 16);
  BOOST_TEST(ready(source.fd(), POLLIN));
  const arrival& last = into->arrivals.at(15);
  BOOST_TEST(last.offset == 15 * 65536);
  BOOST_TEST(text_of(into->range(last.offset, last.length)) == "15");
  BOOST_TEST((last.remote == at("10.0.0.1", 5)));
  into->arrivals.clear();
  BOOST_TEST(source.receive_batch(*into).datagrams == 1);
  BOOST_TEST(!ready(source.fd(), POLLIN));
}

BOOST_AUTO_TEST_CASE(source_fails_once_and_goes_on) {
  fake_source source;
  const bare_slab into = make_receive_slab();
  source.fail_once(std::make_error_code(std::errc::not_enough_memory));
  source.push(datagram("x"));
  BOOST_TEST((source.receive_batch(*into).error == std::errc::not_enough_memory));
  BOOST_TEST(ready(source.fd(), POLLIN));
  BOOST_TEST(source.receive_batch(*into).datagrams == 1);
}

BOOST_AUTO_TEST_CASE(source_counts_what_is_longer_than_its_slot) {
  fake_source source;
  const bare_slab into = make_slab(16 * 4);
  source.push(datagram("too long"));
  source.push(datagram("fits"));
  const receive_result result = source.receive_batch(*into);
  BOOST_TEST(result.truncated == 1);
  BOOST_TEST(result.datagrams == 1);
}

BOOST_AUTO_TEST_CASE(sink_blocks_and_goes_on_where_it_was) {
  fake_sink sink;
  transmit_slab from;
  from.add(at("10.0.0.1", 5), "0123", 1);
  from.add(at("10.0.0.1", 5), "4");
  from.add(at("10.0.0.1", 5), "5").lane = 1;
  sink.block_after(2);
  send_cursor cursor;
  const send_result blocked = sink.send_batch(*from, 0, cursor);
  BOOST_TEST((blocked.then == next::wait_writable));
  BOOST_TEST(!ready(blocked.blocked_fd, POLLOUT));
  sink.allow();
  BOOST_TEST(ready(blocked.blocked_fd, POLLOUT));
  sink.run_out_of_memory(1);
  BOOST_TEST((sink.send_batch(*from, 0, cursor).then == next::wait_a_while));
  BOOST_TEST((sink.send_batch(*from, 0, cursor).then == next::slab_done));
  std::string sent;
  for (const fake_datagram& one : sink.take_sent())
    sent += text_of(one.octets);
  BOOST_TEST(sent == "01234");
  BOOST_TEST(sink.take_sent().empty());
}

BOOST_AUTO_TEST_CASE(sink_drops_and_reports_as_told) {
  fake_sink sink;
  transmit_slab from;
  const source_address lost{.address = parse_ip_address("10.0.0.9").value(), .interface_index = 3};
  from.add(at("10.0.0.1", 5), "a", peer_id{1});
  from.add(at("10.0.0.2", 5), "b", peer_id{2}).local = lost;
  sink.refuse(at("10.0.0.1", 5), drop_reason::unreachable);
  sink.lose_source(lost);
  send_cursor cursor;
  const send_result result = sink.send_batch(*from, 0, cursor);
  BOOST_REQUIRE(result.drops.size() == 1);
  BOOST_TEST((result.drops[0].reason == drop_reason::unreachable));
  BOOST_REQUIRE(result.stale_sources.size() == 1);
  BOOST_TEST((result.stale_sources[0] == peer_id{2}));
  BOOST_TEST(!sink.take_sent().at(0).local.known());
}

BOOST_AUTO_TEST_SUITE_END()
