#include "conf/instant.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace troupe::conf;

BOOST_AUTO_TEST_SUITE(instant)

BOOST_AUTO_TEST_CASE(a_moment_is_read_and_written_in_utc) {
  for (const auto& [given, written] : {
           std::pair("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
           std::pair("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
           std::pair("2027-01-01 00:00:00z", "2027-01-01T00:00:00Z"),
           std::pair("2028-02-29T23:30:59.999+00:31", "2028-02-29T22:59:59Z"),
           std::pair("2027-12-31T23:30:00-01:00", "2028-01-01T00:30:00Z"),
           std::pair("9998-12-31T23:59:59Z", "9998-12-31T23:59:59Z"),
       }) {
    const auto read = parse_instant(given);
    BOOST_REQUIRE_MESSAGE(read, given);
    BOOST_TEST(to_text(*read) == written);
    BOOST_TEST(expiry_fault(read) == "");
  }
  BOOST_TEST(parse_instant("2027-01-01T00:00:00Z")->time_since_epoch().count() == 1'798'761'600);
}

BOOST_AUTO_TEST_CASE(what_is_no_moment_is_none) {
  for (const char* const wrong :
       {"", "never", "2027-01-01", "2027-01-01T00:00:00", "2027-02-29T00:00:00Z",
        "2027-01-01T24:00:00Z", "\"2027-01-01T00:00:00Z\"", "2027-01-01T00:00:00Z\na = 1",
        "{a = 2027-01-01T00:00:00Z}", "[2027-01-01T00:00:00Z]", "1798761600"})
    BOOST_TEST(!parse_instant(wrong).has_value(), wrong);
}

BOOST_AUTO_TEST_CASE(a_date_that_cannot_be_written_again_is_a_fault) {
  for (const char* const wrong : {"1969-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"})
    BOOST_TEST(expiry_fault(parse_instant(wrong)).find("from 1970 to 9998") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
