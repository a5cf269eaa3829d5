// The lines ALG-01 to ALG-48 of the conformance checklist: every pair of algorithms seals, opens, and refuses what was changed.
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {

struct line {
    const char* lines;  ///< of the checklist
    transform pair;
    dangers allowed{};
};
using enum encryption_id;
using enum integrity_id;
constexpr dangers alone{.no_integrity = true};

// clang-format off
const std::vector<line> esp_lines{
    {"ALG-01", {null, 0, hmac_md5_96}}, {"ALG-02", {null, 0, hmac_sha1_96}}, {"ALG-03", {null, 0, aes_xcbc_96}},
    {"ALG-04", {des_cbc, 0, hmac_md5_96}}, {"ALG-05", {des_cbc, 0, hmac_sha1_96}}, {"ALG-06", {des_cbc, 0, none}, alone},
    {"ALG-07", {des3_cbc, 0, hmac_md5_96}}, {"ALG-08", {des3_cbc, 0, hmac_sha1_96}}, {"ALG-09", {des3_cbc, 0, aes_xcbc_96}},
    {"ALG-10", {des3_cbc, 0, none}, alone},
    {"ALG-11", {aes_cbc, 128, hmac_sha1_96}}, {"ALG-12", {aes_cbc, 192, hmac_sha1_96}}, {"ALG-13", {aes_cbc, 256, hmac_sha1_96}},
    {"ALG-14", {aes_cbc, 128, hmac_sha2_256_128}}, {"ALG-15", {aes_cbc, 256, hmac_sha2_256_128}},
    {"ALG-16", {aes_cbc, 128, aes_xcbc_96}}, {"ALG-11..16", {aes_cbc, 192, hmac_sha2_256_128}},
    {"ALG-11..16", {aes_cbc, 192, aes_xcbc_96}}, {"ALG-11..16", {aes_cbc, 256, aes_xcbc_96}},
    {"ALG-17", {aes_cbc, 256, hmac_sha2_384_192}}, {"ALG-18", {aes_cbc, 256, hmac_sha2_512_256}},
    {"ALG-19", {aes_cbc, 128, aes_cmac_96}}, {"ALG-20", {aes_cbc, 128, hmac_ripemd_160_96}},
    {"ALG-21", {aes_ctr, 128, hmac_sha1_96}}, {"ALG-22", {aes_ctr, 192, hmac_sha1_96}}, {"ALG-23", {aes_ctr, 256, hmac_sha1_96}},
    {"ALG-24", {camellia_cbc, 128, hmac_sha1_96}}, {"ALG-25", {camellia_cbc, 192, hmac_sha1_96}},
    {"ALG-26", {camellia_cbc, 256, hmac_sha1_96}},
    {"ALG-27", {cast128_cbc, 128, hmac_sha1_96}}, {"ALG-28", {blowfish_cbc, 128, hmac_sha1_96}},
    {"ALG-29", {idea_cbc, 0, hmac_sha1_96}},
    {"ALG-27..30", {blowfish_cbc, 40, hmac_sha1_96}}, {"ALG-27..30", {blowfish_cbc, 448, hmac_sha1_96}},
    {"ALG-31", {aes_gcm_8, 128, none}}, {"ALG-32", {aes_gcm_12, 128, none}}, {"ALG-33", {aes_gcm_16, 128, none}},
    {"ALG-34", {aes_gcm_16, 192, none}}, {"ALG-35", {aes_gcm_16, 256, none}}, {"ALG-36", {aes_gcm_8, 256, none}},
    {"ALG-37", {aes_ccm_8, 128, none}}, {"ALG-38", {aes_ccm_12, 192, none}}, {"ALG-39", {aes_ccm_16, 256, none}},
    {"ALG-40", {chacha20_poly1305, 0, none}},
    {"ALG-41", {null_aes_gmac, 128, none}}, {"ALG-41", {null_aes_gmac, 192, none}}, {"ALG-41", {null_aes_gmac, 256, none}},
    {"RFC 8750", {aes_gcm_16_iiv, 128, none}}, {"RFC 8750", {aes_ccm_8_iiv, 256, none}},
    {"RFC 8750", {chacha20_poly1305_iiv, 0, none}},
    {"before RFC 4868", {aes_cbc, 128, hmac_sha2_256_96}},
    {"others of strongSwan", {twofish_cbc, 256, hmac_sha1_96}}, {"others of strongSwan", {serpent_cbc, 192, hmac_sha1_96}},
};
struct ah_line {
    const char* lines;
    integrity_id id;
};
const std::vector<ah_line> ah_lines{
    {"ALG-42", hmac_md5_96}, {"ALG-43", hmac_sha1_96}, {"ALG-44", hmac_sha2_256_128}, {"ALG-45", hmac_ripemd_160_96},
    {"ALG-46", aes_xcbc_96}, {"ALG-47", aes_gmac_128}, {"ALG-47", aes_gmac_192}, {"ALG-47", aes_gmac_256},
    {"more", hmac_sha2_384_192}, {"more", hmac_sha2_512_256}, {"more", aes_cmac_96}, {"more", hmac_sha2_256_96},
};
// clang-format on

}  // namespace

// PITFALLS 36, 41: the high half of extended numbers is covered in the form of each algorithm, and never sent.
TEST_CASE("ALG-01 to ALG-41: every suite seals and opens, and every changed octet of the ICV is refused", "[crypto][checklist]") {
    test::counting_rng random;
    for (const auto& l : esp_lines) {
        CAPTURE(l.lines, to_text(l.pair).view());
        const auto s = botan::make_esp_suite(l.pair, l.allowed).value();
        const auto k = s.make_keys(test::pattern(s.keymat_size(), 3)).value();
        auto out = s.make_scratch(k, random).value(), in = s.make_scratch(k, random).value();
        const auto text = test::pattern(80, 9);
        for (const bool extended : {false, true}) {
            const std::uint64_t number = extended ? 0x300000005U : 5U;
            auto p = test::packet_for(s, text, 0x01020304, 5);
            REQUIRE(s.seal(k, out, {.packet = p, .sequence = number, .extended = extended}));
            CHECK(p.size() == 8 + s.iv_size() + 80 + s.icv_size());
            const auto open = [&](test::octets packet, std::uint64_t sequence, bool with_high) {
                auto r = s.open(k, in, {.packet = packet, .sequence = sequence, .extended = with_high});
                return r ? std::optional<errc>{} : std::optional{r.error()};
            };
            auto good = p;
            REQUIRE(s.open(k, in, {.packet = good, .sequence = number, .extended = extended}));
            CHECK(test::text_of(s, good) == text);
            if (!s.authenticates()) continue;
            for (std::size_t i = p.size() - s.icv_size(); i < p.size(); ++i)
                for (const unsigned bit : {0x01U, 0x80U}) {
                    auto forged = p;
                    forged[i] ^= static_cast<std::byte>(bit);
                    REQUIRE(open(forged, number, extended) == errc::unauthentic);
                }
            for (std::size_t i = 0; i < p.size() - s.icv_size(); i += 5) {
                auto forged = p;
                forged[i] ^= std::byte{0x10};
                REQUIRE(open(forged, number, extended) == errc::unauthentic);
            }
            CHECK(open(p, number, !extended) == errc::unauthentic);
            if (extended) CHECK(open(p, number ^ (std::uint64_t{1} << 63), true) == errc::unauthentic);
        }
    }
}

// req: rfc2857-2-2, rfc3566-4.3-1
TEST_CASE("ALG-42 to ALG-47: every MAC of AH depends on its key, its input and the high half behind it", "[crypto][checklist]") {
    test::counting_rng random;
    for (const auto& l : ah_lines) {
        CAPTURE(l.lines, find(l.id)->name);
        const auto m = botan::make_mac(l.id).value();
        const auto icv_of = [&](unsigned key, std::initializer_list<byte_view> pieces) {
            const auto k = m.make_keys(test::pattern(m.keymat_size(), key)).value();
            auto t = m.make_scratch(k, random).value();
            test::octets icv(m.icv_size());
            REQUIRE(m.make_iv(t, 7, byte_span{icv}.first(m.iv_size())));
            const std::vector<byte_view> parts{pieces};
            REQUIRE(m.compute(k, t, parts, icv));
            return test::hex(icv);
        };
        const auto data = test::pattern(100), high = test::unhex("00000001"), other = test::unhex("00000002");
        const auto icv = icv_of(1, {data});
        CHECK(icv == icv_of(1, {byte_view{data}.first(33), byte_view{data}.subspan(33)}));
        CHECK(icv != icv_of(2, {data}));
        CHECK(icv != icv_of(1, {data, high}));
        CHECK(icv_of(1, {data, high}) != icv_of(1, {data, other}));
        CHECK(fault(m.make_keys(test::pattern(m.keymat_size() + 1))) == errc::bad_key_size);
        CHECK(fault(m.make_keys(test::pattern(m.keymat_size() - 1))) == errc::bad_key_size);
    }
}

// req: rfc3686-2.1-4, rfc3686-3.3-1, rfc3686-7-3, rfc2451-2.2-1
TEST_CASE("ALG-30, ALG-48: what is not there, or protects nothing, is refused by name", "[crypto][checklist]") {
    const auto refused = [](const transform& t, dangers d = {}) { return fault(botan::make_esp_suite(t, d)); };
    CHECK(refused({null, 0, none}) == errc::null_with_null);  // ALG-48
    CHECK(refused({null, 0, none}, alone) == errc::null_with_null);
    CHECK(refused({des_cbc, 0, none}) == errc::no_integrity);  // ALG-06, ALG-10: by explicit option only
    CHECK(refused({des3_cbc, 0, none}) == errc::no_integrity);
    CHECK(refused({aes_ctr, 128, none}) == errc::no_integrity);
    CHECK(refused({aes_ctr, 128, none}, alone) == errc::no_integrity);
    CHECK(refused({rc5_cbc, 128, hmac_sha1_96}) == errc::unsupported_algorithm);  // ALG-30
    CHECK(refused({idea3_cbc, 0, hmac_sha1_96}) == errc::unsupported_algorithm);
    CHECK(refused({aes_cbc, 128, des_mac}) == errc::unsupported_algorithm);
    CHECK(refused({aes_cbc, 128, kpdk_md5}) == errc::unsupported_algorithm);
    CHECK(fault(botan::make_mac(des_mac)) == errc::unsupported_algorithm);
    CHECK(fault(botan::make_mac(kpdk_md5)) == errc::unsupported_algorithm);
    // RFC 4543 §5.3: AES-GMAC is no integrity algorithm of ESP
    CHECK(refused({aes_cbc, 128, aes_gmac_128}) == errc::not_for_esp);
    CHECK(refused({null, 0, aes_gmac_256}) == errc::not_for_esp);
    // Botan's CAST-128 takes 88 to 128 bits; RFC 2451 §2.2 has 40 to 128
    CHECK(refused({cast128_cbc, 40, hmac_sha1_96}) == errc::unsupported_algorithm);
    CHECK(refused({cast128_cbc, 80, hmac_sha1_96}) == errc::unsupported_algorithm);
    CHECK_FALSE(refused({cast128_cbc, 88, hmac_sha1_96}));
    for (const int n : {0, 32, 44, 129, 136, 448, 456}) {
        const auto bits = static_cast<std::uint16_t>(n);
        CAPTURE(bits);
        CHECK(refused({cast128_cbc, bits, hmac_sha1_96}) == errc::bad_key_size);
        CHECK(refused({blowfish_cbc, bits, hmac_sha1_96}) ==
              (bits == 136 || bits == 448 ? std::optional<errc>{} : errc::bad_key_size));
    }
    CHECK(find_refused(rc5_cbc)->ike_v2 == 4);
    CHECK(find_refused(idea3_cbc)->phase_2 == 8);
    CHECK(find_refused(des_mac)->ike_v1 == 3);
    CHECK(find_refused(kpdk_md5)->ike_v2 == 4);
    CHECK(find_refused(aes_cbc) == nullptr);
    CHECK(find(rc5_cbc) == nullptr);
}

// Linux had HMAC-SHA2-256 cut to 96 bits for years; no number of IKE stands for it.
TEST_CASE("HMAC-SHA2-256-96 is there for those who name it, and by no number", "[crypto][checklist]") {
    CHECK(find(hmac_sha2_256_96)->auth_v1 == 0);
    CHECK(find(hmac_sha2_256_96)->ah_v1 == 0);
    CHECK(find(hmac_sha2_256_96)->ike_v2 == 0);
    CHECK(find_auth_v1(5)->id == hmac_sha2_256_128);
    CHECK(find_ah_v1(5)->id == hmac_sha2_256_128);
    CHECK(fault(check_for_ike_v1({aes_cbc, 128, hmac_sha2_256_96})) == errc::not_for_ike_v1);
    CHECK(check({aes_cbc, 128, hmac_sha2_256_96}).has_value());
}
