#include "actors/rpc.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;

namespace {

int error_code(const std::string& line) {
  const auto parsed = parse_rpc(line);
  return nlohmann::json::parse(std::get<std::string>(parsed))["error"]["code"];
}

rpc_call parsed(const std::string& line) {
  return std::get<rpc_call>(parse_rpc(line));
}

} // namespace

BOOST_AUTO_TEST_SUITE(rpc)

BOOST_AUTO_TEST_CASE(a_call_has_id_method_and_parameters) {
  const auto parsed =
      parse_rpc(R"({"method":"apply","jsonrpc":"2.0","id":"x","params":{"dry_run":true}})");
  const rpc_call& call = std::get<rpc_call>(parsed);
  BOOST_TEST(call.id == "\"x\"");
  BOOST_TEST(call.method == "apply");
  BOOST_TEST(call.params["dry_run"] == true);
  BOOST_TEST(std::get<rpc_call>(parse_rpc(R"({"method":"m","jsonrpc":"2.0"})")).id.empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_call_is_answered_as_the_specification_says) {
  BOOST_TEST(error_code("{") == -32700);
  BOOST_TEST(error_code("[]") == -32600);
  BOOST_TEST(error_code(R"({"jsonrpc":"1.0","id":1,"method":"m"})") == -32600);
  BOOST_TEST(error_code(R"({"jsonrpc":"2.0","id":[],"method":"m"})") == -32600);
  BOOST_TEST(error_code(R"({"jsonrpc":"2.0","id":1,"method":"m","params":[]})") == -32602);
}

BOOST_AUTO_TEST_CASE(only_a_request_with_files_may_be_long) {
  BOOST_TEST(may_be_long(R"({"method":"apply","jsonrpc")"));
  BOOST_TEST(may_be_long(R"({"jsonrpc": "2.0", "method" : "diff")"));
  BOOST_TEST(!may_be_long(R"({"method":"status","jsonrpc")"));
  BOOST_TEST(!may_be_long(R"({"method":"appl)"));
  BOOST_TEST(!may_be_long(R"({"params":{"text":"apply"})"));
  BOOST_TEST(!may_be_long(R"({"method")"));
  BOOST_TEST(!may_be_long(""));
}

BOOST_AUTO_TEST_CASE(no_method_is_listed_twice) {
  for (const rpc_method& each : rpc_methods())
    BOOST_TEST(find_rpc_method(each.name) == &each);
  BOOST_TEST(find_rpc_method("none") == nullptr);
}

BOOST_AUTO_TEST_CASE(what_is_nested_deep_is_refused_at_any_depth) {
  for (const std::size_t depth : {20U, 1'000'000U}) {
    const std::string inner = std::string(depth, '[') + std::string(depth, ']');
    BOOST_TEST(error_code(R"({"jsonrpc":"2.0","method":"status","id":)" + inner + "}") == -32700);
    BOOST_TEST(error_code(R"({"jsonrpc":"2.0","id":1,"method":"apply","params":{"dry_run":)" +
                          inner + "}}") == -32700);
  }
}

BOOST_AUTO_TEST_CASE(of_too_many_parts_is_refused_before_they_cost_anything) {
  const std::string begin = R"({"jsonrpc":"2.0","id":1,"method":"diff","params":{"files":[)";
  for (const std::string part : {"0", "{}", "[[]]", "\"\"", R"({"a":1})", R"("\"")", R"("\\")"}) {
    std::string all = part;
    while (all.size() < limits::json_parts_max * (part.size() + 1))
      all += "," + part;
    BOOST_TEST(error_code(begin + all + "]}}") == -32700, part);
  }
  const std::string signs(limits::json_parts_max, ',');
  BOOST_TEST(parsed(begin + '"' + signs + R"(\")" + signs + "\"]}}").method == "diff");
}

BOOST_AUTO_TEST_CASE(of_too_many_keys_is_refused) {
  const auto with_keys = [](std::size_t number) {
    std::string keys;
    for (std::size_t i = 0; i < number; ++i)
      keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":[1,2,3]";
    return R"({"jsonrpc":"2.0","id":1,"method":"apply","params":{)" + keys + "}}";
  };
  BOOST_TEST(parsed(with_keys(limits::json_keys_max)).params.size() == limits::json_keys_max);
  BOOST_TEST(error_code(with_keys(limits::json_keys_max + 1)) == -32700);
}

BOOST_AUTO_TEST_CASE(a_parameter_that_there_is_not_is_an_error) {
  const rpc_method& apply = *find_rpc_method("apply");
  BOOST_TEST(!judge_parameters(apply, {{"files", 1}, {"dry_run", true}}));
  const std::optional<rpc_failure> failure = judge_parameters(apply, {{"dryrun", true}});
  BOOST_REQUIRE(failure.has_value());
  BOOST_TEST((failure->code == rpc_code::invalid_params));
  BOOST_TEST(failure->text == "apply has no parameter called `dryrun`; did you mean `dry_run`?");
  BOOST_TEST(judge_parameters(*find_rpc_method("status"), {{"x", 1}})->text ==
             "status has no parameter called `x`");
  BOOST_TEST(judge_parameters(*find_rpc_method("peer.enable"), {{"peer", "a"}, {"name", "b"}})
                 .has_value());
}

BOOST_AUTO_TEST_SUITE_END()
