#include "actors/handshaker.hpp"

#include "crypto/handshake_job.hpp"
#include "tests/actors/actor_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>

using namespace troupe;
using namespace troupe::actors;

namespace {

secret_key secret_number(std::uint8_t number) {
  return secret_key::make(
      [&](std::span<std::uint8_t, key_octets> out) { std::fill(out.begin(), out.end(), number); });
}

/// What asks a HANDSHAKER, as TUNNEL does: by a plain send, whose answer is a message like any.
using asker_actor =
    caf::typed_actor<caf::reacts_to<handshake_batch>, caf::reacts_to<handshakes_done>>;

asker_actor::behavior_type asker(asker_actor::pointer self, handshaker_actor worker,
                                 std::shared_ptr<std::vector<handshakes_done>> answers) {
  return {
      [=](handshake_batch& batch) { self->send(worker, std::move(batch)); },
      [=](handshakes_done& done) { answers->push_back(std::move(done)); },
  };
}

struct handshaker_fixture : actor_fixture {
  captured_log log;
  handshaker_actor worker = spawn(handshaker, log.open("handshaker"));
  std::shared_ptr<std::vector<handshakes_done>> answers =
      std::make_shared<std::vector<handshakes_done>>();
  asker_actor asks = spawn(asker, worker, answers);

  static std::shared_ptr<crypto::handshake_job> job(std::uint64_t attempt) {
    crypto::initiate_work work;
    work.ephemeral = secret_number(9);
    work.theirs = crypto::derive_public(secret_number(2));
    return std::make_shared<crypto::handshake_job>(crypto::handshake_job{
        crypto::identity::of(secret_number(1)), peer_id{4}, attempt, std::move(work)});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(handshaker, handshaker_fixture)

BOOST_AUTO_TEST_CASE(a_batch_comes_back_done_the_same_and_in_order) {
  const std::shared_ptr<crypto::handshake_job> first = job(1);
  const std::shared_ptr<crypto::handshake_job> second = job(2);
  tell(asks, handshake_batch{{first, second}});
  BOOST_TEST(answers->size() == 1);
  BOOST_TEST((answers->at(0).jobs == std::vector{first, second}));
  for (const std::shared_ptr<crypto::handshake_job>& each : answers->at(0).jobs)
    BOOST_TEST(std::get<crypto::initiate_work>(each->work).created.has_value());
  BOOST_TEST((first->peer == peer_id{4}));
  BOOST_TEST(first->attempt == 1);
}

BOOST_AUTO_TEST_CASE(an_empty_batch_is_answered_too) {
  tell(asks, handshake_batch{});
  BOOST_TEST(answers->size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
