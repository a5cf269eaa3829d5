// SKEYID of the methods with public keys, against NIST's set and one that was computed from the RFC's text.
#include <fstream>

#include <nlohmann/json.hpp>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/keymat.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::ike::v1;
using test::hex;
using test::unhex;

namespace {
auto tests_of(const std::string& name) -> nlohmann::json {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/vectors/" + name};
    REQUIRE(in.good());
    return nlohmann::json::parse(in)["tests"];
}
auto hash_of(const std::string& name) -> std::optional<crypto::hash_id> {
    if (name == "MD5") return crypto::hash_id::md5;
    if (name == "SHA-1") return crypto::hash_id::sha1;
    if (name == "SHA-256") return crypto::hash_id::sha2_256;
    if (name == "SHA-384") return crypto::hash_id::sha2_384;
    if (name == "SHA-512") return crypto::hash_id::sha2_512;
    return std::nullopt;  // SHA-224 is no hash of IKEv1
}
auto octets_of(const nlohmann::json& t, const char* name) { return unhex(t[name].get<std::string>()); }

void check_the_three(crypto::botan::provider& p, crypto::prf_id prf, crypto::digest skeyid, const nlohmann::json& t) {
    CHECK(hex(skeyid.view()) == t["skeyid"].get<std::string>());
    const auto k = derive(p, prf, std::move(skeyid), octets_of(t, "gxy"), octets_of(t, "cky_i"), octets_of(t, "cky_r"));
    REQUIRE(k);
    CHECK(hex(k->skeyid_d.view()) == t["skeyid_d"].get<std::string>());
    CHECK(hex(k->skeyid_a.view()) == t["skeyid_a"].get<std::string>());
    CHECK(hex(k->skeyid_e.view()) == t["skeyid_e"].get<std::string>());
}
}  // namespace

TEST_CASE("NIST's sets for signatures come out", "[ike][keymat][signatures][IKE1-050]") {
    crypto::botan::provider p;
    std::size_t judged = 0;
    for (const auto& t : tests_of("ikev1-kdf-sig-cavs.json")) {
        const auto h = hash_of(t["hash"]);
        if (!h) continue;
        const auto prf = prf_of(*h);
        auto skeyid = skeyid_signature(p, prf, octets_of(t, "ni"), octets_of(t, "nr"), octets_of(t, "gxy"));
        REQUIRE(skeyid);
        check_the_three(p, prf, std::move(*skeyid), t);
        ++judged;
    }
    CHECK(judged >= 28);
}

// pitfall 4
TEST_CASE("the set for public key encryption comes out", "[ike][keymat][encryption][IKE1-050]") {
    crypto::botan::provider p;
    std::size_t judged = 0;
    for (const auto& t : tests_of("ikev1-kdf-pke-selfmade.json")) {
        const auto h = hash_of(t["hash"]);
        if (!h) continue;
        const auto prf = prf_of(*h);
        auto skeyid =
            skeyid_encryption(p, prf, *h, octets_of(t, "ni"), octets_of(t, "nr"), octets_of(t, "cky_i"), octets_of(t, "cky_r"));
        REQUIRE(skeyid);
        check_the_three(p, prf, std::move(*skeyid), t);
        ++judged;
    }
    CHECK(judged >= 4);
}

TEST_CASE("nonces of the greatest length make a key, longer ones make none", "[ike][keymat][signatures]") {
    crypto::botan::provider p;
    const std::vector<std::byte> most(256, std::byte{7}), more(257, std::byte{7}), gxy(96, std::byte{3});
    CHECK(skeyid_signature(p, crypto::prf_id::hmac_sha1, most, most, gxy));
    CHECK_FALSE(skeyid_signature(p, crypto::prf_id::hmac_sha1, most, more, gxy));
}
