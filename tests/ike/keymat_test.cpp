// Key derivation of IKEv1 against NIST's vectors, a recorded exchange of strongSwan, and by hand.
#include <fstream>

#include <nlohmann/json.hpp>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/keymat.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::ike::v1;
using test::hex;
using test::unhex;

namespace {
auto load(const std::string& name) -> nlohmann::json {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/" + name};
    REQUIRE(in.good());
    return nlohmann::json::parse(in);
}
auto hash_of(const std::string& name) -> crypto::hash_id {
    if (name == "MD5") return crypto::hash_id::md5;
    if (name == "SHA-1") return crypto::hash_id::sha1;
    if (name == "SHA-224") return {};
    if (name == "SHA-256") return crypto::hash_id::sha2_256;
    if (name == "SHA-384") return crypto::hash_id::sha2_384;
    REQUIRE(name == "SHA-512");
    return crypto::hash_id::sha2_512;
}
}  // namespace

// req: rfc2409-4-9
// pitfall 4, pitfall 5
TEST_CASE("NIST's sets for pre-shared keys come out", "[ike][keymat]") {
    crypto::botan::provider p;
    const auto data = load("vectors/ikev1-kdf-psk-cavs.json");
    std::size_t judged = 0;
    for (const auto& t : data["tests"]) {
        const auto h = hash_of(t["hash"]);
        if (crypto::find(h) == nullptr) continue;
        const auto prf = crypto::find(h)->prf;
        CAPTURE(t["hash"].get<std::string>(), t["count"].get<int>());
        auto skeyid = skeyid_psk(p, prf, unhex(t["psk"].get<std::string>()), unhex(t["ni"].get<std::string>()),
                                 unhex(t["nr"].get<std::string>()));
        REQUIRE(skeyid);
        CHECK(hex(skeyid->view()) == t["skeyid"].get<std::string>());
        const auto k = derive(p, prf, std::move(*skeyid), unhex(t["gxy"].get<std::string>()),
                              unhex(t["cky_i"].get<std::string>()), unhex(t["cky_r"].get<std::string>()));
        REQUIRE(k);
        CHECK(hex(k->skeyid_d.view()) == t["skeyid_d"].get<std::string>());
        CHECK(hex(k->skeyid_a.view()) == t["skeyid_a"].get<std::string>());
        CHECK(hex(k->skeyid_e.view()) == t["skeyid_e"].get<std::string>());
        ++judged;
    }
    CHECK(judged >= 28);
}

TEST_CASE("an exchange recorded by strongSwan gives the same key, IV and KEYMAT", "[ike][keymat]") {
    crypto::botan::provider p;
    // Values of captures/v1-main-psk-3des-md5-modp1024.
    const crypto::digest skeyid_e{unhex("e475a3bad164d5c4fbb5ab0fd42d2a33")};
    const auto key = cipher_key(p, crypto::prf_id::hmac_md5, skeyid_e, crypto::encryption_id::des3_cbc, 24);
    REQUIRE(key);
    CHECK(hex(key->view()) == "c0be076f4bc8c24631ab548b5de69d44d34dfd8b8ac39045");

    const auto gxi = unhex(
        "0258cc306993e19875aab7f6e51610e900c699436139e8b0202f667854346dfb70734e42fdacba5270abd0a378acce67a3562d1bf6cabe9887bf45f5"
        "8ca4d5c48c9a2813b6638f668956a1c40cb8afc1a3d7b3ac70449615b4d684b9bd7e5d9204cec462e29564a2a53aa9ffe6053ae0f28d3a81fe1c978e"
        "4256133b85b9c3ab");
    const auto gxr = unhex(
        "57fc17a90d1077026cdb0d18e9f60bb63a7b4cab71908b29bf128e826ebafb3d4f7cfd171cbefcafd3c4fb12a4be1d310e6b15b14de7841ee88bcf76"
        "0a5183596e797a0e297e28073ee38064adc7ac2d77705840d991345af03a1aa0c86e88934988024825109c402a07f4e85186b531439db575fccb0560"
        "4c7da4ad10004abf");
    const auto first = phase_1_iv(p, crypto::hash_id::md5, gxi, gxr, 8);
    REQUIRE(first);
    CHECK(hex(first->view()) == "da9c986bf7b4bd4b");

    const crypto::digest skeyid{unhex("b902f322305adc1fd318381e55cb2990")};
    const auto sai_b = unhex("00000001000000010000002801010001000000200101000080010005800200018004000280030001800b0001800c3de0");
    const auto cky_i = unhex("553b73fac357b69b"), cky_r = unhex("5375a04884b76781");
    const auto hash_i = phase_1_hash(p, crypto::prf_id::hmac_md5, skeyid, gxi, gxr, cky_i, cky_r, sai_b,
                                     unhex("02000000616c6963652e6578616d706c65"));
    const auto hash_r =
        phase_1_hash(p, crypto::prf_id::hmac_md5, skeyid, gxr, gxi, cky_r, cky_i, sai_b, unhex("02000000626f622e6578616d706c65"));
    REQUIRE((hash_i && hash_r));
    CHECK(hex(hash_i->view()) == "f9563aeacf6f3d36a48a065b2584d615");
    CHECK(hex(hash_r->view()) == "ddec586defba02fa1f9632a95f12b032");

    // 03 | SPI | Ni_b | Nr_b, as recorded; the direction that the initiator sends in.
    const auto seed = unhex(
        "03ca45e82305f94b2c8d9fee4505127fab744badf7080224758b8d7fb3e4d1617b98826654273ce9b1adc87d9a64690ef0e6c2774544bbb9eb64211b"
        "06346971ae602cbbdd");
    const crypto::digest skeyid_d{unhex("ea9094ddb21f343982c019c8deda42ca")};
    const auto nonces = byte_view{seed}.subspan(5);
    const auto k = keymat(p, crypto::prf_id::hmac_md5, skeyid_d, {}, 3, 0xca45e823, nonces.first(32), nonces.subspan(32), 40);
    REQUIRE(k);
    CHECK(hex(k->view()) == "db3b1df1fe1e469f1ecc149cc7b35af04d401f9a02cef4f99aafd3ad788f2a866bb3b902f3821003");
}

// req: rfc2409-4-13
// IKE1-050, pitfall 30
TEST_CASE("a DES key is the first eight octets of SKEYID_e that are no weak key", "[ike][keymat]") {
    testing::identity_provider p;
    const auto key = [&](const char* skeyid_e) {
        return cipher_key(p, crypto::prf_id::hmac_sha1, crypto::digest{unhex(skeyid_e)}, crypto::encryption_id::des_cbc, 8);
    };
    CHECK(hex(key("0123456789abcdef0011223344556677")->view()) == "0123456789abcdef");
    CHECK(hex(key("01010101010101010011223344556677")->view()) == "0011223344556677");
    CHECK(hex(key("01fe01fe01fe01fe0011223344556677")->view()) == "0011223344556677");
    REQUIRE_FALSE(key("0101010101010101fefefefefefefefe"));
    CHECK(key("0101010101010101fefefefefefefefe").error() == crypto::errc::weak_key);
}

// req: rfc2409-B-m1
// pitfall 5
TEST_CASE("keys are cut from SKEYID_e when it is long enough, and fed back through the prf when not", "[ike][keymat]") {
    crypto::botan::provider p;
    const crypto::digest skeyid_e{unhex("000102030405060708090a0b0c0d0e0f10111213")};
    const auto sha1 = crypto::prf_id::hmac_sha1;
    CHECK(hex(cipher_key(p, sha1, skeyid_e, crypto::encryption_id::aes_cbc, 16)->view()) == "000102030405060708090a0b0c0d0e0f");
    const std::array<std::byte, 1> nul{};
    const std::array<byte_view, 1> nul_part{byte_view{nul}};
    const auto k1 = p.prf(sha1, skeyid_e.view(), nul_part);
    const std::array<byte_view, 1> k1_part{k1->view()};
    const auto k2 = p.prf(sha1, skeyid_e.view(), k1_part);
    const auto whole = cipher_key(p, sha1, skeyid_e, crypto::encryption_id::aes_cbc, 32);
    REQUIRE(whole);
    CHECK(hex(whole->view()) == hex(k1->view()) + hex(k2->view()).substr(0, 24));
}

TEST_CASE("each of KEYMAT's inputs changes it", "[ike][keymat]") {
    crypto::botan::provider p;
    const auto a = unhex("aa"), b = unhex("bb"), none = unhex("");
    const crypto::digest d{unhex("0102030405060708090a0b0c0d0e0f10")};
    const auto k = [&](byte_view gxy, std::uint8_t proto, std::uint32_t spi, byte_view ni, byte_view nr) {
        return hex(keymat(p, crypto::prf_id::hmac_sha2_256, d, gxy, proto, spi, ni, nr, 100)->view());
    };
    const auto base = k(none, 3, 1000, a, b);
    CHECK(base.size() == 200);
    CHECK(base != k(a, 3, 1000, a, b));
    CHECK(base != k(none, 2, 1000, a, b));
    CHECK(base != k(none, 3, 1001, a, b));
    CHECK(base != k(none, 3, 1000, b, b));
    CHECK(base != k(none, 3, 1000, a, a));
}
