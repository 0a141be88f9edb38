#include "crypto/originator.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iterator>
#include <memory>

using namespace troupe;
using namespace troupe::crypto;

namespace {

constexpr std::size_t slab_octets = 1000;
constexpr std::size_t descriptors = 4;

class kept_home : public slab_home {
public:
  void take_back(bare_slab back) noexcept override {
    if (!closed)
      returned.push_back(std::move(back));
  }

  std::vector<bare_slab> returned;
  bool closed = false;
};

struct reserve_of {
  explicit reserve_of(std::size_t slabs) : origin(stock(slabs)) {}
  reserve_of(const reserve_of&) = delete;
  reserve_of& operator=(const reserve_of&) = delete;
  /// Slabs and their home own each other, so the end must be said.
  ~reserve_of() {
    out.clear();
    home->closed = true;
    home->returned.clear();
  }

  std::vector<bare_slab> stock(std::size_t slabs) const {
    std::vector<bare_slab> made;
    for (std::size_t i = 0; i < slabs; ++i)
      made.push_back(slab::make("test", slab_octets, descriptors, home));
    return made;
  }
  /// Takes room and describes it; false when there is none.
  bool take(std::uint32_t octets, bool patient = false) {
    const originator::room room = origin.reserve(octets, moment{});
    if (!room)
      return false;
    room.in->transmits.push_back({room.offset, octets, octets, 0, 0, peer_id::none, {}, {}});
    origin.commit(octets, patient);
    return true;
  }

  /// Keeps what is launched, as behind a blocked socket.
  void end_turn() {
    std::vector<slab_ref>& launched = origin.finish_turn({});
    std::move(launched.begin(), launched.end(), std::back_inserter(out));
    launched.clear();
  }

  std::shared_ptr<kept_home> home = std::make_shared<kept_home>();
  originator origin;
  std::vector<slab_ref> out;
};

} // namespace

BOOST_AUTO_TEST_SUITE(originator)

BOOST_AUTO_TEST_CASE(a_turn_that_sends_nothing_launches_nothing) {
  reserve_of one(1);
  BOOST_TEST(one.origin.finish_turn({}).empty());
  BOOST_TEST(static_cast<bool>(one.origin.reserve(10, moment{}))); // and not committed
  BOOST_TEST(one.origin.finish_turn({}).empty());
}

BOOST_AUTO_TEST_CASE(pieces_of_a_turn_lie_back_to_back_in_one_slab) {
  reserve_of one(1);
  BOOST_TEST(one.take(100));
  BOOST_TEST(one.take(200));
  std::vector<slab_ref>& launched = one.origin.finish_turn({});
  BOOST_REQUIRE(launched.size() == 1U);
  BOOST_REQUIRE(launched[0]->transmits.size() == 2U);
  BOOST_TEST(launched[0]->transmits[1].offset == 100U);
}

BOOST_AUTO_TEST_CASE(a_full_slab_is_followed_by_the_next_in_order) {
  reserve_of two(2);
  BOOST_TEST(two.take(600));
  BOOST_TEST(two.take(600));
  std::vector<slab_ref>& launched = two.origin.finish_turn({});
  BOOST_REQUIRE(launched.size() == 2U);
  BOOST_TEST(launched[0]->serial() < launched[1]->serial());
}

BOOST_AUTO_TEST_CASE(a_slab_without_descriptors_is_full) {
  reserve_of two(2);
  for (std::size_t i = 0; i <= descriptors; ++i)
    BOOST_TEST(two.take(10));
  std::vector<slab_ref>& launched = two.origin.finish_turn({});
  BOOST_REQUIRE(launched.size() == 2U);
  BOOST_TEST(launched[0]->transmits.size() == descriptors);
}

BOOST_AUTO_TEST_CASE(without_slabs_there_is_no_room_until_one_comes_home) {
  reserve_of one(1);
  BOOST_TEST(one.take(1000));
  BOOST_TEST(!one.take(1));
  one.origin.finish_turn({}).clear();
  BOOST_TEST(!one.take(1));
  BOOST_REQUIRE(one.home->returned.size() == 1U);
  one.origin.take_back(std::move(one.home->returned[0]));
  BOOST_TEST(one.take(1000));
}

BOOST_AUTO_TEST_CASE(while_most_of_the_reserve_is_out_what_is_patient_is_put_together) {
  reserve_of four(4);
  for (int turn = 0; turn < 3; ++turn) {
    BOOST_TEST(four.take(10, true));
    four.end_turn();
  }
  BOOST_TEST(four.out.size() == 3U);
  for (int turn = 0; turn < 3; ++turn) { // into the last one
    BOOST_TEST(four.take(10, true));
    four.end_turn();
  }
  BOOST_TEST(four.out.size() == 3U);
  four.out.pop_back(); // one comes home
  four.origin.take_back(std::move(four.home->returned.back()));
  four.home->returned.pop_back();
  four.end_turn();
  BOOST_REQUIRE(four.out.size() == 3U);
  BOOST_TEST(four.out.back()->transmits.size() == 3U);
}

BOOST_AUTO_TEST_CASE(what_has_an_order_to_keep_leaves_at_once_and_takes_the_patient_along) {
  reserve_of four(4);
  for (int turn = 0; turn < 3; ++turn) {
    BOOST_TEST(four.take(10));
    four.end_turn();
  }
  BOOST_TEST(four.take(10, true));
  four.end_turn();
  BOOST_TEST(four.out.size() == 3U);
  BOOST_TEST(four.take(10));
  four.end_turn();
  BOOST_REQUIRE(four.out.size() == 4U);
  BOOST_TEST(four.out.back()->transmits.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
