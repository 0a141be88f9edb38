#include "messages/interface_name.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(interface_names)

BOOST_AUTO_TEST_CASE(names_are_those_that_wg_quick_takes) {
  for (const char* good : {"wg0", "a", "troupe_0=+.-", "123456789012345", "all0"})
    BOOST_TEST(is_interface_name(good), good);
  for (const char* bad : {"", ".", "..", "a/b", "a b", "a:b", "wg%d", "1234567890123456",
                          "\xc3\xa4", "all", "default", "-f", "-"})
    BOOST_TEST(!is_interface_name(bad), bad);
}

BOOST_AUTO_TEST_SUITE_END()
