#include "actors/resolver.hpp"

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/stand_ins.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

public_key key_number(std::uint8_t number) {
  public_key key;
  key.octets[0] = number;
  return key;
}

struct resolver_fixture : actor_fixture {
  captured_log log;
  std::shared_ptr<admin_record> record = std::make_shared<admin_record>();
  polled<admin_actor> admin{spawn(admin_stand_in, record), std::make_shared<doorbell>()};
  resolver_actor resolves =
      spawn(actors::resolver, resolver_parts{admin, log.open("resolver"), false});

  /// Returns when the C library is done.
  name_answer answer_to(const std::string& host) {
    record->names.clear();
    tell(resolves, std::vector<name_query>{{key_number(1), host, 51820}});
    BOOST_REQUIRE(record->names.size() == 1);
    return record->names.at(0);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(resolver, resolver_fixture)

BOOST_AUTO_TEST_CASE(a_numeric_name_is_its_address) {
  const name_answer answer = answer_to("192.0.2.7");
  BOOST_TEST((answer.found == std::vector{parse_endpoint("192.0.2.7:51820").value()}));
  BOOST_TEST((answer.query.peer == key_number(1)));
  BOOST_TEST(answer.query.host == "192.0.2.7");
}

BOOST_AUTO_TEST_CASE(a_numeric_name_may_be_of_the_other_family) {
  BOOST_TEST((answer_to("2001:db8::7").found ==
              std::vector{parse_endpoint("[2001:db8::7]:51820").value()}));
}

BOOST_AUTO_TEST_CASE(localhost_is_this_host) {
  const name_answer answer = answer_to("localhost");
  BOOST_TEST(answer.error == "");
  BOOST_REQUIRE(!answer.found.empty());
  const std::string found = to_string(answer.found.front());
  BOOST_TEST((found == "127.0.0.1:51820" || found == "[::1]:51820"));
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_exist_says_so) {
  const name_answer answer = answer_to("nosuch.invalid");
  BOOST_TEST(answer.found.empty());
  BOOST_TEST(answer.error != "");
}

BOOST_AUTO_TEST_CASE(all_that_are_asked_for_at_once_are_answered) {
  tell(resolves,
       std::vector<name_query>{{key_number(1), "192.0.2.1", 1}, {key_number(2), "192.0.2.2", 2}});
  BOOST_TEST(record->names.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_second_request_while_the_first_is_under_way_is_answered_too) {
  caf::anon_send(resolves, std::vector<name_query>{{key_number(1), "nosuch.invalid", 1}});
  tell(resolves, std::vector<name_query>{{key_number(2), "192.0.2.2", 2}});
  BOOST_TEST(record->names.size() == 2);
}

BOOST_AUTO_TEST_CASE(nothing_asked_is_nothing_answered) {
  tell(resolves, std::vector<name_query>{});
  BOOST_TEST(record->names.empty());
  BOOST_TEST(!answer_to("192.0.2.7").found.empty());
}

BOOST_AUTO_TEST_CASE(stop_ends_it_in_the_middle_of_a_look_up) {
  caf::anon_send(resolves, std::vector<name_query>{{key_number(1), "nosuch.invalid", 1}});
  tell(resolves, atom::stop_v);
  BOOST_TEST(has_ended(resolves));
}

BOOST_AUTO_TEST_SUITE_END()
