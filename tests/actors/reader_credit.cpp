#include "actors/reader_credit.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

constexpr time_point start{1h};
constexpr std::size_t octets = 128 * 1024;

class nowhere final : public slab_home {
public:
  void take_back(bare_slab returned) noexcept override { home.push_back(std::move(returned)); }

  std::vector<bare_slab> home;
};

struct credit_fixture {
  std::shared_ptr<nowhere> home = std::make_shared<nowhere>();
  reader_credit credit = of({std::nullopt, 2ms});

  /// Slabs and their home own each other, so the end must be said.
  ~credit_fixture() { home->home.clear(); }

  reader_credit of(const credit_settings& settings) const {
    return {"test", {3, octets, 4}, settings, home};
  }
  /// A last actor lets go of `batch`.
  void come_home(reader_credit& to, slab_ref& batch, time_point at) const {
    batch->deliveries.push_back({});
    batch.reset();
    to.take_back({std::move(home->home.back()), at});
    home->home.pop_back();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_credit_, credit_fixture)

BOOST_AUTO_TEST_CASE(every_slab_is_credit_once) {
  std::vector<slab_ref> out;
  for (std::uint64_t serial = 1; serial <= 3; ++serial) {
    BOOST_TEST(credit.is_there());
    BOOST_TEST(credit.next_serial() == serial);
    out.push_back(credit.launch(1000, start));
    BOOST_TEST(out.back()->serial() == serial);
    BOOST_TEST(out.back()->filled_octets() == 1000U);
  }
  BOOST_TEST(!credit.is_there());
  come_home(credit, out[0], start + 1ms);
  BOOST_TEST(credit.is_there());
}

BOOST_AUTO_TEST_CASE(window_stops_before_the_slabs_are_gone) {
  reader_credit narrow = of({limits::credit_window_min, 2ms});
  slab_ref batch = narrow.launch(limits::credit_window_min, start);
  BOOST_TEST(!narrow.is_there());
  BOOST_TEST(narrow.status(start).slabs_out == 1U);
  come_home(narrow, batch, start + 1ms);
  BOOST_TEST(narrow.is_there());
}

BOOST_AUTO_TEST_CASE(status_tells_what_is_out_and_since_when) {
  slab_ref first = credit.launch(1000, start);
  slab_ref second = credit.launch(500, start + 2ms);
  credit_status found = credit.status(start + 5ms);
  BOOST_TEST(found.automatic);
  BOOST_TEST(found.slabs == 3U);
  BOOST_TEST(found.slabs_out == 2U);
  BOOST_TEST(found.out_octets == 1500U);
  BOOST_TEST((found.oldest_out == 5ms));
  come_home(credit, first, start + 6ms);
  found = credit.status(start + 6ms);
  BOOST_TEST(found.out_octets == 500U);
  BOOST_TEST((found.oldest_out == 4ms));
  BOOST_TEST(found.sojourn.total() == 1U);
  BOOST_TEST((found.sojourn.largest() == 6ms));
}

BOOST_AUTO_TEST_CASE(slab_of_which_all_was_dropped_has_no_sojourn) {
  slab_ref batch = credit.launch(1000, start);
  batch.reset();
  credit.take_back({std::move(home->home.back()), start + 9ms});
  const credit_status found = credit.status(start + 9ms);
  BOOST_TEST(found.out_octets == 0U);
  BOOST_TEST(found.slabs_out == 0U);
  BOOST_TEST(found.sojourn.total() == 0U);
}

BOOST_AUTO_TEST_CASE(time_without_credit_counts_from_when_it_was_wanted) {
  std::vector<slab_ref> out;
  while (credit.is_there())
    out.push_back(credit.launch(1000, start));
  BOOST_TEST((credit.status(start + 5ms).starved == 0ms));
  credit.ran_out(start + 10ms);
  credit.ran_out(start + 12ms); // asked again, and still none
  BOOST_TEST((credit.status(start + 15ms).starved == 5ms));
  come_home(credit, out[0], start + 20ms);
  BOOST_TEST((credit.status(start + 90ms).starved == 10ms));
}

BOOST_AUTO_TEST_SUITE_END()
