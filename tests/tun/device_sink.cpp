// What becomes of packets when the kernel does not take what it is given: each error injected.
#include "tests/tun/offload_device.hpp"
#include "tun/device_queue.hpp"

#include <fcntl.h>

#include <cerrno>
#include <deque>
#include <numeric>

using namespace troupe;
using test::datagram_to_us;
using test::packet_fields;
using test::packet_to_us;

namespace {

/// What writev(2) is to fail with, call by call (0: it does not), and what it was given.
struct script {
  std::deque<int> errors;
  std::vector<std::size_t> written;
};

script& playing() {
  static script only;
  return only;
}

ssize_t write_by_script(int, const iovec* pieces, int count) {
  const std::size_t octets =
      std::accumulate(pieces, pieces + count, std::size_t{0},
                      [](std::size_t sum, const iovec& each) { return sum + each.iov_len; });
  const int error = playing().errors.empty() ? 0 : playing().errors.front();
  if (!playing().errors.empty())
    playing().errors.pop_front();
  if (error != 0) {
    errno = error;
    return -1;
  }
  playing().written.push_back(octets);
  return static_cast<ssize_t>(octets);
}

constexpr std::size_t header = sizeof(tun::vnet_header);
constexpr std::size_t datagram_octets = 20 + 8 + 100;
constexpr std::size_t segment_octets = 20 + 20 + 100;

struct scripted_sink {
  scripted_sink() { playing() = {}; }

  static std::shared_ptr<const tun::queue_file> nowhere() {
    return std::make_shared<const tun::queue_file>(
        tun::queue_file{unique_fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)), true});
  }

  tun::write_result write(const std::vector<test::octets>& packets, std::deque<int> errors) {
    playing() = {std::move(errors), {}};
    return sink.write_batch(*test::deliveries_of(packets));
  }

  /// Three that belong together.
  static std::vector<test::octets> datagrams() {
    return std::vector<test::octets>(3, packet_to_us(datagram_to_us(false, std::string(100, 'x'))));
  }
  static std::vector<test::octets> segments() {
    std::vector<test::octets> all;
    for (std::uint32_t i = 0; i < 3; ++i) {
      packet_fields fields = datagram_to_us(false, std::string(100, 'x'));
      fields.tcp = true;
      fields.sequence = 1 + i * 100;
      all.push_back(packet_to_us(fields));
    }
    return all;
  }

  tun::device_sink sink{nowhere(), {{true, ""}, {true, ""}}, write_by_script};
};

const std::vector<std::size_t> joined_datagrams{header + 28 + 300};
const std::vector<std::size_t> joined_segments{header + 40 + 300};
const std::vector<std::size_t> single_datagrams(3, header + datagram_octets);
const std::vector<std::size_t> single_segments(3, header + segment_octets);

void expect_written(const std::vector<std::size_t>& expected) {
  BOOST_TEST(playing().written == expected, boost::test_tools::per_element());
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(device_sink, scripted_sink)

BOOST_AUTO_TEST_CASE(without_an_error_each_kind_is_written_as_one) {
  BOOST_TEST(write(datagrams(), {}).packets == 3U);
  expect_written(joined_datagrams);
  BOOST_TEST(write(segments(), {}).packets == 3U);
  expect_written(joined_segments);
  BOOST_TEST(sink.offload() == "on");
}

BOOST_AUTO_TEST_CASE(kind_that_is_refused_is_written_one_by_one_from_then_on) {
  const tun::write_result first = write(datagrams(), {EINVAL});
  BOOST_TEST(first.joining_refused);
  BOOST_TEST(first.packets == 3U);
  BOOST_TEST(first.refused == 0U);
  expect_written(single_datagrams);
  BOOST_TEST(!write(datagrams(), {}).joining_refused);
  expect_written(single_datagrams);
  BOOST_TEST(!write(segments(), {}).joining_refused);
  expect_written(joined_segments);
  BOOST_TEST(sink.offload() == "UDP off: the kernel refused a super-packet");
}

BOOST_AUTO_TEST_CASE(reasons_of_both_kinds_are_kept) {
  tun::device_sink half(nowhere(), {{true, ""}, {false, "needs Linux 6.2"}}, write_by_script);
  BOOST_TEST(half.offload() == "UDP off: needs Linux 6.2");
  playing() = {{EINVAL}, {}};
  BOOST_TEST(half.write_batch(*test::deliveries_of(segments())).joining_refused);
  expect_written(single_segments);
  BOOST_TEST(half.offload() ==
             "TCP off: the kernel refused a super-packet; UDP off: needs Linux 6.2");
}

BOOST_AUTO_TEST_CASE(both_kinds_refused_for_one_reason_are_said_once) {
  static_cast<void>(write(segments(), {EINVAL}));
  static_cast<void>(write(datagrams(), {EINVAL}));
  BOOST_TEST(sink.offload() == "off: the kernel refused a super-packet");
}

BOOST_AUTO_TEST_CASE(want_of_memory_costs_no_packet_and_no_offload) {
  for (const int error : {ENOMEM, ENOBUFS}) {
    const tun::write_result result = write(segments(), {error});
    BOOST_TEST(result.packets == 3U);
    BOOST_TEST(result.refused == 0U);
    BOOST_TEST(!result.joining_refused);
    expect_written(single_segments);
    BOOST_TEST(sink.offload() == "on");
  }
}

BOOST_AUTO_TEST_CASE(packets_that_are_refused_one_by_one_are_counted_each) {
  const tun::write_result result = write(segments(), {ENOMEM, 0, ENOMEM});
  BOOST_TEST(result.packets == 2U);
  BOOST_TEST(result.refused == 1U);
  BOOST_TEST(result.octets == 2 * segment_octets);
}

BOOST_AUTO_TEST_CASE(device_that_is_down_refuses_all_of_a_super_packet) {
  const tun::write_result result = write(segments(), {EIO});
  BOOST_TEST(result.packets == 0U);
  BOOST_TEST(result.refused == 3U);
  BOOST_TEST(!result.joining_refused);
  expect_written({});
}

BOOST_AUTO_TEST_CASE(refused_packets_are_counted_by_peer) {
  const bare_slab slab = test::deliveries_of(segments());
  slab->deliveries[0].peer = slab->deliveries[1].peer = peer_id{7};
  slab->deliveries[2].peer = peer_id{8};
  playing() = {{ENOMEM, EIO, EIO, EIO}, {}};
  const tun::write_result result = sink.write_batch(*slab);
  BOOST_REQUIRE(result.drops.size() == 2U);
  BOOST_TEST((result.drops[0].peer == peer_id{7}));
  BOOST_TEST(result.drops[0].packets == 2U);
  BOOST_TEST((result.drops[1].peer == peer_id{8}));
  BOOST_TEST((result.drops[1].reason == drop_reason::tun_refused));
  BOOST_TEST(write(segments(), {}).drops.empty());
}

BOOST_AUTO_TEST_CASE(call_that_was_interrupted_is_made_again) {
  BOOST_TEST(write(segments(), {EINTR}).packets == 3U);
  expect_written(joined_segments);
}

BOOST_AUTO_TEST_CASE(device_that_is_gone_ends_the_batch) {
  for (const int error : {EBADFD, EBADF}) {
    const tun::write_result result = write(segments(), {error});
    BOOST_TEST((result.state == tun::queue_state::gone));
    BOOST_TEST(result.packets + result.refused == 0U);
    BOOST_TEST((write(segments(), {EINVAL, 0, error}).state == tun::queue_state::gone));
    sink = tun::device_sink(nowhere(), {{true, ""}, {true, ""}}, write_by_script);
  }
}

BOOST_AUTO_TEST_SUITE_END()
