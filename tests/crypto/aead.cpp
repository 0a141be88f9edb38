// The AEAD engines: each against the RFC, and all against libsodium for every length. What was
// built in must be there, so that it is never left out in silence.
#include "crypto/aead.hpp"

#include "tests/crypto/rfc_8439.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

using namespace troupe;
using namespace troupe::crypto;

namespace {

constexpr std::size_t tag = 16;

std::vector<std::unique_ptr<aead_engine>> engines() {
  std::vector<std::unique_ptr<aead_engine>> all;
  all.push_back(make_sodium_engine());
  for (const auto make : {make_ipsec_mb_engine, make_libgcrypt_engine})
    if (std::unique_ptr<aead_engine> other = make(); other != nullptr)
      all.push_back(std::move(other));
  return all;
}

octets random_octets(std::mt19937& random, std::size_t count) {
  octets made(count);
  std::generate(made.begin(), made.end(), [&] { return static_cast<std::uint8_t>(random()); });
  return made;
}

/// A packet with room for its tag and some more, which nobody may touch.
struct packet {
  static constexpr std::size_t beyond = 8;

  packet(const octets& its_key, std::uint64_t its_counter, const octets& its_text,
         const octets& its_associated = {})
      : key(its_key), associated(its_associated), counter(its_counter), length(its_text.size()),
        memory(its_text) {
    memory.resize(length + tag + beyond, 0xee);
  }

  [[nodiscard]] aead_job job() {
    return {key.data(), counter, memory.data(), length, associated, false};
  }
  void seal(aead_engine& by) {
    const aead_job described = job();
    by.seal({&described, 1});
    BOOST_TEST(
        std::all_of(memory.end() - beyond, memory.end(), [](int octet) { return octet == 0xee; }));
  }
  [[nodiscard]] bool open(aead_engine& by) {
    const octets behind(memory.begin() + static_cast<std::ptrdiff_t>(length), memory.end());
    aead_job described = job();
    described.authentic = true; // which it must not take for an answer
    by.open({&described, 1});
    BOOST_TEST((octets(memory.begin() + static_cast<std::ptrdiff_t>(length) + tag, memory.end()) ==
                octets(behind.begin() + tag, behind.end())));
    return described.authentic;
  }
  [[nodiscard]] octets text() const {
    return {memory.begin(), memory.begin() + static_cast<std::ptrdiff_t>(length)};
  }
  [[nodiscard]] octets sealed() const {
    return {memory.begin(), memory.begin() + static_cast<std::ptrdiff_t>(length + tag)};
  }

  octets key;
  octets associated;
  std::uint64_t counter;
  std::size_t length;
  octets memory;
};

std::vector<aead_job> jobs_of(std::vector<packet>& packets) {
  std::vector<aead_job> jobs;
  for (packet& each : packets)
    jobs.push_back(each.job());
  return jobs;
}

/// Each engine seals a batch of such lengths, under two keys, as the first engine does it packet by
/// packet; and opens it, but for some that were tampered with.
void agree_over_batch(std::mt19937& random, const std::vector<std::unique_ptr<aead_engine>>& all,
                      const std::vector<std::size_t>& lengths) {
  const octets keys[] = {random_octets(random, 32), random_octets(random, 32)};
  std::vector<packet> plain;
  for (const std::size_t length : lengths)
    plain.emplace_back(keys[random() % 8 == 0], random(), random_octets(random, length));
  std::vector<packet> sealed = plain;
  for (packet& each : sealed)
    each.seal(*all.front());
  for (const std::unique_ptr<aead_engine>& engine : all) {
    std::vector<packet> packets = plain;
    std::vector<aead_job> jobs = jobs_of(packets);
    engine->seal(jobs);
    for (std::size_t i = 0; i < packets.size(); ++i)
      BOOST_TEST((packets[i].memory == sealed[i].memory));
    const std::size_t tampered = random() % 4;
    for (std::size_t i = 0; i < packets.size(); ++i)
      if (i % 4 == tampered)
        packets[i].memory[random() % (lengths[i] + tag)] ^= 0x40;
    engine->open(jobs);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      BOOST_TEST(jobs[i].authentic == (i % 4 != tampered));
      BOOST_TEST((packets[i].text() == (jobs[i].authentic ? plain[i].text() : octets(lengths[i]))));
    }
  }
}

/// Does what another engine does, and then something wrong.
class wrong_engine final : public aead_engine {
public:
  enum class fault { none, seals_otherwise, opens_otherwise, refuses, takes_any, keeps_text };

  explicit wrong_engine(fault what) : fault_(what) {}
  [[nodiscard]] std::string_view name() const override { return "wrong"; }

  void seal(std::span<const aead_job> jobs) override {
    right_->seal(jobs);
    for (const aead_job& job : jobs)
      if (fault_ == fault::seals_otherwise && job.octets == 1040)
        job.text[1039] ^= 1;
  }
  void open(std::span<aead_job> jobs) override {
    right_->open(jobs);
    for (aead_job& job : jobs) {
      if (fault_ == fault::opens_otherwise && job.octets == 1040)
        job.text[1039] ^= 1;
      if (fault_ == fault::refuses && job.octets == 0)
        job.authentic = false;
      if (fault_ == fault::takes_any)
        job.authentic = true;
      if (fault_ == fault::keeps_text && !job.authentic && job.octets > 0)
        job.text[0] = 1;
    }
  }

private:
  fault fault_;
  std::unique_ptr<aead_engine> right_ = make_sodium_engine();
};

} // namespace

BOOST_AUTO_TEST_SUITE(aead)

BOOST_AUTO_TEST_CASE(engines_that_were_built_in_are_there) {
  const std::unique_ptr<aead_engine> engine = make_ipsec_mb_engine();
  BOOST_TEST((engine != nullptr) == TROUPE_TEST_IPSEC_MB);
  BOOST_TEST((make_libgcrypt_engine() != nullptr));
  for (const std::unique_ptr<aead_engine>& each : engines())
    BOOST_TEST_MESSAGE("tested: " << each->name());
}

BOOST_AUTO_TEST_CASE(engines_are_those_of_rfc_8439_appendix_a_5) {
  for (const std::unique_ptr<aead_engine>& engine : engines())
    BOOST_TEST_CONTEXT(engine->name()) {
      packet example(rfc_8439::key, rfc_8439::counter, rfc_8439::plain, rfc_8439::associated);
      example.seal(*engine);
      BOOST_TEST(to_hex(example.sealed()) == to_hex(rfc_8439::cipher));
      BOOST_TEST(example.open(*engine));
      BOOST_TEST(to_hex(example.text()) == to_hex(rfc_8439::plain));
    }
}

BOOST_AUTO_TEST_CASE(engines_agree_over_every_length) {
  std::mt19937 random(8439);
  const std::vector<std::unique_ptr<aead_engine>> all = engines();
  for (std::size_t length = 0; length <= 2048; ++length)
    BOOST_TEST_CONTEXT(length << " octets") {
      const octets key = random_octets(random, 32);
      const octets text = random_octets(random, length);
      const std::uint64_t counter = std::uint64_t{random()} << 32 | random();
      packet expected(key, counter, text);
      expected.seal(*all.front());
      for (const std::unique_ptr<aead_engine>& engine : all) {
        packet sealed(key, counter, text);
        sealed.seal(*engine);
        BOOST_TEST((sealed.sealed() == expected.sealed()));
        BOOST_TEST(sealed.open(*engine));
        BOOST_TEST((sealed.text() == text));
      }
    }
}

BOOST_AUTO_TEST_CASE(engines_agree_over_batches_of_every_length) {
  std::mt19937 random(7539);
  const std::vector<std::unique_ptr<aead_engine>> all = engines();
  for (std::size_t length = 0; length <= 2048; ++length)
    BOOST_TEST_CONTEXT(length << " octets") {
      agree_over_batch(random, all, std::vector<std::size_t>(7, length));
    }
}

BOOST_AUTO_TEST_CASE(engines_agree_over_batches_of_any_shape) {
  std::mt19937 random(9001);
  const std::vector<std::unique_ptr<aead_engine>> all = engines();
  for (std::size_t shape = 0; shape < 300; ++shape) {
    std::vector<std::size_t> lengths;
    while (lengths.size() < shape % 45) // runs of the same length, as traffic has them
      lengths.insert(lengths.end(), 1 + random() % 20, random() % 2 == 0 ? random() % 1500 : 1424);
    BOOST_TEST_CONTEXT("shape " << shape) {
      agree_over_batch(random, all, lengths);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_was_tampered_with_is_refused_and_wiped) {
  std::mt19937 random(7);
  for (const std::unique_ptr<aead_engine>& engine : engines())
    for (const std::size_t length : {0U, 1U, 16U, 63U, 64U, 65U, 1040U, 1424U}) {
      packet good(random_octets(random, 32), 7, random_octets(random, length));
      good.seal(*engine);
      for (std::size_t at = 0; at < length + tag; at += length < 100 ? 1 : 13) {
        packet bad = good;
        bad.memory[at] ^= 0x10;
        BOOST_TEST(!bad.open(*engine));
        BOOST_TEST((bad.text() == octets(length)));
      }
      packet later = good;
      ++later.counter;
      BOOST_TEST(!later.open(*engine));
      BOOST_TEST((later.text() == octets(length)));
      packet other_key = good;
      other_key.key[31] ^= 1;
      BOOST_TEST(!other_key.open(*engine));
      packet with_associated = good;
      with_associated.associated = {1};
      BOOST_TEST(!with_associated.open(*engine));
      BOOST_TEST(good.open(*engine));
    }
}

BOOST_AUTO_TEST_CASE(each_job_of_a_batch_is_for_itself) {
  std::mt19937 random(64);
  for (const std::unique_ptr<aead_engine>& engine : engines()) {
    std::vector<packet> packets;
    std::vector<octets> texts;
    for (std::size_t i = 0; i < 100; ++i) {
      texts.push_back(random_octets(random, i * 15));
      packets.emplace_back(random_octets(random, 32), i, texts.back());
    }
    std::vector<aead_job> jobs;
    for (packet& each : packets)
      jobs.push_back(each.job());
    engine->seal(jobs);
    for (std::size_t i = 0; i < 100; i += 3)
      packets[i].memory[i * 15] ^= 1; // the tag
    engine->open(jobs);
    for (std::size_t i = 0; i < 100; ++i) {
      BOOST_TEST(jobs[i].authentic == (i % 3 != 0));
      BOOST_TEST((packets[i].text() == (i % 3 != 0 ? texts[i] : octets(i * 15))));
    }
    engine->seal({});
    engine->open({});
  }
}

BOOST_AUTO_TEST_CASE(engine_that_differs_anywhere_is_found_out) {
  using fault = wrong_engine::fault;
  for (const fault what : {fault::seals_otherwise, fault::opens_otherwise, fault::refuses,
                           fault::takes_any, fault::keeps_text}) {
    wrong_engine wrong(what);
    BOOST_TEST(!agrees_with_sodium(wrong));
  }
  wrong_engine right(fault::none);
  BOOST_TEST(agrees_with_sodium(right));
  for (const std::unique_ptr<aead_engine>& engine : engines())
    BOOST_TEST(agrees_with_sodium(*engine));
}

BOOST_AUTO_TEST_SUITE_END()
