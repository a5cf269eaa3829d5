#include "ipsec/crypto/algorithms.hpp"

#include "ipsec/crypto/archetype.hpp"
#include "ipsec/crypto/any_suite.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/crypto/legacy.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

// What composes asks for nothing but the archetype's members.
static_assert(explain_esp_suite<encrypt_then_mac<archetype::cipher, archetype::mac>>());
static_assert(explain_esp_suite<encrypt_then_mac<null_cipher, archetype::mac>>());
static_assert(explain_esp_suite<any_suite<archetype::suite, encrypt_then_mac<archetype::cipher, archetype::mac>>>());
static_assert(explain_cipher<null_cipher>());
static_assert(explain_mac<no_mac>());

TEST_CASE("ciphers have the numbers and sizes of their RFCs", "[crypto][algorithms]") {
    struct row {
        encryption_id id;
        unsigned phase_1, esp_v1, ike_v2, block, iv, icv, salt;
    };
    const auto r = GENERATE(values<row>({
        {encryption_id::null, 0, 11, 11, 1, 0, 0, 0},
        {encryption_id::des_cbc, 1, 2, 2, 8, 8, 0, 0},
        {encryption_id::des3_cbc, 5, 3, 3, 8, 8, 0, 0},
        {encryption_id::aes_cbc, 7, 12, 12, 16, 16, 0, 0},
        {encryption_id::aes_gcm_8, 0, 18, 18, 1, 8, 8, 4},
        {encryption_id::aes_gcm_12, 0, 19, 19, 1, 8, 12, 4},
        {encryption_id::aes_gcm_16, 0, 20, 20, 1, 8, 16, 4},
        {encryption_id::chacha20_poly1305, 0, 0, 28, 1, 8, 16, 4},
        {encryption_id::blowfish_cbc, 3, 7, 7, 8, 8, 0, 0},
        {encryption_id::cast128_cbc, 6, 6, 6, 8, 8, 0, 0},
        {encryption_id::idea_cbc, 2, 5, 5, 8, 8, 0, 0},
        {encryption_id::camellia_cbc, 8, 22, 23, 16, 16, 0, 0},
        {encryption_id::twofish_cbc, 65005, 253, 0, 16, 16, 0, 0},
        {encryption_id::serpent_cbc, 65004, 252, 0, 16, 16, 0, 0},
        {encryption_id::aes_ctr, 0, 13, 13, 1, 8, 0, 4},
        {encryption_id::aes_ccm_8, 0, 14, 14, 1, 8, 8, 3},
        {encryption_id::aes_ccm_12, 0, 15, 15, 1, 8, 12, 3},
        {encryption_id::aes_ccm_16, 0, 16, 16, 1, 8, 16, 3},
        {encryption_id::null_aes_gmac, 0, 23, 21, 1, 8, 16, 4},
        {encryption_id::aes_ccm_8_iiv, 0, 0, 29, 1, 0, 8, 3},
        {encryption_id::aes_gcm_16_iiv, 0, 0, 30, 1, 0, 16, 4},
        {encryption_id::chacha20_poly1305_iiv, 0, 0, 31, 1, 0, 16, 4},
    }));
    const auto* e = find(r.id);
    REQUIRE(e != nullptr);
    CAPTURE(e->name, e->suffix);
    CHECK(e->ike_v1 == r.phase_1);
    CHECK(e->esp_v1 == r.esp_v1);
    CHECK(e->ike_v2 == r.ike_v2);
    CHECK(e->block == r.block);
    CHECK(e->iv == r.iv);
    CHECK(e->icv == r.icv);
    CHECK(e->salt == r.salt);
    CHECK(e->combined == (r.icv != 0));
    CHECK(is_counter_mode(r.id) == (r.salt != 0));
    if (r.esp_v1 != 0) CHECK(find_esp_v1(static_cast<std::uint8_t>(r.esp_v1)) == e);
    if (r.phase_1 != 0) CHECK(find_phase_1_encryption(static_cast<std::uint16_t>(r.phase_1)) == e);
}

TEST_CASE("MACs, hashes and prfs have the numbers and sizes of their RFCs", "[crypto][algorithms]") {
    struct row {
        integrity_id id;
        hash_id hash;
        unsigned attribute, ah, ike_v2, key, icv, phase_1, prf_v2, digest;
    };
    const auto r = GENERATE(values<row>({
        {integrity_id::hmac_md5_96, hash_id::md5, 1, 2, 1, 16, 12, 1, 1, 16},
        {integrity_id::hmac_sha1_96, hash_id::sha1, 2, 3, 2, 20, 12, 2, 2, 20},
        {integrity_id::hmac_sha2_256_128, hash_id::sha2_256, 5, 5, 12, 32, 16, 4, 5, 32},
        {integrity_id::hmac_sha2_384_192, hash_id::sha2_384, 6, 6, 13, 48, 24, 5, 6, 48},
        {integrity_id::hmac_sha2_512_256, hash_id::sha2_512, 7, 7, 14, 64, 32, 6, 7, 64},
    }));
    const auto* i = find(r.id);
    REQUIRE(i != nullptr);
    CAPTURE(i->name);
    CHECK(i->hash == r.hash);
    CHECK(i->auth_v1 == r.attribute);
    CHECK(i->ah_v1 == r.ah);
    CHECK(i->ike_v2 == r.ike_v2);
    CHECK(i->key == r.key);
    CHECK(i->icv == r.icv);
    CHECK(find_ah_v1(static_cast<std::uint8_t>(r.ah)) == i);
    CHECK(find_auth_v1(static_cast<std::uint16_t>(r.attribute)) == i);
    const auto* h = find(r.hash);
    REQUIRE(h != nullptr);
    CHECK(h->ike_v1 == r.phase_1);
    CHECK(h->size == r.digest);
    CHECK(find_phase_1_hash(static_cast<std::uint16_t>(r.phase_1)) == h);
    const auto* p = find(h->prf);
    REQUIRE(p != nullptr);
    CHECK(p->ike_v2 == r.prf_v2);
    CHECK(p->size == r.digest);
    CHECK(p->hash == r.hash);
}

TEST_CASE("values outside the tables are not found", "[crypto][algorithms]") {
    CHECK(find(static_cast<encryption_id>(99)) == nullptr);
    CHECK(find(integrity_id::none) == nullptr);
    CHECK(find(group_id::none) == nullptr);
    CHECK(find(static_cast<group_id>(13)) == nullptr);
    CHECK(find_esp_v1(0) == nullptr);
    CHECK(find_phase_1_encryption(0) == nullptr);
    CHECK(find_phase_1_encryption(20) == nullptr);
    CHECK_FALSE(is_combined(static_cast<encryption_id>(99)));
}

TEST_CASE("the standing of an algorithm is that of RFC 8221 and RFC 8247", "[crypto][algorithms]") {
    CHECK(find(encryption_id::aes_cbc)->esp == status::must);
    CHECK(find(encryption_id::aes_gcm_16)->esp == status::must);
    CHECK(find(encryption_id::aes_gcm_16)->ike == status::should);
    CHECK(find(encryption_id::des3_cbc)->esp == status::should_not);
    CHECK(find(encryption_id::des3_cbc)->ike == status::may);
    CHECK(find(encryption_id::des_cbc)->esp == status::must_not);
    CHECK(find(encryption_id::null)->ike == status::must_not);
    CHECK(find(integrity_id::hmac_sha1_96)->esp == status::must_minus);
    CHECK(find(integrity_id::hmac_md5_96)->esp == status::must_not);
    CHECK(find(prf_id::hmac_sha2_512)->ike == status::should_plus);
    CHECK(find(group_id::modp2048)->ike == status::must);
    CHECK(find(group_id::modp1024)->ike == status::should_not);
    CHECK(find(group_id::modp768)->ike == status::must_not);
    CHECK(name_of(status::must_minus) == "MUST-");
}

// req: rfc2406-5-9, rfc2406-3.2-2, rfc4303-3.2-2, rfc4303-5-6, rfc4301-4.2-1, rfc7634-4-1
// req: rfc2406-1-1, rfc2401-4.2-1, rfc2401-4.4.1-7, rfc2401-4.4.1-8, rfc2401-4.4.3-5, rfc2401-5.1.1-5
// cve-53
TEST_CASE("illegal pairs are refused by name", "[crypto][algorithms]") {
    struct row {
        const char* what;
        transform t;
        std::optional<errc> plain, dangerous, in_ike_v1;
    };
    const auto none = std::optional<errc>{};
    const auto r = GENERATE_COPY(values<row>({
        {"AES and HMAC", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, none, none, none},
        {"NULL and HMAC", {encryption_id::null, 0, integrity_id::hmac_md5_96}, none, none, none},
        {"NULL and NULL",
         {encryption_id::null, 0, integrity_id::none},
         errc::null_with_null,
         errc::null_with_null,
         errc::null_with_null},
        {"AES alone", {encryption_id::aes_cbc, 256, integrity_id::none}, errc::no_integrity, none, errc::no_integrity},
        {"GCM", {encryption_id::aes_gcm_12, 192, integrity_id::none}, none, none, none},
        {"GCM and HMAC",
         {encryption_id::aes_gcm_16, 128, integrity_id::hmac_sha1_96},
         errc::two_integrities,
         errc::two_integrities,
         errc::two_integrities},
        {"ChaCha20", {encryption_id::chacha20_poly1305, 0, integrity_id::none}, none, none, errc::not_for_ike_v1},
        {"AES without a length",
         {encryption_id::aes_cbc, 0, integrity_id::hmac_sha1_96},
         errc::bad_key_size,
         errc::bad_key_size,
         errc::bad_key_size},
        {"AES with a strange length",
         {encryption_id::aes_cbc, 129, integrity_id::hmac_sha1_96},
         errc::bad_key_size,
         errc::bad_key_size,
         errc::bad_key_size},
        {"DES with a length",
         {encryption_id::des_cbc, 64, integrity_id::hmac_sha1_96},
         errc::bad_key_size,
         errc::bad_key_size,
         errc::bad_key_size},
        {"no such cipher",
         {static_cast<encryption_id>(77), 0, integrity_id::hmac_sha1_96},
         errc::unknown_algorithm,
         errc::unknown_algorithm,
         errc::unknown_algorithm},
        {"no such MAC",
         {encryption_id::null, 0, static_cast<integrity_id>(77)},
         errc::unknown_algorithm,
         errc::unknown_algorithm,
         errc::unknown_algorithm},
    }));
    CAPTURE(r.what);
    CHECK(fault(check(r.t)) == r.plain);
    CHECK(fault(check(r.t, {.no_integrity = true})) == r.dangerous);
    CHECK(fault(check_for_ike_v1(r.t)) == r.in_ike_v1);
}

// req: rfc4106-2-2
TEST_CASE("a counter mode with keys given by hand wants its danger named", "[crypto][algorithms]") {
    const transform gcm{encryption_id::aes_gcm_16, 128, integrity_id::none},
        cbc{encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96};
    CHECK(fault(check_for_manual_keys(gcm, false)) == errc::static_counter_keys);
    CHECK_FALSE(fault(check_for_manual_keys(gcm, true)));
    CHECK_FALSE(fault(check_for_manual_keys(cbc, false)));
}

// req: rfc4106-8.1-1
TEST_CASE("keying material is cipher key, salt and integrity key", "[crypto][algorithms]") {
    CHECK(keymat_size({encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}) == 36U);
    CHECK(keymat_size({encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96}) == 40U);
    CHECK(keymat_size({encryption_id::null, 0, integrity_id::hmac_sha2_512_256}) == 64U);
    CHECK(keymat_size({encryption_id::aes_gcm_16, 256, integrity_id::none}) == 36U);
    CHECK(keymat_size({encryption_id::chacha20_poly1305, 0, integrity_id::none}) == 36U);
    CHECK(fault(keymat_size({encryption_id::aes_cbc, 100, integrity_id::none})) == errc::bad_key_size);
}

TEST_CASE("every crypto error has a name and a condition", "[crypto][errc]") {
    for (auto e = std::uint8_t{1}; e <= static_cast<std::uint8_t>(errc::not_for_esp); ++e) {
        CHECK(name_of(static_cast<errc>(e)) != "unknown crypto error");
        CHECK(name_of(condition_of(static_cast<errc>(e))) != "unknown condition");
    }
    CHECK(name_of(static_cast<errc>(200)) == "unknown crypto error");
    CHECK(condition_of(errc::foreign_keys) == condition::misuse);
    CHECK(condition_of(errc::unauthentic) == condition::unauthenticated);
}

TEST_CASE("legacy names stand for what no default list has", "[crypto][legacy]") {
    CHECK(find(legacy::des_cbc)->esp <= status::should_not);
    CHECK(find(legacy::des3_cbc)->esp <= status::should_not);
    CHECK(find(legacy::hmac_md5_96)->esp <= status::should_not);
    CHECK(find(legacy::modp768)->ike <= status::should_not);
    CHECK(find(legacy::modp1024)->ike <= status::should_not);
    CHECK(find(legacy::modp1536)->ike <= status::should_not);
    CHECK(check(legacy::des_md5).has_value());
}
