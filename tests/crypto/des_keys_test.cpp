#include "ipsec/crypto/des_keys.hpp"

#include <set>

#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

// req: rfc2409-4-13, rfc2405-4-2, rfc2451-2.2-3
TEST_CASE("the weak and semi-weak keys of RFC 2409 are known, whatever their parity", "[crypto][des_keys]") {
    for (const auto& t : test::vectors("des-weak-keys")) {
        auto key = test::field(t, "key");
        CAPTURE(t.at("key").get<std::string>());
        CHECK(is_weak_des_key(key));
        for (auto& b : key) b ^= std::byte{1};
        CHECK(is_weak_des_key(key));
        key[3] ^= std::byte{0x10};
        CHECK_FALSE(is_weak_des_key(key));
        CHECK(fault(check_cipher_key(encryption_id::des_cbc, test::field(t, "key"))) == errc::weak_key);
    }
    CHECK_FALSE(is_weak_des_key(test::unhex("0123456789abcdef")));
}

TEST_CASE("the table of weak keys has odd parity and no key twice", "[crypto][des_keys]") {
    std::set<std::uint64_t> all;
    for (const auto k : weak_des_keys) {
        all.insert(k);
        if (k == 0x1f1f1f1fe0e0e0e0 || k == 0xe0e0e0e01f1f1f1f) continue;  // as printed in RFC 2409
        for (int i = 0; i < 8; ++i) CHECK(__builtin_popcountll((k >> (8 * i)) & 0xff) % 2 == 1);
    }
    CHECK(all.size() == weak_des_keys.size());
    // The two that RFC 2409 App. A misprints, as FIPS 74 has them.
    CHECK(all.contains(0x1f1f1f1f0e0e0e0e));
    CHECK(all.contains(0xe0e0e0e0f1f1f1f1));
}

// req: rfc2451-2.3-1, rfc2451-2.3-2, rfc2451-2.3-4
TEST_CASE("3DES with two equal neighbours is single DES and refused", "[crypto][des_keys]") {
    const std::string a = "0123456789abcdef", b = "fedcba9876543210", c = "1133557799bbddff", weak = "0101010101010101";
    auto verdict = [](const std::string& key) { return fault(check_cipher_key(encryption_id::des3_cbc, test::unhex(key))); };
    CHECK_FALSE(verdict(a + b + c));
    CHECK_FALSE(verdict(a + b + a));     // two keys: weaker, but not refused by RFC 2451
    CHECK_FALSE(verdict(weak + b + c));  // no need to reject these
    CHECK(verdict(a + a + c) == errc::weak_key);
    CHECK(verdict(a + b + b) == errc::weak_key);
    CHECK(verdict("0022446688aaccee" + a + c) == errc::weak_key);  // the same key with other parity bits
    CHECK_FALSE(fault(check_cipher_key(encryption_id::aes_cbc, test::unhex(weak + weak))));
}
