#include "actors/roll_call.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>

#include <pthread.h>

#include <atomic>
#include <map>
#include <thread>

namespace troupe::actors {

namespace {

using json = nlohmann::ordered_json;
using namespace std::chrono_literals;

thread_facts thread_called(const std::string& name, char state, duration on_cpu) {
  return {4711, name, state, 1, true, on_cpu};
}

struct roll_fixture {
  roll_call roll;
  time_point now{1h};
  std::map<std::string, int> asked;

  roll_fixture() {
    std::vector<roll_call::member> all;
    for (const char* const name : {"tunnel", "handshaker", "admin"})
      all.push_back({name, [this, name](const status_query&) { ++asked[name]; },
                     std::string(name) != "handshaker"});
    roll.set_members(std::move(all));
  }

  void begin(const std::vector<thread_facts>& threads = {}) { roll.begin({}, threads, now); }
  void answer(const std::string& actor, std::uint64_t messages = 0, std::uint64_t batches = 0) {
    stage_status told;
    told.actor = actor;
    told.messages = messages;
    told.batches = batches;
    told.packets = 10 * batches;
    told.mailbox = 3;
    roll.take(std::move(told));
  }
  json end_with_all(std::uint64_t messages, std::uint64_t batches, duration cpu) {
    begin({thread_called("tunnel", 'S', cpu)});
    for (const char* const name : {"tunnel", "handshaker", "admin"})
      answer(name, messages, batches);
    return roll.end();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rolls, roll_fixture)

BOOST_AUTO_TEST_CASE(it_is_complete_when_all_have_answered) {
  BOOST_TEST(!roll.is_out());
  begin();
  BOOST_TEST(roll.is_out());
  BOOST_TEST((roll.deadline() == now + limits::roll_call_time));
  answer("tunnel");
  answer("handshaker");
  BOOST_TEST(!roll.is_complete());
  answer("admin");
  BOOST_TEST(roll.is_complete());
  static_cast<void>(roll.end());
  BOOST_TEST(!roll.is_out());
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_told_of_with_what_the_kernel_knows) {
  begin({thread_called("tunnel", 'D', 5s)});
  answer("admin");
  const json told = roll.end()["actors"];
  BOOST_REQUIRE(told.size() == 3U);
  BOOST_TEST(told[0]["actor"] == "tunnel");
  BOOST_TEST(told[0]["answers"] == false);
  BOOST_TEST(told[0]["state"] == "not answering");
  BOOST_TEST(told[0]["thread_state"] == "D");
  BOOST_TEST(told[0]["tid"] == 4711);
  BOOST_TEST(told[0]["cpu"] == 1);
  BOOST_TEST(told[0]["pinned"] == true);
  BOOST_TEST(told[0]["cpu_ns"] == 5'000'000'000);
  for (const char* const unknown : {"mailbox", "messages", "messages_per_s", "batches"})
    BOOST_TEST(told[0][unknown].is_null(), unknown);
  BOOST_TEST(told[1]["state"] == "not answering");
  BOOST_TEST(told[1]["thread"] == "pool");
  BOOST_TEST(told[1]["cpu_ns"].is_null());
}

BOOST_AUTO_TEST_CASE(nobody_is_asked_twice_before_it_has_answered) {
  for (int i = 0; i < 3; ++i) {
    begin();
    answer("admin");
    static_cast<void>(roll.end());
    now += 1s;
  }
  BOOST_TEST(asked["tunnel"] == 1);
  BOOST_TEST(asked["admin"] == 3);
  answer("tunnel"); // late: it goes on
  begin();
  BOOST_TEST(asked["tunnel"] == 2);
  answer("tunnel");
  BOOST_TEST(roll.end()["actors"][0]["answers"] == true);
}

BOOST_AUTO_TEST_CASE(a_late_answer_counts_for_the_roll_that_is_out) {
  begin();
  static_cast<void>(roll.end());
  begin();
  answer("tunnel");
  BOOST_TEST(roll.end()["actors"][0]["answers"] == true);
}

BOOST_AUTO_TEST_CASE(rates_are_of_the_time_since_an_earlier_roll) {
  json told = end_with_all(100, 10, 1s);
  BOOST_TEST(told["seconds"] == 0.0);
  BOOST_TEST(told["actors"][0]["messages"] == 100);
  BOOST_TEST(told["actors"][0]["messages_per_s"] == 0.0);
  now += 2s;
  told = end_with_all(300, 30, 1500ms);
  BOOST_TEST(told["seconds"] == 2.0);
  const json& tunnel = told["actors"][0];
  BOOST_TEST(tunnel["messages_per_s"] == 100.0);
  BOOST_TEST(tunnel["batches_per_s"] == 10.0);
  BOOST_TEST(tunnel["packets_per_s"] == 100.0);
  BOOST_TEST(tunnel["cpu_share"] == 0.25);
  BOOST_TEST(tunnel["mailbox"] == 3);
  now += limits::flow_span_max + 1s;
  BOOST_TEST(end_with_all(300, 30, 2s)["seconds"] == 0.0); // too long ago
}

BOOST_AUTO_TEST_CASE(who_has_come_in_place_of_another_has_no_rates_yet) {
  end_with_all(100, 10, 1s);
  now += 2s;
  thread_facts fresh = thread_called("tunnel", 'S', 1ms);
  fresh.id = 4712;
  begin({fresh});
  for (const char* const name : {"tunnel", "handshaker", "admin"})
    answer(name, 5);
  const json tunnel = roll.end()["actors"][0];
  BOOST_TEST(tunnel["messages"] == 5);
  BOOST_TEST(tunnel["messages_per_s"] == 0.0);
  BOOST_TEST(tunnel["cpu_share"] == 0.0);
}

BOOST_AUTO_TEST_CASE(who_asks_all_the_time_takes_no_rates_from_others) {
  static_cast<void>(end_with_all(0, 0, 0s));
  now += 500ms;
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(end_with_all(0, 0, 0s));
    now += 10ms;
  }
  BOOST_TEST(end_with_all(0, 0, 0s)["seconds"].get<double>() >= 0.2);
}

BOOST_AUTO_TEST_CASE(those_that_carry_no_packets_have_no_batches) {
  const json told = end_with_all(1, 1, 1s)["actors"];
  BOOST_TEST(told[2]["actor"] == "admin");
  BOOST_TEST(told[2]["batches"].is_null());
  BOOST_TEST(told[2]["packets_per_s"].is_null());
  BOOST_TEST(told[1]["batches"] == 1);
}

BOOST_AUTO_TEST_CASE(a_state_is_what_the_actor_waits_for_or_what_its_thread_did) {
  roll_entry entry{"udp-sender/0", stage_status(), thread_called("udp-sender/0", 'S', 0s)};
  BOOST_TEST(state_of(entry) == "idle");
  entry.thread->state = 'R';
  BOOST_TEST(state_of(entry) == "running");
  entry.told->waits_for = "the socket";
  BOOST_TEST(state_of(entry) == "waits for the socket");
  entry.told.reset();
  BOOST_TEST(state_of(entry) == "not answering");
}

BOOST_AUTO_TEST_CASE(a_stat_of_proc_is_read_whatever_the_name_of_the_thread) {
  const auto found = parse_thread_stat("12 (a) b ( c)) R 1 12 12 0 -1 64 1 2 3 4 250 50 0 0 13 -7 "
                                       "5 0 100 1 2 18446744073709551615 4 5 6 7 8 9 10 11 "
                                       "12 13 14 15 0 3 0 0 0");
  BOOST_REQUIRE(found);
  BOOST_TEST(found->id == 12);
  BOOST_TEST(found->name == "a) b ( c)");
  BOOST_TEST(found->state == 'R');
  BOOST_TEST(found->cpu == 3U);
  BOOST_TEST((found->on_cpu == 3s)); // at 100 ticks a second, as everywhere
  for (const char* const none : {"", "12", "12 (x", "12 (x) R 1 2 3", ")("})
    BOOST_TEST(!parse_thread_stat(none), none);
}

BOOST_AUTO_TEST_CASE(threads_of_this_process_are_found_by_name) {
  std::atomic<bool> found = false;
  std::thread busy([&] {
    ::pthread_setname_np(::pthread_self(), "udp-receiver/v4");
    while (!found)
      std::this_thread::yield();
  });
  for (int i = 0; i < 1000 && !found; ++i)
    for (const thread_facts& each : threads_of_process())
      found = found || (each.name == "udp-receiver/v4" && each.on_cpu > 0s && each.id > 0);
  BOOST_TEST(found);
  found = true;
  busy.join();
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace troupe::actors
