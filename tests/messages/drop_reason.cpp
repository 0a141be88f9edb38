#include "messages/drop_reason.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(drop_reason_)

BOOST_AUTO_TEST_CASE(every_reason_has_its_own_name_and_text) {
  std::set<std::string_view> names;
  std::set<std::string_view> texts;
  for (const drop_reason_entry& entry : drop_reasons) {
    BOOST_TEST(!entry.name.empty());
    BOOST_TEST(!entry.text.empty(), entry.name);
    BOOST_TEST(names.insert(entry.name).second, entry.name);
    BOOST_TEST(texts.insert(entry.text).second, entry.text);
    const bool snake_case = std::all_of(entry.name.begin(), entry.name.end(), [](char letter) {
      return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
    });
    BOOST_TEST(snake_case, entry.name);
  }
}

BOOST_AUTO_TEST_CASE(description_is_that_of_the_reason) {
  BOOST_TEST(describe(drop_reason::oversize_packet).name == "oversize_packet");
  BOOST_TEST(describe(drop_reason::replayed).name == "replayed");
  BOOST_TEST(describe(drop_reason::tun_refused).name == "tun_refused");
  BOOST_CHECK(describe(drop_reason::no_peer).where == stage::send);
  BOOST_CHECK(describe(drop_reason::truncated).where == stage::udp_receive);
  BOOST_CHECK(describe(drop_reason::invalid_mac1).where == stage::handshake);
}

BOOST_AUTO_TEST_CASE(counters_count_each_reason_apart) {
  drop_counters counters;
  counters.count(drop_reason::replayed);
  counters.count(drop_reason::replayed, 4);
  counters.count(drop_reason::tun_refused);
  for (std::size_t i = 0; i < drop_reasons.size(); ++i) {
    const drop_reason reason = static_cast<drop_reason>(i);
    const std::uint64_t expected = reason == drop_reason::replayed      ? 5
                                   : reason == drop_reason::tun_refused ? 1
                                                                        : 0;
    BOOST_TEST(counters[reason] == expected, describe(reason).name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
