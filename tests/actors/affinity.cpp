#include "actors/affinity.hpp"

#include "messages/limits.hpp"

#include "tests/actors/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <sched.h>
#include <sys/resource.h>

#include <stdexcept>
#include <thread>
#include <vector>

using namespace troupe;
using namespace troupe::actors;

namespace {

cpu_set_t allowed_set() {
  cpu_set_t set;
  CPU_ZERO(&set);
  BOOST_REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
  return set;
}

unsigned highest_of(const cpu_set_t& set) {
  unsigned highest = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set))
      highest = cpu;
  return highest;
}

/// The calling thread may run on one CPU only, for a while.
class only_one_cpu {
public:
  only_one_cpu() : before_(allowed_set()) { pin_thread(highest_of(before_)); }
  ~only_one_cpu() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
  cpu_set_t before_;
};

struct affinity_fixture {
  temporary_folder folder;
  cpu_set_t allowed = allowed_set();
  std::vector<unsigned> cpus{1, 3, 7};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(affinity, affinity_fixture)

BOOST_AUTO_TEST_CASE(the_first_claim_takes_the_highest_cpu) {
  const cpu_claim claim = claim_any_cpu(folder.path(), cpus);
  BOOST_TEST(claim.cpu.value() == 7U);
  BOOST_TEST(static_cast<bool>(claim.lock));
  BOOST_TEST(claim.reason != "");
}

BOOST_AUTO_TEST_CASE(every_claim_takes_another_cpu_until_there_is_none) {
  std::vector<cpu_claim> claims;
  std::vector<unsigned> taken;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    claims.push_back(claim_any_cpu(folder.path(), cpus));
    taken.push_back(claims.back().cpu.value());
  }
  BOOST_TEST(taken == (std::vector<unsigned>{7, 3, 1}), boost::test_tools::per_element());
  const cpu_claim none = claim_any_cpu(folder.path(), cpus);
  BOOST_TEST(!none.cpu.has_value());
  BOOST_TEST(none.reason == "every allowed CPU is taken by another troupe");
}

BOOST_AUTO_TEST_CASE(a_claim_let_go_can_be_taken_again) {
  static_cast<void>(claim_any_cpu(folder.path(), cpus));
  BOOST_TEST(claim_any_cpu(folder.path(), cpus).cpu.value() == 7U);
}

BOOST_AUTO_TEST_CASE(what_is_allowed_is_the_affinity_mask) {
  const std::vector<unsigned> found = allowed_cpus();
  BOOST_TEST(found.size() == static_cast<std::size_t>(CPU_COUNT(&allowed)));
  BOOST_TEST(found.back() == highest_of(allowed));
}

BOOST_AUTO_TEST_CASE(on_a_single_cpu_nobody_is_pinned) {
  std::thread([&] {
    const only_one_cpu held;
    const cpu_claim claim = claim_any_cpu(folder.path());
    BOOST_TEST(!claim.cpu.has_value());
    BOOST_TEST(claim.reason == "only one CPU is allowed");
  }).join();
}

BOOST_AUTO_TEST_CASE(a_configured_cpu_is_taken_even_if_another_has_it) {
  const unsigned wanted = highest_of(allowed);
  const cpu_claim first = claim_cpu(wanted, folder.path());
  const cpu_claim second = claim_cpu(wanted, folder.path());
  BOOST_TEST(first.cpu.value() == wanted);
  BOOST_TEST(second.cpu.value() == wanted);
  BOOST_TEST(static_cast<bool>(first.lock));
  BOOST_TEST(!second.lock);
}

BOOST_AUTO_TEST_CASE(a_configured_claim_is_seen_by_those_who_choose) {
  const unsigned wanted = highest_of(allowed);
  const cpu_claim configured = claim_cpu(wanted, folder.path());
  const cpu_claim other = claim_any_cpu(folder.path(), {wanted, wanted + 1});
  BOOST_TEST(other.cpu.value() == wanted + 1);
  BOOST_TEST(!claim_any_cpu(folder.path(), {wanted, wanted + 1}).cpu.has_value());
}

BOOST_AUTO_TEST_CASE(a_configured_cpu_that_is_not_allowed_is_an_error_with_the_cure) {
  const auto names_the_cure = [](const std::runtime_error& error) {
    const std::string text = error.what();
    return text.find("tunnel.cpu = 1023") != std::string::npos &&
           text.find("\"auto\"") != std::string::npos;
  };
  BOOST_CHECK_EXCEPTION(claim_cpu(1023, folder.path()), std::runtime_error, names_the_cure);
}

BOOST_AUTO_TEST_CASE(without_a_folder_to_lock_in_a_cpu_is_taken_all_the_same) {
  const cpu_claim claim = claim_any_cpu("/proc/no/such/folder", cpus);
  BOOST_TEST(claim.cpu.has_value());
  BOOST_TEST(!claim.lock);
}

BOOST_AUTO_TEST_CASE(a_pinned_thread_stays_there) {
  std::thread([&] {
    pin_thread(highest_of(allowed));
    const cpu_set_t now = allowed_set();
    BOOST_TEST(CPU_COUNT(&now) == 1);
    BOOST_TEST(CPU_ISSET(highest_of(allowed), &now));
  }).join();
}

BOOST_AUTO_TEST_CASE(a_preferred_thread_is_that_alone) {
  const int usual = ::getpriority(PRIO_PROCESS, 0);
  std::thread([&] {
    BOOST_REQUIRE(::setpriority(PRIO_PROCESS, 0, usual + 3) == 0);
    const int preferred = prefer_thread() ? usual + 3 + limits::tunnel_nice : usual + 3;
    BOOST_TEST(::getpriority(PRIO_PROCESS, 0) == preferred);
  }).join();
  BOOST_TEST(::getpriority(PRIO_PROCESS, 0) == usual);
}

BOOST_AUTO_TEST_SUITE_END()
