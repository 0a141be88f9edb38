#include "tun/link_monitor.hpp"

#include "tun/device.hpp"

#include "tests/tun/sandbox.hpp"

#include <poll.h>
#include <unistd.h>

#include <system_error>

using namespace troupe;
using test::run;

namespace {

struct watched_device : test::sandbox {
  tun::device opened = tun::device::open("tA");
  tun::link_monitor monitor{opened.fd()};

  tun::link_state changed_without_privileges() {
    tun::link_state state;
    test::without_privileges([this, &state] { state = changed(); });
    return state;
  }

  /// The state after something has been reported.
  tun::link_state changed() {
    BOOST_REQUIRE(test::wait_for(monitor.fd(), POLLIN));
    return monitor.read_changes();
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(link_monitor)

BOOST_FIXTURE_TEST_CASE(state_at_the_start_is_read, watched_device) {
  BOOST_TEST(monitor.state().name == "tA");
  BOOST_TEST(monitor.state().index != 0U);
  BOOST_TEST(monitor.state().mtu == 1500U);
  BOOST_TEST(!monitor.state().up);
  BOOST_TEST(!monitor.state().moved);
}

BOOST_FIXTURE_TEST_CASE(mtu_up_down_and_name_are_followed, watched_device) {
  run("ip link set tA mtu 1380");
  BOOST_TEST(changed().mtu == 1380U);
  run("ip link set tA up");
  BOOST_TEST(changed().up);
  run("ip link set tA down");
  BOOST_TEST(!changed().up);
  run("ip link set tA name tRenamed");
  BOOST_TEST(changed().name == "tRenamed");
  run("ip link set tRenamed mtu 1390");
  BOOST_TEST(changed().mtu == 1390U);
}

BOOST_FIXTURE_TEST_CASE(packets_that_found_the_queue_full_are_counted, watched_device) {
  BOOST_TEST(monitor.queue_drops().value() == 0U);
  run("ip link set tA txqueuelen 10 up");
  run("ip addr add 10.9.0.1/24 dev tA");
  const unique_fd socket = test::udp_socket("10.9.0.1", 0);
  for (int i = 0; i < 100; ++i)
    test::send_udp(socket, "10.9.0.2", 7, "nobody reads");
  BOOST_TEST(monitor.queue_drops().value() >= 90U);
  run("ip link set tA name tRenamed"); // of which it has not heard yet
  BOOST_TEST(!monitor.queue_drops());
}

BOOST_FIXTURE_TEST_CASE(coming_up_is_said_once_to_have_cost_it_its_settings, watched_device) {
  run("ip link set tA up");
  BOOST_TEST(changed().forgot_settings);
  BOOST_TEST(!monitor.read_changes().forgot_settings);
  run("ip link set tA mtu 1380");
  BOOST_TEST(!changed().forgot_settings);
  run("ip link set tA down");
  BOOST_TEST(!changed().forgot_settings);
  run("ip link set tA up");
  BOOST_TEST(changed().forgot_settings);
}

BOOST_FIXTURE_TEST_CASE(down_and_up_between_two_looks_is_noticed, watched_device) {
  run("ip link set tA up");
  BOOST_TEST(changed().up);
  for (int i = 0; i < 20; ++i) {
    run("printf 'link set tA down\\nlink set tA up\\n' | ip -batch -");
    BOOST_TEST(changed().up);
    BOOST_TEST(monitor.state().forgot_settings);
  }
}

BOOST_FIXTURE_TEST_CASE(mtu_too_small_for_ipv6_is_noticed_when_it_is_over, watched_device) {
  run("ip link set tA up");
  BOOST_TEST(changed().up);
  run("ip link set tA mtu 1279");
  BOOST_TEST(!changed().forgot_settings);
  run("ip link set tA mtu 1278");
  BOOST_TEST(!changed().forgot_settings);
  run("ip link set tA mtu 1280");
  BOOST_TEST(changed().forgot_settings);
  run("printf 'link set tA mtu 1279\\nlink set tA mtu 1280\\n' | ip -batch -");
  BOOST_TEST(changed().forgot_settings);
}

BOOST_FIXTURE_TEST_CASE(other_interfaces_do_not_matter, watched_device) {
  const tun::link_state before = monitor.state();
  const tun::device other = tun::device::open("tOther");
  run("ip link set tOther mtu 1300");
  BOOST_TEST((changed() == before));
  BOOST_TEST((test::poll_now(monitor.fd()) & POLLIN) == 0);
}

BOOST_FIXTURE_TEST_CASE(interface_is_followed_into_another_namespace_and_back, watched_device) {
  const test::other_namespace there;
  run("ip link set tA mtu 1380 up");
  BOOST_TEST(changed().up);
  run("ip link set tA netns " + there.path() + " name tThere");
  const tun::link_state moved = changed();
  BOOST_TEST(moved.moved);
  BOOST_TEST(moved.name == "tThere");
  BOOST_TEST(moved.mtu == 1380U);
  BOOST_TEST(!moved.up);

  BOOST_TEST(there.run("ip link set tThere mtu 1370 up").empty());
  const tun::link_state there_up = changed();
  BOOST_TEST(there_up.mtu == 1370U);
  BOOST_TEST(there_up.up);
  BOOST_TEST(there_up.moved);
  BOOST_TEST(!there_up.forgot_settings); // what it has there is not ours

  BOOST_TEST(there.run("ip link set tThere netns " + std::to_string(::getpid())).empty());
  const tun::link_state back = changed();
  BOOST_TEST(!back.moved);
  BOOST_TEST(!back.forgot_settings); // not before it is up again
  run("ip link set tThere up");
  BOOST_TEST(changed().forgot_settings);
  run("ip link set tThere mtu 1360");
  BOOST_TEST(changed().mtu == 1360U);
}

BOOST_FIXTURE_TEST_CASE(following_leaves_the_thread_where_it_was, watched_device) {
  const test::other_namespace there;
  run("ip link set tA netns " + there.path());
  BOOST_TEST(changed().moved);
  BOOST_TEST(run("ip -o link").find("tA") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(namesake_left_behind_is_not_mistaken_for_it, watched_device) {
  const test::other_namespace there;
  run("ip link set tA netns " + there.path());
  BOOST_TEST(changed().moved);
  const tun::device namesake = tun::device::open("tA");
  run("ip link set tA mtu 1300 up");
  BOOST_TEST(monitor.read_changes().mtu == 1500U);
  BOOST_TEST(!monitor.state().up);
}

BOOST_FIXTURE_TEST_CASE(interface_that_cannot_be_followed_counts_as_up_with_its_last_mtu,
                        watched_device) {
  const test::other_namespace there;
  run("ip link set tA mtu 1380");
  BOOST_TEST(!changed_without_privileges().up);
  run("ip link set tA netns " + there.path());
  const tun::link_state lost = changed_without_privileges();
  BOOST_TEST(lost.moved);
  BOOST_TEST(lost.up);
  BOOST_TEST(lost.mtu == 1380U);
  // Nor is another one mistaken for it that takes its name.
  const tun::device namesake = tun::device::open("tA");
  run("ip link set tA mtu 1300");
  BOOST_TEST((changed_without_privileges() == lost));
}

BOOST_FIXTURE_TEST_CASE(interface_that_lives_elsewhere_from_the_start_is_found, test::sandbox) {
  const test::other_namespace there;
  const tun::device opened = tun::device::open("tA");
  run("ip link set tA netns " + there.path());
  const tun::link_monitor monitor(opened.fd());
  BOOST_TEST(monitor.state().moved);
  BOOST_TEST(monitor.state().mtu == 1500U);
  BOOST_TEST(monitor.state().name == "tA");
}

BOOST_FIXTURE_TEST_CASE(lost_events_do_not_leave_a_wrong_picture, watched_device) {
  // Far more events of another interface than a socket holds: those that matter get lost.
  const tun::device other = tun::device::open("tOther");
  run("ip link set tA up");
  BOOST_TEST(changed().up);
  std::string batch;
  for (int i = 0; i < 3000; ++i)
    batch += "link set tOther mtu " + std::to_string(1300 + i % 2) + "\n";
  batch += "link set tA mtu 1277\nlink set tA up\n";
  run("ip -batch - <<'END'\n" + batch + "END\ntrue");
  BOOST_TEST(monitor.read_changes().mtu == 1277U);
  BOOST_TEST(monitor.state().up);
  BOOST_TEST(monitor.state().forgot_settings); // which may be so
}

BOOST_FIXTURE_TEST_CASE(following_keeps_no_namespace_alive, watched_device) {
  {
    const test::other_namespace there;
    run("ip link set tA netns " + there.path());
    BOOST_TEST(changed().moved);
  }
  pollfd gone{opened.fd(), 0, 0}; // POLLERR is always told; the kernel takes its time
  BOOST_TEST(::poll(&gone, 1, 30'000) == 1);
}

BOOST_FIXTURE_TEST_CASE(deletion_is_left_to_the_descriptor, watched_device) {
  const tun::link_state before = monitor.state();
  run("ip link del tA");
  BOOST_TEST((changed() == before));
  BOOST_TEST((test::poll_now(opened.fd()) & POLLERR) != 0);
}

BOOST_FIXTURE_TEST_CASE(device_that_is_gone_cannot_be_watched, test::sandbox) {
  const tun::device opened = tun::device::open("tA");
  run("ip link del tA");
  BOOST_CHECK_THROW(tun::link_monitor(opened.fd()), std::system_error);
}

BOOST_AUTO_TEST_SUITE_END()
