#include "tun/slots.hpp"

#include "messages/limits.hpp"
#include "messages/wire.hpp"

#include "tests/tun/sandbox.hpp"

#include <algorithm>

using namespace troupe;
using tun::slot_filler;

namespace {

constexpr std::uint32_t mtu = 1420;

void put(slot_filler& filler, std::size_t length, std::uint8_t value) {
  BOOST_REQUIRE(filler.has_room());
  const bytes place = filler.next_packet();
  std::fill_n(place.begin(), length, value);
  BOOST_REQUIRE(filler.keep(length));
}

} // namespace

BOOST_AUTO_TEST_SUITE(slots)

BOOST_AUTO_TEST_CASE(slots_lie_back_to_back_with_room_for_header_and_tag) {
  const bare_slab into = test::make_slab(4096);
  slot_filler filler(*into, mtu);
  put(filler, 20, 1);
  put(filler, 32, 2);
  put(filler, 1, 3);
  BOOST_REQUIRE_EQUAL(into->arrivals.size(), 3);
  BOOST_TEST(into->arrivals[0].offset == 16U);
  BOOST_TEST(into->arrivals[0].length == 20U);
  BOOST_TEST(into->arrivals[0].padded_length == 32U);
  BOOST_TEST(into->arrivals[1].offset == 16U + 32 + 16 + 16);
  BOOST_TEST(into->arrivals[1].length == 32U);
  BOOST_TEST(into->arrivals[2].offset == into->arrivals[1].offset + 32 + 16 + 16);
  BOOST_TEST(into->arrivals[2].length == 1U);
}

BOOST_AUTO_TEST_CASE(padding_is_zeroed_where_something_lay_before) {
  const bare_slab into = test::make_slab(4096);
  std::fill(into->memory().begin(), into->memory().end(), std::uint8_t{0xff});
  slot_filler filler(*into, mtu);
  put(filler, 20, 1);
  const bytes padding = into->range(16 + 20, 12);
  BOOST_TEST(std::count(padding.begin(), padding.end(), 0) == 12);
  BOOST_TEST(into->memory()[16 + 32] == 0xff);
}

BOOST_AUTO_TEST_CASE(packet_of_the_mtu_is_kept_and_not_padded_beyond_it) {
  const bare_slab into = test::make_slab(8192);
  slot_filler filler(*into, mtu);
  put(filler, mtu, 1);
  put(filler, mtu - 1, 2);
  put(filler, 1, 3);
  // 1420 is no multiple of 16.
  BOOST_TEST(into->arrivals[1].offset == 16 + mtu + 32);
  BOOST_TEST(into->arrivals[2].offset == 16 + 2 * (mtu + 32));
}

BOOST_AUTO_TEST_CASE(packet_larger_than_the_mtu_is_kept_unpadded_where_it_fits) {
  const bare_slab into = test::make_slab(8192);
  slot_filler filler(*into, 600);
  put(filler, 1001, 1);
  put(filler, 16, 2);
  BOOST_TEST(into->arrivals[0].length == 1001U);
  BOOST_TEST(into->arrivals[0].padded_length == 1001U);
  BOOST_TEST(into->arrivals[1].offset == 16U + 1001 + 32);
}

BOOST_AUTO_TEST_CASE(packet_that_fills_its_place_is_not_kept_and_the_place_used_again) {
  const bare_slab into = test::make_slab(2000);
  slot_filler filler(*into, mtu);
  BOOST_REQUIRE_EQUAL(filler.next_packet().size(), 2000 - 32);
  BOOST_TEST(!filler.keep(filler.next_packet().size()));
  BOOST_TEST(into->arrivals.empty());
  BOOST_TEST(filler.next_packet().data() == into->memory().data() + 16);
  BOOST_TEST(filler.keep(filler.next_packet().size() - 1));
}

BOOST_AUTO_TEST_CASE(packet_above_the_largest_that_can_be_sealed_is_not_kept) {
  const bare_slab into = test::make_slab(limits::transmit_slab_octets);
  slot_filler filler(*into, limits::mtu_max);
  BOOST_TEST(!filler.keep(limits::mtu_max + 1));
  BOOST_TEST(filler.keep(limits::mtu_max));
}

BOOST_AUTO_TEST_CASE(slab_is_full_when_no_packet_of_the_mtu_fits) {
  const bare_slab into = test::make_slab(2 * (mtu + 32) + 1);
  slot_filler filler(*into, mtu);
  put(filler, mtu, 1);
  put(filler, mtu, 2);
  BOOST_TEST(!filler.has_room());
  const arrival& last = into->arrivals.back();
  BOOST_TEST(last.offset + last.length + wire::tag_octets <= into->memory().size());
}

BOOST_AUTO_TEST_CASE(slab_in_which_a_packet_of_the_mtu_would_look_cut_is_full) {
  const bare_slab exact = test::make_slab(mtu + 32);
  BOOST_TEST(!slot_filler(*exact, mtu).has_room());
  const bare_slab enough = test::make_slab(mtu + 32 + 1);
  BOOST_TEST(slot_filler(*enough, mtu).has_room());
}

BOOST_AUTO_TEST_CASE(slab_is_full_when_its_descriptors_are) {
  const bare_slab into = test::make_slab(limits::transmit_slab_octets);
  slot_filler filler(*into, mtu);
  for (std::size_t i = 0; i < limits::packets_per_slab_max; ++i)
    put(filler, 40, 1);
  BOOST_TEST(!filler.has_room());
}

BOOST_AUTO_TEST_CASE(filling_goes_on_behind_what_is_there) {
  const bare_slab into = test::make_slab(8192);
  const bare_slab in_one_go = test::make_slab(8192);
  slot_filler whole(*in_one_go, mtu);
  for (const std::size_t length : {mtu, 20U, 1419U}) {
    slot_filler filler(*into, mtu);
    put(filler, length, 1);
    put(whole, length, 1);
    BOOST_TEST(into->arrivals.back().offset == in_one_go->arrivals.back().offset);
  }
}

BOOST_AUTO_TEST_CASE(room_reserved_stays_reserved_when_the_mtu_changes_within_a_slab) {
  const bare_slab into = test::make_slab(8192);
  slot_filler before(*into, mtu);
  put(before, 1410, 1);
  slot_filler after(*into, 1400);
  put(after, 20, 2);
  BOOST_TEST(into->arrivals[0].padded_length == mtu); // 1424, but for the MTU
  BOOST_TEST(into->arrivals[1].offset == 16U + 1420 + 32);
}

BOOST_AUTO_TEST_SUITE_END()
