#include "messages/keys.hpp"

#include "messages/limits.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>
#include <unordered_set>
#include <vector>

using namespace troupe;

namespace {

/// 0x00 0x01 ... 0x1f.
constexpr std::string_view counting_base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view counting_hex =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

public_key counting_key() {
  public_key key;
  for (std::size_t i = 0; i < key_octets; ++i)
    key.octets[i] = static_cast<std::uint8_t>(i);
  return key;
}

secret_key filled_with(std::uint8_t octet) {
  return secret_key::make([octet](bytes out) { std::fill(out.begin(), out.end(), octet); });
}

bool all_are(const_bytes memory, std::uint8_t octet) {
  return std::all_of(memory.begin(), memory.end(),
                     [octet](std::uint8_t each) { return each == octet; });
}

/// Refused as a public key and as a secret.
bool base64_refused(std::string_view text) {
  return !public_key_from_base64(text) && !secret_key_from_base64(text);
}

bool hex_refused(std::string_view text) {
  return !public_key_from_hex(text) && !secret_key_from_hex(text);
}

std::string changed(std::string_view text, std::size_t at, char to) {
  std::string result(text);
  result.at(at) = to;
  return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(text_forms_round_trip) {
  const public_key key = counting_key();
  BOOST_TEST(to_base64(key) == counting_base64);
  BOOST_TEST(to_hex(key) == counting_hex);
  BOOST_CHECK(public_key_from_base64(counting_base64) == key);
  BOOST_CHECK(public_key_from_hex(counting_hex) == key);
  std::string text = "key=";
  append_secret_base64(text, secret_key_from_base64(counting_base64).value());
  BOOST_TEST(text == "key=" + std::string(counting_base64));
  text = "key=";
  append_secret_hex(text, secret_key_from_hex(counting_hex).value());
  BOOST_TEST(text == "key=" + std::string(counting_hex));
}

BOOST_AUTO_TEST_CASE(base64_takes_one_spelling_of_a_whole_key) {
  const std::string good(counting_base64);
  BOOST_REQUIRE(!base64_refused(good));
  const struct {
    int row;
    std::string text;
  } rows[] = {
      {1, ""},
      {2, "="},
      {3, good.substr(0, 43)}, // no padding
      {4, good + "="},         // too much of it
      {5, good + "A"},         // something behind
      {6, good + "\n"},        //
      {7, good + '\0'},        //
      {8, " " + good},         // something before
      {9, good.substr(0, 20) + "\n" + good.substr(20)},
      {10, changed(good, 42, '9')}, // two bits beyond the key: 8, the same key, ends "8="
      {11, changed(good, 42, '+')}, // likewise
      {12, changed(good, 0, '\0')},
      {13, changed(good, 43, '\0')},
      {14, changed(good, 43, 'A')}, // 33 octets
      {15, changed(good, 5, '-')},  // the URL alphabet
      {16, changed(good, 5, '_')},
      {17, changed(good, 5, '=')},
      {18, changed(good, 42, '=')}, // 31 octets
      {19, good.substr(4)},
      {20, good.substr(0, 40)}, // 30 octets
      {21, "AAAA" + good},      // 35
      {22, std::string(44, '=')},
      {23, std::string(44, '\0')},
      {24, std::string(44, '\xff')},
  };
  for (const auto& [row, text] : rows)
    BOOST_TEST(base64_refused(text), "row " << row);
}

BOOST_AUTO_TEST_CASE(base64_of_a_key_has_no_bits_beyond_it) {
  // The last sextet holds four bits of the key and two that must be zero.
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t sextet = 0; sextet < alphabet.size(); ++sextet)
    BOOST_TEST(base64_refused(changed(counting_base64, 42, alphabet[sextet])) == (sextet % 4 != 0));
}

BOOST_AUTO_TEST_CASE(hex_takes_either_case_and_nothing_else) {
  const std::string good(counting_hex);
  std::string upper = good;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char digit) {
    return digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
  });
  BOOST_CHECK(public_key_from_hex(upper) == counting_key());
  const struct {
    int row;
    std::string text;
  } rows[] = {
      {1, ""},
      {2, good.substr(1)},
      {3, good.substr(2)},
      {4, good + "0"},
      {5, good + "00"},
      {6, good + '\0'},
      {7, good + "\n"},
      {8, " " + good.substr(1)},
      {9, "0x" + good.substr(2)},
      {10, changed(good, 0, '\0')},
      {11, changed(good, 63, '\0')},
      {12, changed(good, 63, 'g')},
      {13, changed(good, 10, '/')}, // around the digits and letters
      {14, changed(good, 10, ':')},
      {15, changed(good, 10, '@')},
      {16, changed(good, 10, 'G')},
      {17, changed(good, 10, '`')},
      {18, std::string(64, ' ')},
      {19, std::string(64, '\xff')},
  };
  for (const auto& [row, text] : rows)
    BOOST_TEST(hex_refused(text), "row " << row);
}

BOOST_AUTO_TEST_CASE(cell_is_wiped_when_the_last_handle_lets_go) {
  secret_key first = filled_with(0xa5);
  secret_key second = first;
  // Cells stay mapped and readable: only their region's edges are guarded.
  const const_bytes former(first.octets());
  first = secret_key();
  BOOST_TEST(all_are(former, 0xa5));
  second = secret_key();
  BOOST_TEST(all_are(former, 0));
}

BOOST_AUTO_TEST_CASE(text_that_is_no_key_leaves_nothing_in_the_cell) {
  const secret_key probe = filled_with(1);
  const const_bytes next_free = [] {
    const secret_key taken = filled_with(0x77);
    return const_bytes(taken.octets());
  }();
  // 31 octets decode before the fault is seen.
  BOOST_TEST(!secret_key_from_hex(changed(counting_hex, 63, 'x')).has_value());
  BOOST_TEST(all_are(next_free, 0));
}

BOOST_AUTO_TEST_CASE(wiped_text_is_empty_and_its_memory_zero) {
  std::string text(100, 's');
  text.resize(40); // what lies behind is wiped as well
  const char* const memory = text.data();
  const std::size_t capacity = text.capacity();
  wipe(text);
  BOOST_TEST(text.empty());
  BOOST_REQUIRE(text.data() == memory);
  BOOST_TEST(std::count(memory, memory + capacity, '\0') == static_cast<long>(capacity));
}

BOOST_AUTO_TEST_CASE(comparison_knows_absent_equal_and_different_keys) {
  const secret_key absent;
  const secret_key zero = filled_with(0);
  const secret_key one = filled_with(1);
  BOOST_TEST(!absent);
  BOOST_TEST(bool(zero));
  BOOST_TEST(absent.same_as(secret_key()));
  BOOST_TEST(!absent.same_as(zero));
  BOOST_TEST(!zero.same_as(absent));
  BOOST_TEST(zero.same_as(filled_with(0)));
  BOOST_TEST(!zero.same_as(one));
  BOOST_TEST(one.same_as(secret_key::copy_of(one.octets())));
  for (std::size_t i = 0; i < key_octets; ++i) {
    byte_array<key_octets> octets{};
    octets[i] = 0x80;
    BOOST_TEST(!zero.same_as(secret_key::copy_of(octets)), "octet " << i);
  }
}

BOOST_AUTO_TEST_CASE(many_keys_at_once_each_have_their_own_cell) {
  constexpr std::size_t count = 5 * limits::locked_cells_per_region / 2;
  std::vector<secret_key> held;
  std::set<const std::uint8_t*> cells;
  for (std::size_t i = 0; i < count; ++i) {
    held.push_back(filled_with(static_cast<std::uint8_t>(i % 251)));
    cells.insert(held.back().octets().data());
  }
  BOOST_TEST(cells.size() == count);
  for (std::size_t i = 0; i < count; ++i)
    BOOST_REQUIRE(all_are(held[i].octets(), static_cast<std::uint8_t>(i % 251)));
  held.clear();
  for (const std::uint8_t* cell : cells)
    BOOST_REQUIRE(all_are({cell, key_octets}, 0));
  // Cells are used again before new memory is.
  for (std::size_t i = 0; i < count; ++i) {
    held.push_back(filled_with(1));
    BOOST_REQUIRE(cells.count(held.back().octets().data()) == 1);
  }
}

BOOST_AUTO_TEST_CASE(keys_may_be_made_and_dropped_on_several_threads) {
  std::vector<std::thread> threads;
  std::vector<std::size_t> wrong(4);
  for (std::size_t i = 0; i < wrong.size(); ++i)
    threads.emplace_back([i, &wrong] {
      const std::uint8_t own = static_cast<std::uint8_t>(i + 1);
      std::vector<secret_key> held(64);
      for (std::size_t round = 0; round < 5000; ++round) {
        secret_key& slot = held[round * 7 % held.size()];
        if (slot && !all_are(slot.octets(), own))
          ++wrong[i];
        slot = filled_with(own);
      }
    });
  for (std::thread& each : threads)
    each.join();
  for (const std::size_t count : wrong)
    BOOST_TEST(count == 0U);
}

BOOST_AUTO_TEST_CASE(key_dropped_on_another_thread_is_wiped_too) {
  secret_key key = filled_with(0x42);
  const const_bytes former(key.octets());
  std::thread([dropped = std::move(key)] {}).join();
  BOOST_TEST(all_are(former, 0));
}

BOOST_AUTO_TEST_CASE(hashes_of_keys_spread) {
  std::unordered_set<std::size_t> hashes;
  public_key key;
  for (std::size_t bit = 0; bit < 8 * key_octets; ++bit) {
    key = public_key{};
    key.octets[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
    hashes.insert(std::hash<public_key>()(key));
  }
  BOOST_TEST(hashes.size() == 8 * key_octets);
}

BOOST_AUTO_TEST_CASE(short_name_is_the_first_letters_of_the_key) {
  BOOST_TEST(short_name(counting_key()) == "AAECAwQF…");
}

BOOST_AUTO_TEST_SUITE_END()

#ifndef TROUPE_SANITIZED

namespace {

/// What `tried` returns in a process of its own.
template <class Tried>
bool in_a_child(Tried tried) {
  const pid_t child = ::fork();
  if (child == 0)
    ::_exit(tried() ? 0 : 1);
  int status = -1;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status) == 0;
}

/// Of this process.
std::size_t locked_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmLck:"))
      return std::stoul(line.substr(6));
  return 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(locking_keys)

BOOST_AUTO_TEST_CASE(a_fork_locks_keys_again_and_hears_when_it_may_not) {
  const secret_key held = filled_with(1);
  const rlimit none{0, 0};
  const bool locked_without_right = in_a_child([&] {
    ::setrlimit(RLIMIT_MEMLOCK, &none);
    if (::geteuid() == 0 && ::setuid(65534) != 0) // CAP_IPC_LOCK needs no limit
      return true;
    return lock_keys();
  });
  BOOST_TEST(!locked_without_right);
  BOOST_REQUIRE(lock_keys());
  BOOST_TEST(in_a_child([] {
    const bool before = locked_kib() >= 64;
    return !before && lock_keys() && locked_kib() >= 64;
  }));
}

BOOST_AUTO_TEST_SUITE_END()

#endif
