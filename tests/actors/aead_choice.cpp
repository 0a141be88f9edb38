#include "actors/aead_choice.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <utility>

using namespace troupe;
using namespace troupe::actors;
using conf::aead_kind;

namespace {

bool has_ipsec_mb() {
  return crypto::make_ipsec_mb_engine() != nullptr;
}

bool begins_with(const std::string& text, const std::string& wanted) {
  return text.compare(0, wanted.size(), wanted) == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(aead_choice_)

BOOST_AUTO_TEST_CASE(engine_wanted_by_name_is_what_it_says) {
  for (const auto& [kind, name] : {std::pair{aead_kind::libsodium, std::string("libsodium")},
                                   std::pair{aead_kind::libgcrypt, std::string("libgcrypt")}}) {
    const aead_choice chosen = choose_aead(kind);
    BOOST_TEST(chosen.text == name + ": as configured");
    BOOST_TEST(chosen.make()->name() == name);
  }
}

BOOST_AUTO_TEST_CASE(ipsec_mb_is_taken_or_refused_with_advice) {
  if (has_ipsec_mb()) {
    const aead_choice chosen = choose_aead(aead_kind::ipsec_mb);
    BOOST_TEST(chosen.text == "ipsec-mb: as configured");
    BOOST_TEST(chosen.make()->name() == "ipsec-mb");
    return;
  }
  BOOST_CHECK_EXCEPTION(choose_aead(aead_kind::ipsec_mb), std::runtime_error,
                        [](const std::runtime_error& error) {
                          return std::string(error.what()) ==
                                 "tunnel.aead = \"ipsec-mb\": this build, or this machine, has "
                                 "no ipsec-mb; set tunnel.aead = \"auto\"";
                        });
}

BOOST_AUTO_TEST_CASE(automatic_takes_one_that_is_there_and_says_why) {
  const aead_choice chosen = choose_aead(aead_kind::automatic);
  const std::unique_ptr<crypto::aead_engine> engine = chosen.make();
  BOOST_TEST(begins_with(chosen.text, std::string(engine->name()) + ": "));
  BOOST_TEST(crypto::agrees_with_sodium(*engine));
  BOOST_TEST((chosen.text.find(" times as fast here as ") != std::string::npos), chosen.text);
  const bool misses_one = chosen.text.find("has no ipsec-mb") != std::string::npos;
  BOOST_TEST(misses_one != has_ipsec_mb(), chosen.text);
}

BOOST_AUTO_TEST_SUITE_END()
