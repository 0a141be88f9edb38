#include "crypto/session.hpp"

#include "tests/crypto/octets.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::crypto;
using namespace std::chrono_literals;

namespace {

constexpr time_point born = time_point(1h);

secret_key key_of(std::uint8_t octet) {
  byte_array<key_octets> octets;
  octets.fill(octet);
  return secret_key::copy_of(octets);
}

/// Both ends of one session, the first of which began it.
struct session_pair {
  session left{{key_of(1), key_of(2)}, true, 0x11111111, 0x22222222, born};
  session right{{key_of(2), key_of(1)}, false, 0x22222222, 0x11111111, born};
};

octets seal(session& by, const octets& packet) {
  octets datagram(sizeof(wire::data_header) + packet.size() + wire::tag_octets);
  std::copy(packet.begin(), packet.end(), datagram.begin() + sizeof(wire::data_header));
  const aead_job job = by.sealing(datagram.data() + sizeof(wire::data_header), packet.size());
  make_sodium_engine()->seal({&job, 1});
  return datagram;
}

/// The packet, or why there is none.
std::variant<octets, drop_reason> open(session& by, octets datagram, time_point now = born) {
  std::variant<aead_job, drop_reason> result = by.opening(datagram, now);
  if (const drop_reason* reason = std::get_if<drop_reason>(&result))
    return *reason;
  aead_job& job = std::get<aead_job>(result);
  make_sodium_engine()->open({&job, 1});
  if (!job.authentic)
    return drop_reason::decrypt_failed;
  if (!by.accept(job))
    return drop_reason::replayed;
  return octets(job.text, job.text + job.octets);
}

bool refused(const std::variant<octets, drop_reason>& result, drop_reason reason) {
  return result.index() == 1 && std::get<drop_reason>(result) == reason;
}

} // namespace

BOOST_AUTO_TEST_SUITE(session)

BOOST_AUTO_TEST_CASE(what_one_end_seals_the_other_opens) {
  session_pair ends;
  for (const std::size_t length : {0U, 16U, 1420U, 65472U}) {
    const octets packet = counting(length);
    BOOST_TEST((std::get<octets>(open(ends.right, seal(ends.left, packet))) == packet));
    BOOST_TEST((std::get<octets>(open(ends.left, seal(ends.right, packet))) == packet));
  }
}

BOOST_AUTO_TEST_CASE(the_header_names_the_receiver_and_counts_from_zero) {
  session_pair ends;
  BOOST_TEST(crypto::to_hex(seal(ends.left, {})).substr(0, 32) ==
             "04000000222222220000000000000000");
  BOOST_TEST(crypto::to_hex(seal(ends.left, {})).substr(0, 32) ==
             "04000000222222220100000000000000");
}

BOOST_AUTO_TEST_CASE(a_datagram_comes_in_once) {
  session_pair ends;
  const octets datagram = seal(ends.left, counting(32));
  BOOST_TEST(open(ends.right, datagram).index() == 0U);
  BOOST_TEST(refused(open(ends.right, datagram), drop_reason::replayed));
}

BOOST_AUTO_TEST_CASE(a_datagram_comes_in_late_by_the_window_and_no_more) {
  session_pair ends;
  const octets first = seal(ends.left, {});
  const octets second = seal(ends.left, {});
  ends.left.skip_to_counter(8129);
  BOOST_TEST(open(ends.right, seal(ends.left, {})).index() == 0U);
  BOOST_TEST(refused(open(ends.right, first), drop_reason::replayed));
  BOOST_TEST(open(ends.right, second).index() == 0U);
}

BOOST_AUTO_TEST_CASE(a_change_of_any_octet_after_the_index_is_noticed_and_costs_no_counter) {
  session_pair ends;
  const octets datagram = seal(ends.left, counting(32));
  for (std::size_t i = 8; i < datagram.size(); ++i) {
    octets changed = datagram;
    changed[i] ^= 1;
    BOOST_TEST(refused(open(ends.right, changed), drop_reason::decrypt_failed));
  }
  BOOST_TEST(open(ends.right, datagram).index() == 0U);
}

BOOST_AUTO_TEST_CASE(a_forged_counter_does_not_move_the_window) {
  session_pair ends;
  const octets datagram = seal(ends.left, {});
  octets forged = seal(ends.left, {});
  store_le64(&forged[8], 1'000'000);
  BOOST_TEST(refused(open(ends.right, forged), drop_reason::decrypt_failed));
  BOOST_TEST(open(ends.right, datagram).index() == 0U);
}

BOOST_AUTO_TEST_CASE(after_reject_after_time_it_neither_sends_nor_receives) {
  session_pair ends;
  const octets datagram = seal(ends.left, {});
  BOOST_TEST(ends.left.may_send(born + 180s - 1ns));
  BOOST_TEST(!ends.left.may_send(born + 180s));
  BOOST_TEST(refused(open(ends.right, datagram, born + 180s), drop_reason::session_expired));
  BOOST_TEST(open(ends.right, datagram, born + 180s - 1ns).index() == 0U);
}

BOOST_AUTO_TEST_CASE(it_sends_up_to_reject_after_messages) {
  session_pair ends;
  ends.left.skip_to_counter(limits::reject_after_messages - 1);
  BOOST_TEST(ends.left.may_send(born));
  BOOST_TEST(open(ends.right, seal(ends.left, {})).index() == 0U);
  BOOST_TEST(!ends.left.may_send(born));
}

BOOST_AUTO_TEST_CASE(it_receives_up_to_reject_after_messages) {
  session_pair ends;
  octets beyond = seal(ends.left, {});
  store_le64(&beyond[8], limits::reject_after_messages);
  BOOST_TEST(refused(open(ends.right, beyond), drop_reason::session_expired));
  store_le64(&beyond[8], limits::reject_after_messages - 1);
  BOOST_TEST(refused(open(ends.right, beyond), drop_reason::decrypt_failed));
}

BOOST_AUTO_TEST_CASE(the_initiator_renews_by_age_the_responder_does_not) {
  const session_pair ends;
  BOOST_TEST(!ends.left.stale_for_sending(born + 120s - 1ns));
  BOOST_TEST(ends.left.stale_for_sending(born + 120s));
  BOOST_TEST(!ends.right.stale_for_sending(born + 179s));
  BOOST_TEST(!ends.left.stale_for_receiving(born + 165s - 1ns));
  BOOST_TEST(ends.left.stale_for_receiving(born + 165s));
  BOOST_TEST(!ends.right.stale_for_receiving(born + 179s));
}

BOOST_AUTO_TEST_CASE(either_side_renews_by_messages) {
  session_pair ends;
  for (crypto::session* each : {&ends.left, &ends.right}) {
    each->skip_to_counter(limits::rekey_after_messages);
    BOOST_TEST(!each->stale_for_sending(born));
    seal(*each, {});
    BOOST_TEST(each->stale_for_sending(born));
    BOOST_TEST(each->may_send(born));
  }
}

BOOST_AUTO_TEST_CASE(a_retired_session_receives_but_does_not_send) {
  session_pair ends;
  const octets datagram = seal(ends.left, {});
  ends.right.retire();
  BOOST_TEST(!ends.right.may_send(born));
  BOOST_TEST(open(ends.right, datagram).index() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
