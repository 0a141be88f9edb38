#include "tools/status_table.hpp"

#include "tools/text_table.hpp"

#include "tests/tools/lines.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

namespace {

using namespace troupe;
using namespace troupe::tools;
using json = nlohmann::ordered_json;

constexpr std::int64_t now = 1'700'000'000;

json interface_alone() {
  return {{"interface",
           {{"name", "t0"},
            {"public_key", "KEY="},
            {"listen_port", 51820},
            {"fwmark", 0},
            {"mtu", 1420},
            {"under_load", false}}},
          {"peers", json::array()},
          {"drops", json::array()},
          {"sockets", json::array()}};
}

json peer(const std::string& name) {
  return {{"name", name},
          {"public_key", "PEER="},
          {"endpoint", "192.0.2.1:51820"},
          {"allowed_ips", {"10.0.0.2/32"}},
          {"latest_handshake", now - 12},
          {"rx_bytes", 2048},
          {"tx_bytes", 100},
          {"persistent_keepalive", 0},
          {"enabled", true}};
}

/// The column, in characters of one column each, where `part` starts in `line`.
std::size_t column_of(const std::string& line, const std::string& part) {
  const std::size_t at = line.find(part);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, "no " << part << " in: " << line);
  return display_width(line.substr(0, at));
}

} // namespace

BOOST_AUTO_TEST_SUITE(status_table)

BOOST_AUTO_TEST_CASE(the_header_names_interface_key_port_and_mtu) {
  const std::string text = tools::status_table(interface_alone(), now);
  BOOST_TEST(lines_of(text).front() == "interface t0  public key KEY=  port 51820  MTU 1420");
  BOOST_TEST(holds(text, "no peers"));
}

BOOST_AUTO_TEST_CASE(fwmark_and_load_are_shown_when_there_are_any) {
  json status = interface_alone();
  status["interface"]["fwmark"] = 0x51;
  status["interface"]["under_load"] = true;
  status["interface"]["public_key"] = nullptr;
  const std::string header = lines_of(tools::status_table(status, now)).front();
  BOOST_TEST(holds(header, "public key (none)"));
  BOOST_TEST(holds(header, "fwmark 0x51"));
  BOOST_TEST(holds(header, "under load"));
}

BOOST_AUTO_TEST_CASE(a_peer_is_one_row_with_all_its_figures) {
  json status = interface_alone();
  status["peers"].push_back(peer("laptop"));
  const std::vector<std::string> lines = lines_of(tools::status_table(status, now));
  BOOST_TEST(lines.at(3) == "laptop  192.0.2.1:51820   12 s ago   2.0 KiB  100 B  10.0.0.2/32");
  BOOST_TEST(lines.size() == 4);
}

BOOST_AUTO_TEST_CASE(what_the_data_path_uses_is_shown_with_the_reasons) {
  json status = interface_alone();
  status["interface"]["aead"] = "ipsec-mb: as configured";
  status["interface"]["cpu"] = "CPU 1: as configured";
  status["offloads"] = {{{"actor", "tun-writer/0"}, {"state", "off: switched off by tun.offload"}}};
  const std::vector<std::string> lines = lines_of(tools::status_table(status, now));
  BOOST_REQUIRE(lines.size() == 8U);
  BOOST_TEST(lines[4] == "ACTOR         USES     STATE");
  BOOST_TEST(lines[5] == "tunnel        AEAD     ipsec-mb: as configured");
  BOOST_TEST(lines[6] == "tunnel        CPU      CPU 1: as configured");
  BOOST_TEST(lines[7] == "tun-writer/0  offload  off: switched off by tun.offload");
}

BOOST_AUTO_TEST_CASE(columns_stand_below_each_other_whatever_the_names) {
  json status = interface_alone();
  for (const char* name :
       {"a", "čtyřicet-čtyři", "東京", "xTIBA5rb…", "a name that is fairly long"})
    status["peers"].push_back(peer(name));
  const std::vector<std::string> lines = lines_of(tools::status_table(status, now));
  BOOST_REQUIRE(lines.size() == 8);
  const std::size_t wanted = column_of(lines[2], "ENDPOINT");
  for (std::size_t i = 3; i < lines.size(); ++i)
    BOOST_TEST(column_of(lines[i], "192.0.2.1") == wanted, lines[i]);
}

BOOST_AUTO_TEST_CASE(a_silent_disabled_peer_shows_as_such) {
  json status = interface_alone();
  status["peers"].push_back(peer("phone"));
  status["peers"][0]["state"] = "disabled";
  status["peers"][0]["endpoint"] = nullptr;
  status["peers"][0]["latest_handshake"] = 0;
  status["peers"][0]["allowed_ips"] = json::array();
  const std::string row = lines_of(tools::status_table(status, now)).at(3);
  BOOST_TEST(holds(row, "phone (disabled)"));
  BOOST_TEST(holds(row, "never"));
  BOOST_TEST(column_of(row, "(none)") < row.rfind("(none)"));
}

BOOST_AUTO_TEST_CASE(many_allowed_ips_are_cut_and_counted) {
  json status = interface_alone();
  status["peers"].push_back(peer("router"));
  for (int i = 0; i < 1000; ++i)
    status["peers"][0]["allowed_ips"].push_back("10.1.0." + std::to_string(i) + "/32");
  const std::string row = lines_of(tools::status_table(status, now)).at(3);
  BOOST_TEST(holds(row, "10.1.0.6/32 and 993 more"));
  BOOST_TEST(!holds(row, "10.1.0.7/32"));
}

BOOST_AUTO_TEST_CASE(drops_are_shown_with_their_meaning_only_when_there_are_any) {
  json status = interface_alone();
  BOOST_TEST(!holds(tools::status_table(status, now), "DROPPED"));
  status["drops"].push_back({{"stage", "send"},
                             {"actor", "tunnel"},
                             {"reason", "no_peer"},
                             {"count", 7},
                             {"text", "no peer's allowed_ips hold the destination"}});
  status["sockets"].push_back({{"name", "udp-receiver/v4"}, {"kernel_drops", 3}});
  const std::vector<std::string> lines = lines_of(tools::status_table(status, now));
  BOOST_REQUIRE(lines.size() == 7);
  BOOST_TEST(holds(lines[4], "DROPPED AT"));
  BOOST_TEST(holds(lines[5], "no_peer      7  no peer's allowed_ips hold the destination"));
  BOOST_TEST(holds(lines[6], "udp-receiver/v4"));
  BOOST_TEST(holds(lines[6], "3  the socket's receive buffer was full"));
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_shape_is_refused) {
  BOOST_CHECK_THROW(tools::status_table(json::array(), now), json::exception);
  json status = interface_alone();
  status["interface"]["mtu"] = "large";
  BOOST_CHECK_THROW(tools::status_table(status, now), json::exception);
}

BOOST_AUTO_TEST_CASE(times_read_as_people_say_them) {
  BOOST_TEST(time_ago(0, now) == "never");
  BOOST_TEST(time_ago(now, now) == "0 s ago");
  BOOST_TEST(time_ago(now - 59, now) == "59 s ago");
  BOOST_TEST(time_ago(now - 125, now) == "2 min 5 s ago");
  BOOST_TEST(time_ago(now - 3600, now) == "1 h 0 min ago");
  BOOST_TEST(time_ago(now - 86399, now) == "23 h 59 min ago");
  BOOST_TEST(time_ago(now - 2 * 86400 - 4 * 3600, now) == "2 d 4 h ago");
  BOOST_TEST(time_ago(now + 5, now) == "in the future");
}

BOOST_AUTO_TEST_CASE(octets_read_in_the_largest_unit_that_fits) {
  BOOST_TEST(human_octets(0) == "0 B");
  BOOST_TEST(human_octets(1023) == "1023 B");
  BOOST_TEST(human_octets(1024) == "1.0 KiB");
  BOOST_TEST(human_octets(1536) == "1.5 KiB");
  BOOST_TEST(human_octets(1024 * 1024 - 1) == "1.0 MiB");
  BOOST_TEST(human_octets(std::uint64_t{5} << 30) == "5.0 GiB");
  BOOST_TEST(human_octets(~std::uint64_t{0}) == "16.0 EiB");
}

BOOST_AUTO_TEST_CASE(width_counts_columns_not_octets) {
  BOOST_TEST(display_width("abc") == 3);
  BOOST_TEST(display_width("č…") == 2);
  BOOST_TEST(display_width("東京") == 4);
  BOOST_TEST(display_width("e\u0301") == 1);
  BOOST_TEST(display_width("\xff\xfe") == 2);
}

BOOST_AUTO_TEST_SUITE_END()
