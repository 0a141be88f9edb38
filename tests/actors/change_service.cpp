#include "actors/change_service.hpp"

#include "conf/toml.hpp"
#include "conf/toml_text.hpp"
#include "crypto/noise.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/actors/fake_link.hpp"
#include "tests/actors/sample_config.hpp"
#include "tests/udp/own_network.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;
using json = nlohmann::ordered_json;

namespace {

/// A file in memory.
struct fake_store final : config_store {
  [[nodiscard]] const std::string& path() const override { return name; }
  [[nodiscard]] std::variant<conf::config, std::vector<conf::config_error>> read() const override {
    const auto no_key = [](const std::string&) { return conf::key_unreadable{"none"}; };
    const auto drop_ins = [this](const std::string&) { return conf::drop_in_files{others, {}}; };
    return conf::parse_config({name, text}, drop_ins, no_key, crypto::derive_public);
  }
  void write(const std::string& fresh) override { text = fresh; }

  std::string name = "/etc/troupe/troupe0.toml";
  std::string text = conf::to_toml(sample_config(), conf::keys::shown);
  std::vector<conf::source_file> others;
};

std::string base64(const secret_key& key) {
  std::string text;
  append_secret_base64(text, key);
  return text;
}

struct service_fixture {
  udp::own_network network;
  captured_log log;
  std::shared_ptr<fake_link> link = std::make_shared<fake_link>();
  std::shared_ptr<running_configuration> running = std::make_shared<running_configuration>(
      sample_config(), udp::socket_pair::open(0, {}), link, log.open("admin"));
  std::shared_ptr<fake_store> store = std::make_shared<fake_store>();
  recording_target target;
  change_desk desk{running, std::nullopt, log.open("admin")};
  change_service service{running, desk, store};
  requester root{0, 7, true};
  requester member{1000, 8, true};
  moment now{time_point{} + 1h, wall_time{} + 1000h};

  change_service::answer ask(const std::string& method, json params, const requester& who) {
    rpc_call call{"1", method, std::move(params)};
    return service.carry_out(call, who, now, target);
  }
  json done(const std::string& method, json params = json::object()) {
    const change_service::answer answer = ask(method, std::move(params), root);
    if (const rpc_failure* const failure = std::get_if<rpc_failure>(&answer))
      BOOST_FAIL(method + ": " + failure->text);
    return std::get<json>(answer);
  }
  rpc_failure refused(const std::string& method, json params = json::object()) {
    return std::get<rpc_failure>(ask(method, std::move(params), root));
  }
  static json files(const std::string& text, json keys = json::array()) {
    return {{"files", {{{"path", "t.toml"}, {"text", text}}}}, {"key_files", std::move(keys)}};
  }
  /// What runs, with another MTU.
  [[nodiscard]] std::string other_text() const {
    conf::config other = running->config();
    other.interface.mtu = 1300;
    return conf::to_toml(other, conf::keys::shown);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(change_service_, service_fixture)

BOOST_AUTO_TEST_CASE(only_root_changes_the_commands) {
  conf::config with_hook = running->config();
  with_hook.interface.commands.post_up = {"ip rule show"};
  const std::string text = conf::to_toml(with_hook, conf::keys::shown);
  const change_service::answer answer = ask("apply", files(text), member);
  BOOST_REQUIRE(std::holds_alternative<rpc_failure>(answer));
  BOOST_TEST((std::get<rpc_failure>(answer).code == rpc_code::not_allowed));
  BOOST_TEST(running->hooks()->now().post_up.empty());
  BOOST_TEST(done("apply", files(text))["summary"] == "interface.post_up");
  BOOST_TEST(running->hooks()->now().post_up.size() == 1U);
  // Those that run already are anybody's to repeat.
  conf::config with_port = with_hook;
  with_port.interface.fwmark = 7;
  const std::string repeated = conf::to_toml(with_port, conf::keys::shown);
  BOOST_TEST(std::holds_alternative<json>(ask("apply", files(repeated), member)));
}

BOOST_AUTO_TEST_CASE(a_file_is_compared_and_applied) {
  const json difference = done("diff", files(other_text()));
  BOOST_TEST(difference["summary"] == "interface.mtu");
  BOOST_TEST(difference["changes"][0]["text"] == "~ interface: mtu 1420 -> 1300");
  BOOST_TEST(difference["changes"][0]["before"] == "1420");
  BOOST_TEST(target.untouched());
  json dry = files(other_text());
  dry["dry_run"] = true;
  BOOST_TEST(done("apply", dry)["summary"] == "interface.mtu");
  BOOST_TEST(target.untouched());

  BOOST_TEST(done("apply", files(other_text()))["summary"] == "interface.mtu");
  BOOST_TEST(link->mtu == 1300U);
  BOOST_TEST(running->config().interface.mtu == 1300U);
  BOOST_TEST(done("diff", files(other_text()))["summary"] == "nothing");
}

BOOST_AUTO_TEST_CASE(errors_of_a_file_name_their_places) {
  const rpc_failure failure =
      refused("apply", files(other_text() + "[tum]\n[[peer]]\nname = \"x\"\n"));
  BOOST_TEST((failure.code == rpc_code::refused));
  BOOST_TEST(failure.text.find("t.toml:") == 0);
  BOOST_TEST(failure.text.find("did you mean `tun`") != std::string::npos);
  BOOST_TEST(failure.text.find("no `public_key`") != std::string::npos);
  BOOST_TEST((refused("apply").code == rpc_code::invalid_params));
  BOOST_TEST((refused("apply", {{"files", 7}}).code == rpc_code::invalid_params));
  BOOST_TEST((refused("apply", {{"files", {1}}}).code == rpc_code::invalid_params));
  BOOST_TEST((refused("apply", {{"files", json::array()}}).code == rpc_code::invalid_params));
  json long_path = files(other_text());
  long_path["files"][0]["path"] = std::string(limits::request_path_octets_max + 1, 'a');
  BOOST_TEST((refused("apply", long_path).code == rpc_code::invalid_params));
  BOOST_TEST(target.untouched());
}

BOOST_AUTO_TEST_CASE(drop_ins_and_key_files_come_with_the_request) {
  json params = files("[interface]\nname = \"troupe0\"\nprivate_key_file = \"own.key\"\n",
                      {{{"path", "own.key"},
                        {"text", base64(sample_secret(1))},
                        {"absolute", "/etc/troupe/own.key"}}});
  params["files"].push_back({{"path", "d/a.toml"},
                             {"text", "[[peer]]\nname = \"tablet\"\npublic_key = \"" +
                                          to_base64(sample_key(7)) + "\"\n"}});
  BOOST_TEST(done("apply", params)["summary"] ==
             "1 peer added, 2 peers removed; interface.private_key, interface.private_key_file");
  BOOST_TEST(running->config().interface.private_key_file == "/etc/troupe/own.key");
  BOOST_TEST(running->config().peers.at(0).settings.name == "tablet");
  const std::string shown = done("show.config", {{"keys", true}})["toml"];
  BOOST_TEST(shown.find("private_key_file = \"/etc/troupe/own.key\"") != std::string::npos);
  const std::string alone = done("show.config", {{"inline_keys", true}})["toml"];
  BOOST_TEST(alone.find("private_key = \"" + base64(sample_secret(1))) != std::string::npos);

  json without = files("[interface]\nname = \"troupe0\"\nprivate_key_file = \"own.key\"\n");
  BOOST_TEST(refused("apply", without).text.find("does not bring this file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_key_file_is_named_by_root_alone) {
  const json params =
      files("[interface]\nname = \"troupe0\"\nprivate_key_file = \"k\"\n",
            {{{"path", "k"}, {"text", base64(sample_secret(1))}, {"absolute", "/k"}}});
  BOOST_TEST((std::get<rpc_failure>(ask("apply", params, member)).code == rpc_code::not_allowed));
  BOOST_TEST(target.untouched());
  static_cast<void>(done("apply", params));
  BOOST_TEST(std::holds_alternative<json>(ask("apply", params, member))); // it is in use already
  json inline_key = files("[interface]\nname = \"troupe0\"\nprivate_key = \"" +
                          base64(sample_secret(1)) + "\"\n");
  const json as_it_is = inline_key;
  BOOST_TEST(
      (std::get<rpc_failure>(ask("apply", inline_key, member)).code == rpc_code::not_allowed));
  static_cast<void>(done("apply", as_it_is));
}

BOOST_AUTO_TEST_CASE(keys_are_shown_to_root_who_asks) {
  const std::string key = base64(sample_secret(1));
  const std::string left_out = done("show.config")["toml"];
  BOOST_TEST(left_out.find(key) == std::string::npos);
  const std::string shown = done("show.config", {{"keys", true}})["toml"];
  BOOST_TEST(shown.find(key) != std::string::npos);
  BOOST_TEST((std::get<rpc_failure>(ask("show.config", {{"keys", true}}, member)).code ==
              rpc_code::not_allowed));
  BOOST_TEST(done("diff", files(shown))["summary"] == "nothing");
  const std::string inline_keys = done("show.config", {{"inline_keys", true}})["toml"];
  BOOST_TEST(inline_keys == shown); // none comes from a file here
  BOOST_TEST((refused("show.config", {{"keys", 1}}).code == rpc_code::invalid_params));
}

BOOST_AUTO_TEST_CASE(a_change_waits_for_confirmation) {
  json params = files(other_text());
  params["confirm_s"] = 5;
  BOOST_TEST(done("apply", params)["confirm_s"] == 5);
  BOOST_TEST((refused("reload").code == rpc_code::pending));
  BOOST_TEST((refused("save").code == rpc_code::pending));
  BOOST_TEST((refused("log.level", {{"level", "warn"}}).code == rpc_code::pending));
  static_cast<void>(done("confirm"));
  BOOST_TEST((refused("rollback").code == rpc_code::refused));
  BOOST_TEST(done("history").size() == 2);
  BOOST_TEST(done("history")[0]["who"] == "uid 0 (process 7) with apply");
  for (const json& wrong : {json(0), json(-1), json(3601), json("5"), json(1.5)}) {
    params["confirm_s"] = wrong;
    BOOST_TEST((refused("apply", params).code == rpc_code::invalid_params), wrong);
  }
  params["confirm_s"] = 5;
  for (const json& wrong : {json(1), json("true"), json(true)}) {
    params["dry_run"] = wrong;
    BOOST_TEST((refused("apply", params).code == rpc_code::invalid_params), wrong);
  }
}

BOOST_AUTO_TEST_CASE(what_changes_nothing_waits_for_nothing) {
  static_cast<void>(done("apply", files(other_text())));
  json params = files(other_text());
  params["confirm_s"] = 5;
  const json answer = done("apply", params);
  BOOST_TEST(answer["summary"] == "nothing");
  BOOST_TEST(!answer.contains("confirm_s"));
  static_cast<void>(done("reload")); // nothing stands in its way
}

BOOST_AUTO_TEST_CASE(reload_takes_the_file) {
  store->text = other_text();
  BOOST_TEST(done("reload")["summary"] == "interface.mtu");
  store->text += "[";
  service.reload("SIGHUP", now, target, *log.open("admin"));
  BOOST_TEST(log.has("SIGHUP: nothing is changed: /etc/troupe/troupe0.toml:"));
  change_service without(running, desk, nullptr);
  rpc_call call{"1", "reload", json::object()};
  BOOST_TEST(std::get<rpc_failure>(without.carry_out(call, root, now, target)).text ==
             "this daemon was started without a file");
}

BOOST_AUTO_TEST_CASE(save_writes_what_reload_takes_back_unchanged) {
  static_cast<void>(done("apply", files(other_text())));
  BOOST_TEST(done("save")["file"] == "/etc/troupe/troupe0.toml");
  BOOST_TEST(done("reload")["summary"] == "nothing");
}

BOOST_AUTO_TEST_CASE(save_writes_nothing_that_no_daemon_starts_from) {
  conf::config keyless = running->config();
  keyless.interface.private_key = {};
  BOOST_REQUIRE(!running->change_to(keyless, {}, target));
  const std::string before = store->text;
  BOOST_TEST(refused("save").text.find("nobody could start from what runs: the interface has no "
                                       "private key") == 0);
  BOOST_TEST(store->text == before);
}

BOOST_AUTO_TEST_CASE(what_root_has_written_into_the_file_nobody_else_writes_over) {
  const std::string before = store->text;
  const auto saved_by_member = [&] {
    return std::holds_alternative<json>(ask("save", json::object(), member));
  };
  BOOST_TEST(saved_by_member());
  const std::size_t at = before.find("[interface]\n") + 12;
  store->text = before.substr(0, at) + "post_up = \"true\"\n" + before.substr(at);
  BOOST_TEST(!saved_by_member());
  BOOST_TEST(store->text.find("post_up") != std::string::npos);
  static_cast<void>(done("save")); // by root
  BOOST_TEST(store->text.find("post_up") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(save_leaves_peers_in_their_drop_ins) {
  const std::string tablet =
      "[[peer]]\nname = \"tablet\"\npublic_key = \"" + to_base64(sample_key(7)) + "\"\n";
  store->others = {{"d/tablet.toml", tablet}};
  static_cast<void>(done("reload"));
  BOOST_TEST(running->config().peers.size() == 3);
  static_cast<void>(done("save"));
  BOOST_TEST(store->text.find("tablet") == std::string::npos);
  BOOST_TEST(done("reload")["summary"] == "nothing");

  static_cast<void>(done("peer.set", {{"peer", "tablet"}, {"persistent_keepalive", 5}}));
  BOOST_TEST(refused("save").text.find("the peer tablet is in d/tablet.toml") == 0);
  static_cast<void>(done("peer.remove", {{"peer", "tablet"}}));
  BOOST_TEST(refused("save").text.find("the peer tablet is in d/tablet.toml") == 0);
}

BOOST_AUTO_TEST_CASE(verbs_of_peers_are_as_strict_as_a_file) {
  BOOST_TEST(
      done("peer.set", {{"peer", "phone"}, {"persistent_keepalive", 25}})["changes"][0]["text"] ==
      "~ peer phone: persistent_keepalive default -> 25");
  const rpc_failure taken =
      refused("peer.set", {{"peer", "phone"}, {"allowed_ips", {"10.1.2.0/24"}}});
  BOOST_TEST(taken.text == "10.1.2.0/24 belongs to the peer `laptop`; a prefix has one peer, take "
                           "it out of one of the two");
  BOOST_TEST((refused("peer.set", {{"peer", "nobody"}}).code == rpc_code::invalid_params));
  BOOST_TEST(done("peer.disable", {{"peer", "laptop"}})["summary"] == "1 peer changed");
  BOOST_TEST(target.changes.back().removed.size() == 1);
  BOOST_TEST(done("peer.enable", {{"peer", "laptop"}})["summary"] == "1 peer changed");
  static_cast<void>(done("peer.set", {{"peer", "phone"}, {"allowed_ips", {"10.9.0.0/24"}}}));
}

BOOST_AUTO_TEST_CASE(levels_of_the_log_change) {
  BOOST_TEST(done("log.level", {{"level", "debug"}})["changes"][0]["text"] ==
             "~ log: level \"info\" -> \"debug\"");
  static_cast<void>(done("log.level", {{"level", "trace"}, {"actor", "tunnel"}}));
  BOOST_TEST((target.levels.back().actors.at("tunnel") == conf::log_level::trace));
  BOOST_TEST(
      (refused("log.level", {{"level", "info"}, {"actor", 7}}).code == rpc_code::invalid_params));
  BOOST_TEST((refused("log.level", {{"level", "loud"}}).code == rpc_code::invalid_params));
  BOOST_TEST(refused("log.level", {{"level", "info"}, {"actor", "tunel"}})
                 .text.find("did you mean `tunnel`") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_handshake_is_begun_and_a_name_looked_up) {
  static_cast<void>(done("peer.set", {{"peer", "phone"}, {"endpoint", "vpn.example.net:51820"}}));
  target = {};
  BOOST_TEST(done("peer.rehandshake", {{"peer", "phone"}})["peer"] == "phone");
  BOOST_REQUIRE(target.changes.size() == 1);
  BOOST_TEST((target.changes[0].rehandshake == std::vector{sample_key(3)}));
  BOOST_TEST((target.asked_again == std::vector{sample_key(3)}));
  BOOST_TEST((refused("peer.rehandshake", {{"peer", "nobody"}}).code == rpc_code::invalid_params));
  static_cast<void>(done("peer.disable", {{"peer", "laptop"}}));
  BOOST_TEST(refused("peer.rehandshake", {{"peer", "laptop"}}).text.find("is disabled") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
