#include "actors/rule_keeper.hpp"

#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/temporary_folder.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::actors;
using outcome = tun::link_change::outcome;

namespace {

constexpr tun::link_rule of_main{ip_family::v4, 0};
constexpr tun::link_rule of_mark{ip_family::v4, 51820};

std::string printed(const std::string& command) {
  std::FILE* const pipe = ::popen(command.c_str(), "re");
  BOOST_REQUIRE(pipe != nullptr);
  std::string text(1 << 16, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), pipe));
  ::pclose(pipe);
  return text;
}

std::string kernel() {
  return printed("ip -4 rule show; ip -6 rule show; "
                 "cat /proc/sys/net/ipv4/conf/all/src_valid_mark");
}

struct keeper_fixture {
  udp::own_network network;
  temporary_folder folder;
  captured_log log;
  std::string own = folder.at("lib/troupe0");
  std::string before = kernel();
  rule_keeper keeper{own, "troupe0", log.open("admin")};

  [[nodiscard]] std::vector<std::string> records() const {
    std::vector<std::string> found;
    if (std::filesystem::exists(own))
      for (const auto& each : std::filesystem::directory_iterator(own))
        found.push_back(each.path());
    return found;
  }
  void add_all() {
    for (const ip_family family : {ip_family::v4, ip_family::v6})
      for (const std::uint32_t mark : {0U, 51820U})
        BOOST_TEST((keeper.add({family, mark}).result == outcome::made));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rule_keeper_of_rules, keeper_fixture)

BOOST_AUTO_TEST_CASE(what_is_added_and_removed_again_leaves_nothing) {
  add_all();
  BOOST_TEST(records().size() == 1U);
  BOOST_TEST(printed("cat /proc/sys/net/ipv4/conf/all/src_valid_mark") == "1\n");
  BOOST_TEST((keeper.add(of_mark).result == outcome::already_so));
  for (const ip_family family : {ip_family::v6, ip_family::v4})
    for (const std::uint32_t mark : {51820U, 0U})
      BOOST_TEST((keeper.remove({family, mark}).result == outcome::made));
  BOOST_TEST((keeper.remove(of_mark).result == outcome::already_so));
  BOOST_TEST(kernel() == before);
  BOOST_TEST(!std::filesystem::exists(own));
}

BOOST_AUTO_TEST_CASE(the_main_tables_rule_stands_before_the_marks_and_both_before_others) {
  udp::run("ip rule add priority 50 from 10.0.0.1 table main");
  add_all();
  const std::string shown = printed("ip -4 rule show");
  BOOST_TEST(shown.find("48:\tfrom all lookup main suppress_prefixlength 0") != std::string::npos,
             shown);
  BOOST_TEST(shown.find("49:\tnot from all fwmark 0xca6c lookup 51820") != std::string::npos,
             shown);
  BOOST_TEST((keeper.remove(of_mark).result == outcome::made));
  BOOST_TEST((keeper.add({ip_family::v4, 7}).result == outcome::made));
  BOOST_TEST(printed("ip -4 rule show").find("49:\tnot from all fwmark 0x7 lookup 7") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_room_before_all_others_a_rule_is_refused) {
  udp::run("ip rule add priority 2 from 10.0.0.1 table main");
  BOOST_TEST(keeper.add(of_main).refused());
  BOOST_TEST(records().empty());
}

BOOST_AUTO_TEST_CASE(what_a_killed_daemon_left_is_taken_back_once) {
  add_all();
  const rules_taken_back taken = take_back_rules(own);
  BOOST_TEST(taken.rules == 4U);
  BOOST_TEST(taken.remains.empty());
  BOOST_TEST(kernel() == before);
  BOOST_TEST(!std::filesystem::exists(own));
  BOOST_TEST(take_back_rules(own).rules == 0U);
}

BOOST_AUTO_TEST_CASE(a_setting_that_was_there_before_stays) {
  udp::run("echo 1 > /proc/sys/net/ipv4/conf/all/src_valid_mark");
  const std::string as_it_was = kernel();
  add_all();
  BOOST_TEST(take_back_rules(own).remains.empty());
  BOOST_TEST(kernel() == as_it_was);
}

BOOST_AUTO_TEST_CASE(of_two_interfaces_the_last_one_sets_the_setting_back) {
  const auto setting = [] { return printed("cat /proc/sys/net/ipv4/conf/all/src_valid_mark"); };
  const std::string others = folder.at("lib/troupe1");
  udp::run("ip link add troupe0 type veth peer name troupe1");
  for (const bool own_ends_first : {true, false}) {
    rule_keeper other(others, "troupe1", log.open("admin"));
    rule_keeper first(own, "troupe0", log.open("admin"));
    BOOST_TEST((first.add({ip_family::v4, 51820}).result == outcome::made));
    BOOST_TEST((other.add({ip_family::v4, 51821}).result == outcome::made));
    BOOST_TEST(take_back_rules(own_ends_first ? own : others).remains.empty());
    BOOST_TEST(setting() == "1\n");
    if (own_ends_first)
      BOOST_TEST((other.remove({ip_family::v4, 51821}).result == outcome::made));
    else
      BOOST_TEST((first.remove({ip_family::v4, 51820}).result == outcome::made));
    BOOST_TEST(kernel() == before);
  }
}

BOOST_AUTO_TEST_CASE(what_an_interface_that_is_gone_has_left_keeps_no_setting) {
  rule_keeper gone(folder.at("lib/troupe1"), "troupe1", log.open("admin"));
  BOOST_TEST((gone.add({ip_family::v4, 51821}).result == outcome::made));
  add_all();
  BOOST_TEST(take_back_rules(own).remains.empty());
  BOOST_TEST(printed("cat /proc/sys/net/ipv4/conf/all/src_valid_mark") == "0\n");
}

BOOST_AUTO_TEST_CASE(rules_of_another_namespace_are_left_alone_and_stay_on_record) {
  add_all();
  {
    const udp::own_network elsewhere;
    BOOST_TEST(take_back_rules(own).rules == 0U);
    rule_keeper there(own, "troupe0", log.open("admin"));
    BOOST_TEST((there.add(of_mark).result == outcome::made));
    BOOST_TEST(records().size() == 2U);
    BOOST_TEST(take_back_rules(own).rules == 1U);
  }
  const rules_taken_back taken = take_back_rules(own);
  BOOST_TEST(taken.rules == 4U);
  BOOST_TEST(taken.remains.empty());
  BOOST_TEST(kernel() == before);
}

BOOST_AUTO_TEST_CASE(a_broken_record_is_told_and_nothing_is_done) {
  add_all();
  const std::string record = records().at(0);
  BOOST_TEST(take_back_rules(own).remains.empty());
  std::filesystem::create_directories(own);
  for (const char* const text : {"", "{", "[]", "{\"rules\": 1}"}) {
    std::ofstream(record) << text;
    const rules_taken_back taken = take_back_rules(own);
    BOOST_REQUIRE(taken.remains.size() == 1U);
    BOOST_TEST(kernel() == before);
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_kept_on_disk_is_not_set) {
  std::ofstream(folder.at("lib")) << "a file";
  const tun::link_change refused = keeper.add(of_main);
  BOOST_TEST(refused.refused());
  BOOST_TEST(refused.text.find("killed daemon") != std::string::npos, refused.text);
  BOOST_TEST(kernel() == before);
}

BOOST_AUTO_TEST_CASE(strict_interfaces_are_warned_of_with_the_cure) {
  udp::run("ip link add tOther type veth peer name tPeer && "
           "echo 1 > /proc/sys/net/ipv4/conf/tOther/rp_filter");
  add_all();
  BOOST_TEST(log.count("sysctl -w net.ipv4.conf.tOther.rp_filter=2") == 1U);
  BOOST_TEST(!log.has("tPeer"));
}

BOOST_AUTO_TEST_SUITE_END()
