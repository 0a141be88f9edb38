// The primitives against published vectors and, where there are none that our interface reaches,
// against values computed with a second implementation. Those of BLAKE2s, HMAC and KDF come from
// Python's hashlib and hmac, with key and input cut from 00 01 02 ...:
//   hashlib.blake2s(input, key=key, digest_size=16); hmac.new(key, input, hashlib.blake2s)
//   KDF: t0 = hmac(key, input); t[i] = hmac(t0, t[i-1] + bytes([i]))
// Those of the AEAD come from OpenSSL, by Python's cryptography package:
//   ChaCha20Poly1305(key).encrypt(bytes(4) + counter.to_bytes(8, "little"), plain, associated)
#include "crypto/primitives.hpp"

#include "tests/crypto/octets.hpp"
#include "tests/crypto/rfc_8439.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::crypto;

namespace {

key_view as_key(const octets& from) {
  return key_view(from.data(), key_octets);
}

secret_key secret(std::string_view hex) {
  return secret_key::copy_of(as_key(from_hex(hex)));
}

public_key shared_by(std::string_view scalar, std::string_view point) {
  public_key result;
  BOOST_REQUIRE(dh(result.octets, secret(scalar), public_key_from_hex(point).value()));
  return result;
}

octets sealed(const_bytes key, std::uint64_t counter, const_bytes plain, const_bytes associated) {
  octets result(plain.size() + tag_octets);
  seal(result.data(), key.first<key_octets>(), counter, plain, associated);
  return result;
}

struct libraries {
  libraries() { init_primitives(); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(primitives, *boost::unit_test::fixture<libraries>())

BOOST_AUTO_TEST_CASE(dh_gives_the_results_of_rfc_7748_section_5_2) {
  BOOST_TEST(troupe::to_hex(
                 shared_by("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                           "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")) ==
             "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  BOOST_TEST(troupe::to_hex(
                 shared_by("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                           "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")) ==
             "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

BOOST_AUTO_TEST_CASE(dh_iterated_gives_the_results_of_rfc_7748_section_5_2) {
  public_key k{{9}};
  public_key u = k;
  for (int i = 1; i <= 1000; ++i) {
    public_key result;
    BOOST_REQUIRE(dh(result.octets, secret_key::copy_of(k.octets), u));
    u = k;
    k = result;
    if (i == 1)
      BOOST_TEST(troupe::to_hex(k) ==
                 "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  BOOST_TEST(troupe::to_hex(k) ==
             "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

BOOST_AUTO_TEST_CASE(keys_and_shared_secret_are_those_of_rfc_7748_section_6_1) {
  constexpr std::string_view alice_private =
      "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
  constexpr std::string_view alice_public =
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
  constexpr std::string_view bob_private =
      "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
  constexpr std::string_view bob_public =
      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
  constexpr std::string_view shared =
      "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  BOOST_TEST(troupe::to_hex(derive_public(secret(alice_private))) == alice_public);
  BOOST_TEST(troupe::to_hex(derive_public(secret(bob_private))) == bob_public);
  BOOST_TEST(troupe::to_hex(shared_by(alice_private, bob_public)) == shared);
  BOOST_TEST(troupe::to_hex(shared_by(bob_private, alice_public)) == shared);
}

BOOST_AUTO_TEST_CASE(dh_with_a_point_of_small_order_fails) {
  const std::array points = {
      "0000000000000000000000000000000000000000000000000000000000000000", // 0
      "0100000000000000000000000000000000000000000000000000000000000000", // 1
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", // order 8
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", // order 8
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p - 1
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
  };
  const secret_key own = secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  for (const char* const point : points) {
    public_key result;
    BOOST_TEST(!dh(result.octets, own, public_key_from_hex(point).value()), point);
  }
}

BOOST_AUTO_TEST_CASE(blake2s_hashes_abc_as_rfc_7693_appendix_b) {
  BOOST_TEST(to_hex(crypto::blake2s(from_text("abc"))) ==
             "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

BOOST_AUTO_TEST_CASE(blake2s_agrees_with_hashlib) {
  BOOST_TEST(to_hex(crypto::blake2s({})) ==
             "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
  BOOST_TEST(to_hex(crypto::blake2s(counting(64))) ==
             "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e");
  BOOST_TEST(to_hex(crypto::blake2s(counting(65))) ==
             "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472");
  BOOST_TEST(to_hex(crypto::blake2s(counting(255))) ==
             "f03f5789d3336b80d002d59fdf918bdb775b00956ed5528e86aa994acb38fe2d");
}

BOOST_AUTO_TEST_CASE(blake2s_of_two_parts_is_that_of_both_joined) {
  const octets whole = counting(200);
  for (const std::size_t cut : std::array<std::size_t, 7>{0, 1, 63, 64, 65, 128, 200})
    BOOST_TEST(crypto::blake2s(const_bytes(whole).first(cut), const_bytes(whole).subspan(cut)) ==
               crypto::blake2s(whole));
}

BOOST_AUTO_TEST_CASE(mac_agrees_with_hashlib) {
  BOOST_TEST(to_hex(mac(counting(32), {})) == "9536f9b267655743dee97b8a670f9f53");
  BOOST_TEST(to_hex(mac(counting(32), counting(1))) == "13bacfb85b48a1223c595f8c1e7e82cb");
  BOOST_TEST(to_hex(mac(counting(32), counting(64))) == "f1efa90d2547036841ecd3627fafbc36");
  BOOST_TEST(to_hex(mac(counting(32), counting(65))) == "811ff8686d23a435ecbd0bdafcd27b1b");
  BOOST_TEST(to_hex(mac(counting(32), counting(200))) == "42a6f8ff590af21b512e9e088257aa34");
}

BOOST_AUTO_TEST_CASE(mac_takes_shorter_keys_as_hashlib_does) {
  BOOST_TEST(to_hex(mac(counting(16), counting(116))) == "b9b1bbba1b59e4349d1018f97d243fca");
  BOOST_TEST(to_hex(mac({}, counting(116))) == "cabdb99087f2227ba327a19dc8052028");
}

BOOST_AUTO_TEST_CASE(hmac_agrees_with_hashlib_for_keys_around_the_block_length) {
  BOOST_TEST(to_hex(crypto::hmac({}, {})) ==
             "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd");
  BOOST_TEST(to_hex(crypto::hmac(counting(32), counting(3))) ==
             "fb3e80cfc950d62fb256c9e5d2219b1d5533d9e3862f9f61f4e02865363b031e");
  BOOST_TEST(to_hex(crypto::hmac(counting(64), counting(256))) ==
             "ae7f867e9c87140dcf3deb5c45904f6c2715ecd50d590c9ea77dcc76435debbc");
  BOOST_TEST(to_hex(crypto::hmac(counting(65), counting(256))) ==
             "1c829f2b1128e2e8e7be4c5a96cca02daa88827cff8728a0274a552a14d83d67");
  BOOST_TEST(to_hex(crypto::hmac(counting(200), counting(1))) ==
             "5bbf10fb1403d5b21b68af24422b6145284a1b4450b18a64d824416499bb3f1c");
}

BOOST_AUTO_TEST_CASE(kdf_agrees_with_hmac_by_hashlib) {
  hash first;
  hash second;
  hash third;
  kdf1(first, counting(32), counting(32));
  BOOST_TEST(to_hex(first) == "1fcf29000a27f12dc0691acf0f15bf4c55199f925d65441a3c08b566fce08d13");
  kdf2(first, second, counting(32), {});
  BOOST_TEST(to_hex(first) == "7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624");
  BOOST_TEST(to_hex(second) == "1a17621f346abdc520746a9fb64d8eb03231d674fc15687537b0780fd9c060fd");
  kdf3(first, second, third, counting(32), counting(32));
  BOOST_TEST(to_hex(first) == "1fcf29000a27f12dc0691acf0f15bf4c55199f925d65441a3c08b566fce08d13");
  BOOST_TEST(to_hex(second) == "704818f0cdc896cc3d7fe77c61f24e33db30aa69ef63758d5cfce8d6335c1b46");
  BOOST_TEST(to_hex(third) == "7c46c5eddb1418694b9a599d7d5842039b4fbbf946e376bf59d19847342fee80");
}

BOOST_AUTO_TEST_CASE(kdf_may_write_over_its_own_key_and_input) {
  octets key = counting(32);
  octets input = counting(32);
  hash third;
  kdf3(key, input, third, key, input);
  BOOST_TEST(to_hex(key) == "1fcf29000a27f12dc0691acf0f15bf4c55199f925d65441a3c08b566fce08d13");
  BOOST_TEST(to_hex(input) == "704818f0cdc896cc3d7fe77c61f24e33db30aa69ef63758d5cfce8d6335c1b46");
  BOOST_TEST(to_hex(third) == "7c46c5eddb1418694b9a599d7d5842039b4fbbf946e376bf59d19847342fee80");
}

// Its nonce begins with four zero octets, as ours do; that of section 2.8.2 does not.
BOOST_AUTO_TEST_CASE(aead_is_that_of_rfc_8439_appendix_a_5) {
  using namespace rfc_8439;
  BOOST_TEST(to_hex(sealed(key, counter, plain, associated)) == to_hex(cipher));
  octets opened(plain.size());
  BOOST_TEST(open(opened.data(), as_key(key), counter, cipher, associated));
  BOOST_TEST(opened == plain);
}

BOOST_AUTO_TEST_CASE(aead_agrees_with_openssl) {
  struct row {
    std::uint64_t counter;
    std::size_t plain_octets;
    std::size_t associated_octets;
    std::string_view sealed;
  };
  const std::array rows = std::to_array<row>(
      {{0x0, 0, 0, "10324f800a160bd9a1794255be7ec29d"},
       {0x1, 0, 32, "217acd684feb28cd5f79eb832acd0f56"},
       {0x2, 16, 0, "a9a2fc56e3efaa69c346357bc0c36fba7a060a98cbe09fafe84d6aefd671e913"},
       {0x102030405060708, 65, 0,
        "f048afe7af3cec1f6ca220c77f756fb7f017e0d79c5153894f2cbd46f51fb9c2795d229e"
        "f6172fde381d4cdbee4dce49cc8ec4bb1ba9ba2bbadeb792d548ebe16dcd8cd9d09e6e5f"
        "3dbf40e08d73ee69ef"},
       {0xffffffffffffdffe, 200, 12,
        "7169561a780b8f2a2ec2ae554d5723d99e7bc1f3d8d924bcb243b1ae0db2959aa5152801"
        "1f4a6cad7522395c5b23ac838141f71645b86a824d667c33ddddd761c604444a28f01d4c"
        "693191c6aeb355ea310ccd41ffae4f330a5ea56a20d92c0304b1b66f1c161375ee8e4398"
        "0bdf6edfa32969ee809ebb52fe24fcfc33b7241fc3a818ddc6ef34e3156d34e51cc55b0f"
        "f42abf04f050bfe9fa719aac34c2df08250e99740e60e79df5e38e126f4441d640042d02"
        "1b278046d25fa51acd1a974b1a0762b6aa0223b5a3eb3ff9ac1dac8decc62b863d33644a"}});
  for (const row& r : rows)
    BOOST_TEST(to_hex(sealed(counting(32), r.counter, counting(r.plain_octets),
                             counting(r.associated_octets))) == r.sealed);
}

BOOST_AUTO_TEST_CASE(open_refuses_whatever_was_changed) {
  const octets key = counting(32);
  const octets plain = counting(50);
  const octets associated = counting(7);
  const octets good = sealed(key, 5, plain, associated);
  octets opened(plain.size());
  BOOST_TEST(open(opened.data(), as_key(key), 5, good, associated));
  BOOST_TEST(!open(opened.data(), as_key(key), 6, good, associated));
  BOOST_TEST(!open(opened.data(), as_key(key), 5, good, counting(6)));
  BOOST_TEST(!open(opened.data(), as_key(key), 5, const_bytes(good).first(65), associated));
  octets other_key = key;
  other_key[31] ^= 1;
  BOOST_TEST(!open(opened.data(), as_key(other_key), 5, good, associated));
  for (std::size_t i = 0; i < good.size(); ++i) {
    octets flipped = good;
    flipped[i] ^= 0x80;
    BOOST_TEST(!open(opened.data(), as_key(key), 5, flipped, associated));
  }
}

BOOST_AUTO_TEST_CASE(seal_and_open_work_in_place) {
  const octets key = counting(32);
  for (const std::size_t length :
       std::array<std::size_t, 9>{0, 1, 16, 63, 64, 65, 256, 1420, 65472}) {
    const octets plain = counting(length);
    octets memory = plain;
    memory.resize(length + tag_octets);
    seal(memory.data(), as_key(key), 9, const_bytes(memory).first(length));
    BOOST_TEST((memory == sealed(key, 9, plain, {})));
    BOOST_TEST(open(memory.data(), as_key(key), 9, memory));
    BOOST_TEST(std::equal(plain.begin(), plain.end(), memory.begin()));
  }
}

BOOST_AUTO_TEST_CASE(xaead_is_that_of_draft_irtf_cfrg_xchacha_appendix_a_3_1) {
  const octets key = from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const octets nonce = from_hex("404142434445464748494a4b4c4d4e4f5051525354555657");
  const std::span<const std::uint8_t, xnonce_octets> nonce_view(nonce.data(), xnonce_octets);
  const octets associated = from_hex("50515253c0c1c2c3c4c5c6c7");
  const octets plain = from_text("Ladies and Gentlemen of the class of '99: If I could offer you "
                                 "only one tip for the future, sunscreen would be it.");
  const octets expected =
      from_hex("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b"
               "0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945"
               "b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f6"
               "15c68b13b52ec0875924c1c7987947deafd8780acf49");
  octets cipher(plain.size() + tag_octets);
  xseal(cipher.data(), as_key(key), nonce_view, plain, associated);
  BOOST_TEST(to_hex(cipher) == to_hex(expected));
  octets opened(plain.size());
  BOOST_TEST(xopen(opened.data(), as_key(key), nonce_view, cipher, associated));
  BOOST_TEST(opened == plain);
  BOOST_TEST(!xopen(opened.data(), as_key(key), nonce_view, cipher, counting(12)));
}

BOOST_AUTO_TEST_CASE(equal_compares_length_and_every_octet) {
  BOOST_TEST(equal({}, {}));
  BOOST_TEST(equal(counting(16), counting(16)));
  BOOST_TEST(!equal(counting(16), counting(15)));
  for (std::size_t i = 0; i < 16; ++i) {
    octets other = counting(16);
    other[i] ^= 1;
    BOOST_TEST(!equal(other, counting(16)));
  }
}

BOOST_AUTO_TEST_CASE(wipe_leaves_zeros) {
  octets memory = counting(40);
  wipe(memory);
  BOOST_TEST(memory == octets(40));
}

BOOST_AUTO_TEST_SUITE_END()
