#include "ipsec/crypto/proposal_name.hpp"

#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;

TEST_CASE("ESP proposals are read in strongSwan's words", "[crypto][proposal_name]") {
    struct row {
        const char* text;
        esp_proposal want;
    };
    const auto r = GENERATE(values<row>({
        {"aes128-sha1", {{encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, group_id::none, false}},
        {"aes-sha", {{encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, group_id::none, false}},
        {"aes192-sha384", {{encryption_id::aes_cbc, 192, integrity_id::hmac_sha2_384_192}, group_id::none, false}},
        {"aes256-sha2_256-modp2048", {{encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_256_128}, group_id::modp2048, false}},
        {"3des-md5", {{encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96}, group_id::none, false}},
        {"des-md5-modp768", {{encryption_id::des_cbc, 0, integrity_id::hmac_md5_96}, group_id::modp768, false}},
        {"null-sha512", {{encryption_id::null, 0, integrity_id::hmac_sha2_512_256}, group_id::none, false}},
        {"aes128gcm8", {{encryption_id::aes_gcm_8, 128, integrity_id::none}, group_id::none, false}},
        {"aes192gcm12", {{encryption_id::aes_gcm_12, 192, integrity_id::none}, group_id::none, false}},
        {"aes256gcm128-esn", {{encryption_id::aes_gcm_16, 256, integrity_id::none}, group_id::none, true}},
        {"blowfish448-sha1", {{encryption_id::blowfish_cbc, 448, integrity_id::hmac_sha1_96}, group_id::none, false}},
        {"cast128-md5", {{encryption_id::cast128_cbc, 128, integrity_id::hmac_md5_96}, group_id::none, false}},
        {"idea-ripemd160", {{encryption_id::idea_cbc, 0, integrity_id::hmac_ripemd_160_96}, group_id::none, false}},
        {"camellia256-sha256", {{encryption_id::camellia_cbc, 256, integrity_id::hmac_sha2_256_128}, group_id::none, false}},
        {"twofish-aesxcbc", {{encryption_id::twofish_cbc, 128, integrity_id::aes_xcbc_96}, group_id::none, false}},
        {"serpent192-aescmac", {{encryption_id::serpent_cbc, 192, integrity_id::aes_cmac_96}, group_id::none, false}},
        {"aes256ctr-sha2_256_96", {{encryption_id::aes_ctr, 256, integrity_id::hmac_sha2_256_96}, group_id::none, false}},
        {"aes128ccm64", {{encryption_id::aes_ccm_8, 128, integrity_id::none}, group_id::none, false}},
        {"aes192ccm12", {{encryption_id::aes_ccm_12, 192, integrity_id::none}, group_id::none, false}},
        {"aes256ccm128", {{encryption_id::aes_ccm_16, 256, integrity_id::none}, group_id::none, false}},
        {"aes256gmac", {{encryption_id::null_aes_gmac, 256, integrity_id::none}, group_id::none, false}},
        {"aes128gcm16iiv", {{encryption_id::aes_gcm_16_iiv, 128, integrity_id::none}, group_id::none, false}},
        {"aes128ccm8iiv", {{encryption_id::aes_ccm_8_iiv, 128, integrity_id::none}, group_id::none, false}},
        {"chacha20poly1305iiv", {{encryption_id::chacha20_poly1305_iiv, 0, integrity_id::none}, group_id::none, false}},
        {"chacha20poly1305-noesn", {{encryption_id::chacha20_poly1305, 0, integrity_id::none}, group_id::none, false}},
    }));
    CAPTURE(r.text);
    const auto p = parse_esp_proposal(r.text);
    REQUIRE(p.has_value());
    CHECK(*p == r.want);
    const auto again = parse_esp_proposal(to_text(p->protection).view());
    REQUIRE(again.has_value());
    CHECK(again->protection == p->protection);
}

TEST_CASE("a wrong ESP proposal is refused with the word that is wrong", "[crypto][proposal_name]") {
    struct row {
        const char* text;
        errc code;
        const char* word;
    };
    const auto r = GENERATE(values<row>({
        {"null-none", errc::null_with_null, "null-none"},
        {"null", errc::null_with_null, "null"},
        {"aes128", errc::no_integrity, "aes128"},
        {"aes128-none", errc::no_integrity, "aes128-none"},
        {"aes128gcm16-sha1", errc::two_integrities, "sha1"},
        {"aes512-sha1", errc::bad_key_size, "aes512"},
        {"blowfish456-sha1", errc::bad_key_size, "blowfish456"},
        {"aes65664-sha1", errc::bad_key_size, "aes65664"},  // 65536 more than 128
        {"aes65664gcm16", errc::bad_key_size, "aes65664gcm16"},
        {"blowfish65576-sha1", errc::bad_key_size, "blowfish65576"},
        {"aes128-sha2_1", errc::unknown_algorithm, "sha2_1"},  // there is no SHA-2 of that name
        {"aes128-sha2_", errc::unknown_algorithm, "sha2_"},
        {"aes128ctr", errc::no_integrity, "aes128ctr"},
        {"rc5-sha1", errc::unsupported_algorithm, "rc5"},
        {"3idea-sha1", errc::unsupported_algorithm, "3idea"},
        {"aes128-desmac", errc::unsupported_algorithm, "desmac"},
        {"null-kpdk", errc::unsupported_algorithm, "kpdk"},
        {"aes99999999999999999999-sha1", errc::unknown_algorithm, "aes99999999999999999999"},
        {"rot13-sha1", errc::unknown_algorithm, "rot13"},
        {"aes128-sha3", errc::unknown_algorithm, "sha3"},
        {"aes128-sha1-modp1000", errc::unknown_group, "modp1000"},
        {"aes128-aes256-sha1", errc::bad_proposal, "aes256"},
        {"aes128-sha1-md5", errc::bad_proposal, "md5"},
        {"aes128-sha1-modp1024-modp2048", errc::bad_proposal, "modp2048"},
        {"aes128-sha1-esn-noesn", errc::bad_proposal, "noesn"},
        {"sha1", errc::bad_proposal, "sha1"},
        {"aes128--sha1", errc::unknown_algorithm, ""},
        {"", errc::unknown_algorithm, ""},
        {"aes128-sha1-", errc::unknown_algorithm, ""},
    }));
    CAPTURE(r.text);
    const auto p = parse_esp_proposal(r.text);
    REQUIRE_FALSE(p.has_value());
    CHECK(p.error().code == r.code);
    CHECK(p.error().word == r.word);
}

TEST_CASE("encryption alone is read when its danger is named", "[crypto][proposal_name]") {
    const auto p = parse_esp_proposal("aes128-none", {.no_integrity = true});
    REQUIRE(p.has_value());
    CHECK(to_text(p->protection).view() == "aes128-none");
    CHECK_FALSE(parse_esp_proposal("null-none", {.no_integrity = true}).has_value());
}

TEST_CASE("AH and IKEv1 proposals are read", "[crypto][proposal_name]") {
    CHECK(parse_ah_proposal("sha1-modp2048") == ah_proposal{integrity_id::hmac_sha1_96, group_id::modp2048, false});
    CHECK(parse_ah_proposal("sha256-esn") == ah_proposal{integrity_id::hmac_sha2_256_128, group_id::none, true});
    CHECK(parse_ah_proposal("aes128-sha1").error() == name_error{errc::bad_proposal, "aes128"});
    CHECK(parse_ah_proposal("none").error() == name_error{errc::no_integrity, "none"});
    CHECK(parse_ah_proposal("modp2048").error() == name_error{errc::bad_proposal, "modp2048"});
    CHECK(parse_ah_proposal("x").error() == name_error{errc::unknown_algorithm, "x"});

    const auto p = parse_ike_v1_proposal("aes256-sha256-modp2048");
    REQUIRE(p.has_value());
    CHECK(*p == ike_v1_proposal{encryption_id::aes_cbc, 256, hash_id::sha2_256, group_id::modp2048});
    CHECK(to_text(*p).view() == "aes256-sha256-modp2048");
    CHECK(to_text(parse_ike_v1_proposal("3des-md5-modp1024").value()).view() == "3des-md5-modp1024");
    CHECK(parse_ike_v1_proposal("aes128-sha1").error() == name_error{errc::bad_proposal, "aes128-sha1"});
    CHECK(parse_ike_v1_proposal("aes128gcm16-sha1-modp2048").error() == name_error{errc::not_for_ike_v1, "aes128gcm16"});
    CHECK(parse_ike_v1_proposal("null-sha1-modp2048").error() == name_error{errc::not_for_ike_v1, "null"});
    CHECK(parse_ike_v1_proposal("chacha20poly1305-sha1-modp2048").error() ==
          name_error{errc::not_for_ike_v1, "chacha20poly1305"});
    CHECK(parse_ike_v1_proposal("aes128-none-modp2048").error() == name_error{errc::no_integrity, "none"});
}
