#include "ipsec/crypto/botan/suite.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <set>

#include "ipsec/crypto/botan/legacy.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "support/alloc_counter.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {

const std::vector<transform>& all_transforms() {
    static const std::vector<transform> all = [] {
        std::vector<transform> out;
        const std::vector<std::pair<encryption_id, std::uint16_t>> ciphers{
            {encryption_id::null, 0},      {encryption_id::des_cbc, 0},   {encryption_id::des3_cbc, 0},
            {encryption_id::aes_cbc, 128}, {encryption_id::aes_cbc, 192}, {encryption_id::aes_cbc, 256}};
        for (const auto& [c, bits] : ciphers)
            for (const auto& i : integrity_algorithms)
                if (i.iv == 0) out.push_back({c, bits, i.id});  // AES-GMAC is for AH
        for (const auto c : {encryption_id::aes_gcm_8, encryption_id::aes_gcm_12, encryption_id::aes_gcm_16})
            for (const auto bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}})
                out.push_back({c, bits, integrity_id::none});
        out.push_back({encryption_id::chacha20_poly1305, 0, integrity_id::none});
        for (const auto c : {encryption_id::aes_ccm_8, encryption_id::aes_ccm_12, encryption_id::aes_ccm_16,
                             encryption_id::null_aes_gmac, encryption_id::aes_ccm_8_iiv, encryption_id::aes_gcm_16_iiv})
            for (const auto bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}})
                out.push_back({c, bits, integrity_id::none});
        out.push_back({encryption_id::chacha20_poly1305_iiv, 0, integrity_id::none});
        const std::vector<std::pair<encryption_id, std::uint16_t>> others{
            {encryption_id::blowfish_cbc, 40},  {encryption_id::blowfish_cbc, 128}, {encryption_id::blowfish_cbc, 448},
            {encryption_id::cast128_cbc, 88},   {encryption_id::cast128_cbc, 128},  {encryption_id::idea_cbc, 0},
            {encryption_id::camellia_cbc, 128}, {encryption_id::camellia_cbc, 192}, {encryption_id::camellia_cbc, 256},
            {encryption_id::twofish_cbc, 128},  {encryption_id::twofish_cbc, 256},  {encryption_id::serpent_cbc, 128},
            {encryption_id::serpent_cbc, 256},  {encryption_id::aes_ctr, 128},      {encryption_id::aes_ctr, 192},
            {encryption_id::aes_ctr, 256}};
        for (const auto& [c, bits] : others)
            for (const auto i : {integrity_id::hmac_sha1_96, integrity_id::aes_xcbc_96}) out.push_back({c, bits, i});
        return out;
    }();
    return all;
}
std::string describe(const transform& t) {
    return std::to_string(static_cast<int>(t.encryption)) + "/" + std::to_string(t.key_bits) + "/" +
           std::to_string(static_cast<int>(t.integrity));
}

}  // namespace

TEST_CASE("every suite seals and opens every length, and notices every changed octet", "[crypto][botan][suite]") {
    test::counting_rng random;
    for (const auto& tr : all_transforms()) {
        CAPTURE(describe(tr));
        const auto s = botan::make_esp_suite(tr).value();
        CHECK(s.keymat_size() == keymat_size(tr));
        CHECK(s.authenticates());
        CHECK(s.is_counter_mode() == is_counter_mode(tr.encryption));
        const auto keymat = test::pattern(s.keymat_size(), 3);
        const auto k = s.make_keys(keymat).value();
        auto out = s.make_scratch(k, random).value();
        auto in = s.make_scratch(k, random).value();
        std::uint64_t sequence = 0;
        for (std::size_t n = 0; n <= 300; n += s.block_size() == 1 ? 13 : s.block_size()) {
            for (const bool extended : {false, true}) {
                CAPTURE(n, extended);
                ++sequence;
                const std::uint64_t full = extended ? sequence | (std::uint64_t{7} << 32) : sequence;
                const auto text = test::pattern(n, static_cast<unsigned>(n));
                auto p = test::packet_for(s, text, 0x11223344, static_cast<std::uint32_t>(sequence));
                REQUIRE(s.seal(k, out, {.packet = p, .sequence = full, .extended = extended}));
                if (n >= 8 && tr.encryption != encryption_id::null && tr.encryption != encryption_id::null_aes_gmac)
                    REQUIRE(test::text_of(s, p) != text);
                auto back = p;
                REQUIRE(s.open(k, in, {.packet = back, .sequence = full, .extended = extended}));
                REQUIRE(test::text_of(s, back) == text);
                for (std::size_t i = 0; i < p.size(); i += 1 + p.size() / 16) {  // every part of the packet is covered
                    auto forged = p;
                    forged[i] ^= std::byte{1};
                    REQUIRE(fault(s.open(k, in, {.packet = forged, .sequence = full, .extended = extended})) ==
                            errc::unauthentic);
                }
                if (extended) {
                    auto other = p;
                    REQUIRE(
                        fault(s.open(k, in, {.packet = other, .sequence = full + (std::uint64_t{1} << 32), .extended = true})) ==
                        errc::unauthentic);
                }
                back = p;  // a forged packet left nothing behind
                REQUIRE(s.open(k, in, {.packet = back, .sequence = full, .extended = extended}));
                REQUIRE(test::text_of(s, back) == text);
            }
        }
    }
}

TEST_CASE("a forged combined-mode packet leaves zeros and no plaintext", "[crypto][botan][suite]") {
    const auto s = botan::make_esp_suite({encryption_id::aes_gcm_16, 128, integrity_id::none}).value();
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(20)).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, test::pattern(200));
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 1}));
    p.back() ^= std::byte{1};
    CHECK(fault(s.open(k, t, {.packet = p, .sequence = 1})) == errc::unauthentic);
    CHECK(test::text_of(s, p) == test::octets(200));
}

// checklist: ESP-08
TEST_CASE("packets of the wrong length are refused by every suite", "[crypto][botan][suite]") {
    test::counting_rng random;
    for (const auto& tr : all_transforms()) {
        CAPTURE(describe(tr));
        const auto s = botan::make_esp_suite(tr).value();
        const auto k = s.make_keys(test::pattern(s.keymat_size())).value();
        auto t = s.make_scratch(k, random).value();
        const std::size_t least = 8 + s.iv_size() + s.icv_size();
        for (std::size_t n = 0; n < least; ++n) {
            test::octets p(n);
            REQUIRE(fault(s.seal(k, t, {.packet = p, .sequence = 1})) == errc::bad_length);
            REQUIRE(fault(s.open(k, t, {.packet = p, .sequence = 1})) == errc::bad_length);
        }
        if (s.block_size() == 1) continue;
        test::octets p(least + s.block_size() + 1);
        CHECK(fault(s.seal(k, t, {.packet = p, .sequence = 1})) == errc::bad_length);
        CHECK(fault(s.open(k, t, {.packet = p, .sequence = 1})) == errc::bad_length);
    }
}

// req: rfc2403-3-2, rfc2404-3-2, rfc2405-4-3, rfc2451-2.3-2
// pitfall 30
TEST_CASE("keys of the wrong size and weak keys are refused", "[crypto][botan][suite]") {
    for (const auto& tr : all_transforms()) {
        CAPTURE(describe(tr));
        const auto s = botan::make_esp_suite(tr).value();
        CHECK(fault(s.make_keys(test::pattern(s.keymat_size() - 1))) == errc::bad_key_size);
        CHECK(fault(s.make_keys(test::pattern(s.keymat_size() + 1))) == errc::bad_key_size);
    }
    const auto des = botan::make_esp_suite({encryption_id::des_cbc, 0, integrity_id::hmac_md5_96}).value();
    CHECK(fault(des.make_keys(test::joined({test::unhex("fe01fe01fe01fe01"), test::pattern(16)}))) == errc::weak_key);
    const auto des3 = botan::make_esp_suite({encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96}).value();
    const auto k1 = test::unhex("0123456789abcdef"), k2 = test::unhex("1133557799bbddff");
    CHECK(fault(des3.make_keys(test::joined({k1, k1, k2, test::pattern(16)}))) == errc::weak_key);
    CHECK(des3.make_keys(test::joined({k1, k2, k1, test::pattern(16)})).has_value());
    CHECK(fault(botan::any_mac::make(integrity_id::hmac_sha1_96)->make_keys(test::pattern(16))) == errc::bad_key_size);
}

TEST_CASE("what a transform may not be, no suite is made of", "[crypto][botan][suite]") {
    CHECK(fault(botan::make_esp_suite({encryption_id::null, 0, integrity_id::none})) == errc::null_with_null);
    CHECK(fault(botan::make_esp_suite({encryption_id::null, 0, integrity_id::none}, {.no_integrity = true})) ==
          errc::null_with_null);
    CHECK(fault(botan::make_esp_suite({encryption_id::aes_cbc, 128, integrity_id::none})) == errc::no_integrity);
    CHECK(fault(botan::make_esp_suite({encryption_id::aes_gcm_16, 128, integrity_id::hmac_sha1_96})) == errc::two_integrities);
    CHECK(fault(botan::make_esp_suite({encryption_id::aes_gcm_16, 0, integrity_id::none})) == errc::bad_key_size);
    CHECK(fault(botan::make_esp_suite({static_cast<encryption_id>(50), 0, integrity_id::none})) == errc::unknown_algorithm);
    CHECK(fault(botan::make_mac(integrity_id::none)) == errc::no_integrity);
    CHECK(fault(botan::make_mac(static_cast<integrity_id>(50))) == errc::unknown_algorithm);
    CHECK(fault(botan::any_cipher::make(encryption_id::aes_gcm_16, 128)) == errc::unknown_algorithm);
    CHECK(fault(botan::any_cipher::make(encryption_id::aes_cbc, 7)) == errc::bad_key_size);
    CHECK(fault(botan::aead::make(encryption_id::aes_cbc, 128)) == errc::unknown_algorithm);
    CHECK(fault(botan::aead::make(encryption_id::aes_gcm_16, 7)) == errc::bad_key_size);
}

TEST_CASE("a scratch wants randomness where IVs are random, and says when there is none", "[crypto][botan][suite]") {
    test::dry_rng dry;
    const auto cbc = botan::make_esp_suite({encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}).value();
    CHECK(fault(cbc.make_scratch(cbc.make_keys(test::pattern(36)).value(), dry)) == errc::no_randomness);
    const auto gcm = botan::make_esp_suite({encryption_id::aes_gcm_16, 128, integrity_id::none}).value();
    CHECK(gcm.make_scratch(gcm.make_keys(test::pattern(20)).value(), dry).has_value());
}

TEST_CASE("a scratch that nobody made is refused", "[crypto][botan][suite]") {
    test::octets p(8 + 16 + 16 + 12);
    const auto c = botan::any_cipher::make(encryption_id::aes_cbc, 128).value();
    const auto ck = c.make_keys(test::pattern(16)).value();
    botan::any_cipher::scratch empty_cipher;
    CHECK(fault(c.encrypt(ck, empty_cipher, byte_view{p}.first(16), byte_span{p}.first(16))) == errc::foreign_keys);
    const auto m = botan::make_mac(integrity_id::hmac_sha1_96).value();
    const auto mk = m.make_keys(test::pattern(20)).value();
    botan::any_mac::scratch empty_mac;
    CHECK(fault(m.compute(mk, empty_mac, {}, p)) == errc::foreign_keys);
    const auto a = botan::aead::make(encryption_id::aes_gcm_16, 128).value();
    const auto ak = a.make_keys(test::pattern(20)).value();
    botan::aead::scratch empty_aead;
    CHECK(fault(a.seal(ak, empty_aead, {.packet = p, .sequence = 1})) == errc::foreign_keys);
    CHECK(fault(a.open(ak, empty_aead, {.packet = p, .sequence = 1})) == errc::foreign_keys);
}

// req: rfc3602-3-2, rfc3602-3-3, rfc2405-3-1, rfc2405-3-3, rfc2451-3-1
// checklist: ESP-17, pitfall 42
// cve-59
TEST_CASE("CBC IVs do not repeat, are no counter, and differ from scratch to scratch", "[crypto][botan][iv]") {
    const auto s = botan::make_esp_suite({encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}).value();
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(36)).value();
    auto a = s.make_scratch(k, random).value();
    auto b = s.make_scratch(k, random).value();
    std::set<std::string> seen;
    std::size_t ones = 0, changed = 0;
    test::octets last(16);
    const int n = 1000;  // some thirty refills
    for (int i = 0; i < n; ++i)
        for (auto* t : {&a, &b}) {
            auto p = test::packet_for(s, test::pattern(16), 1, 1);  // the same text and the same number every time
            REQUIRE(s.seal(k, *t, {.packet = p, .sequence = 1}));
            const byte_view iv = byte_view{p}.subspan(8, 16);
            seen.insert(test::hex(iv));
            for (std::size_t j = 0; j < 16; ++j) {
                ones += static_cast<std::size_t>(__builtin_popcount(std::to_integer<unsigned>(iv[j])));
                changed += static_cast<std::size_t>(__builtin_popcount(std::to_integer<unsigned>(iv[j] ^ last[j])));
            }
            last.assign(iv.begin(), iv.end());
        }
    CHECK(seen.size() == 2 * static_cast<std::size_t>(n));
    // 256 000 bits: six standard deviations are 1518
    CHECK(ones > 126400);
    CHECK(ones < 129600);
    CHECK(changed > 126400);
    CHECK(changed < 129600);
}

// checklist: ESP-17
TEST_CASE("a hundred thousand IVs of CBC are all different, and half of their bits are set and change", "[crypto][botan][iv]") {
    const auto c = botan::any_cipher::make(encryption_id::aes_cbc, 128).value();
    test::counting_rng random;
    const auto k = c.make_keys(test::pattern(16)).value();
    auto t = c.make_scratch(k, random).value();
    constexpr std::size_t many = 100000;
    std::vector<std::array<std::uint64_t, 2>> all(many);
    long ones = 0, changed = 0;
    std::array<std::uint64_t, 2> last{};
    for (std::size_t i = 0; i < many; ++i) {
        std::array<std::byte, 16> iv{};
        REQUIRE(c.make_iv(t, 1, iv));  // the same number every time
        all[i] = std::bit_cast<std::array<std::uint64_t, 2>>(iv);
        for (std::size_t j = 0; j < 2; ++j) {
            ones += std::popcount(all[i][j]);
            changed += std::popcount(all[i][j] ^ last[j]);
        }
        last = all[i];
    }
    std::ranges::sort(all);
    CHECK(std::ranges::adjacent_find(all) == all.end());
    // 12 800 000 bits: six standard deviations are 10 733
    constexpr long half = long{many} * 128 / 2;
    CHECK(std::abs(ones - half) < 10734);
    CHECK(std::abs(changed - half) < 10734);
}

// checklist: ESP-17, pitfall 42
TEST_CASE("no counter mode uses an IV twice, not even for numbers whose low halves are equal", "[crypto][botan][iv]") {
    std::size_t modes = 0;
    for (const auto& e : crypto::encryption_algorithms) {
        if (!e.counter_mode || e.iv == 0) continue;  // implicit IVs are the number in the header itself
        ++modes;
        const auto s = botan::make_esp_suite({e.id, e.key_length_attribute ? e.key_bits[0] : std::uint16_t{0},
                                              e.combined ? integrity_id::none : integrity_id::hmac_sha1_96})
                           .value();
        CAPTURE(std::string{e.name}, std::string{e.suffix});
        test::counting_rng random;
        const auto k = s.make_keys(test::pattern(s.keymat_size())).value();
        auto t = s.make_scratch(k, random).value();
        constexpr std::size_t many = 20000;
        std::vector<std::uint64_t> all;
        for (std::uint64_t i = 0; all.size() < many; ++i) {
            const std::uint64_t n = 1 + i / 2 + (i % 2 << 32);  // the same low half twice
            auto p = test::packet_for(s, {});
            REQUIRE(s.seal(k, t, {.packet = p, .sequence = n, .extended = true}));
            std::uint64_t iv = 0;
            for (const auto b : byte_view{p}.subspan(8, 8)) iv = iv << 8 | std::to_integer<std::uint64_t>(b);
            all.push_back(iv);
        }
        std::ranges::sort(all);
        CHECK(std::ranges::adjacent_find(all) == all.end());
    }
    CHECK(modes == 9);
}

TEST_CASE("equal seeds give equal IVs", "[crypto][botan][iv]") {
    const auto s = botan::make_esp_suite({encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96}).value();
    const auto k = s.make_keys(test::pattern(40)).value();
    auto run = [&] {
        test::counting_rng random;
        auto t = s.make_scratch(k, random).value();
        std::string all;
        for (int i = 0; i < 100; ++i) {
            auto p = test::packet_for(s, test::pattern(8));
            REQUIRE(s.seal(k, t, {.packet = p, .sequence = 1}));
            all += test::hex(p);
        }
        return all;
    };
    CHECK(run() == run());
}

// req: rfc4106-3.1-2, rfc7634-2-1
// checklist: ESP-17, pitfall 42
// cve-58
TEST_CASE("the IV of a counter mode is the whole sequence number", "[crypto][botan][iv]") {
    for (const auto id : {encryption_id::aes_gcm_16, encryption_id::chacha20_poly1305}) {
        const auto s =
            botan::make_esp_suite({id, static_cast<std::uint16_t>(id == encryption_id::aes_gcm_16 ? 128 : 0), integrity_id::none})
                .value();
        test::counting_rng random;
        const auto k = s.make_keys(test::pattern(s.keymat_size())).value();
        auto t = s.make_scratch(k, random).value();
        auto p = test::packet_for(s, test::pattern(16));
        REQUIRE(s.seal(k, t, {.packet = p, .sequence = 0x0000000100000002, .extended = true}));
        CHECK(test::hex(byte_view{p}.subspan(8, 8)) == "0000000100000002");
    }
}

TEST_CASE("fixed suites seal what the negotiated one opens, and carry nothing", "[crypto][botan][suite]") {
    using fixed = encrypt_then_mac<botan::aes_cbc<128>, botan::hmac_sha2_256_128>;
    static_assert(explain_esp_suite<fixed>());
    static_assert(std::is_empty_v<botan::aes_gcm_16> && std::is_empty_v<botan::chacha20_poly1305> &&
                  std::is_empty_v<botan::hmac_sha1_96>);
    static_assert(botan::aes_cbc<256>{}.keymat_size() == 32 && botan::legacy::des_cbc{}.iv_size() == 8 &&
                  botan::aes_gcm_16{}.keymat_size() == 20);
    test::counting_rng random;
    auto meet = [&](const auto& here, const transform& tr) {
        const auto there = botan::make_esp_suite(tr).value();
        const auto keymat = test::pattern(there.keymat_size());
        const auto k1 = here.make_keys(keymat).value();
        auto t1 = here.make_scratch(k1, random).value();
        const auto k2 = there.make_keys(keymat).value();
        auto t2 = there.make_scratch(k2, random).value();
        const auto text = test::pattern(160);
        auto p = test::packet_for(here, text);
        REQUIRE(here.seal(k1, t1, {.packet = p, .sequence = 1}));
        REQUIRE(there.open(k2, t2, {.packet = p, .sequence = 1}));
        CHECK(test::text_of(there, p) == text);
    };
    meet(fixed{}, {encryption_id::aes_cbc, 128, integrity_id::hmac_sha2_256_128});
    meet(botan::aes_gcm_16{}, {encryption_id::aes_gcm_16, 128, integrity_id::none});
    meet(botan::aes_gcm<256, encryption_id::aes_gcm_8>{}, {encryption_id::aes_gcm_8, 256, integrity_id::none});
    meet(botan::chacha20_poly1305{}, {encryption_id::chacha20_poly1305, 0, integrity_id::none});
    meet(encrypt_then_mac<botan::legacy::des3_cbc, botan::legacy::hmac_md5_96>{},
         {encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96});
}

TEST_CASE("no packet allocates once its SA stands", "[crypto][botan][allocation]") {
    if (!test::allocations_are_counted) {
        WARN("skipped: allocations are not counted in this build");
        return;
    }
    {
        test::allocations probe;
        delete new int{1};
        auto* volatile raw = std::malloc(3);
        std::free(raw);
        REQUIRE(probe.count() >= 1);  // the counter counts
    }
    test::counting_rng random;
    std::string forged_cost;
    for (const auto& tr : all_transforms()) {
        CAPTURE(describe(tr));
        const auto s = botan::make_esp_suite(tr).value();
        const auto k = s.make_keys(test::pattern(s.keymat_size())).value();
        auto t = s.make_scratch(k, random).value();
        for (const std::size_t n : {std::size_t{0}, std::size_t{48}, std::size_t{64}, std::size_t{1424}, std::size_t{8880}}) {
            auto p = test::packet_for(s, test::pattern(n));
            test::allocations from_the_first_packet_on;
            bool ok = true;
            for (std::uint64_t i = 1; i <= 64; ++i) {  // past a refill of the IVs
                ok = ok && s.seal(k, t, {.packet = p, .sequence = i});
                ok = ok && s.open(k, t, {.packet = p, .sequence = i});
            }
            const auto count = from_the_first_packet_on.count();
            CAPTURE(n);
            CHECK(ok);
            CHECK(count == 0);
        }
        auto p = test::packet_for(s, test::pattern(64));
        test::allocations for_forged;
        const bool refused = !s.open(k, t, {.packet = p, .sequence = 1});
        const auto count = for_forged.count();
        CHECK(refused);
        if (!is_combined(tr.encryption)) CHECK(count == 0);  // our own comparison does not throw
        else forged_cost += " " + describe(tr) + ":" + std::to_string(count);
    }
    INFO("allocations for one forged packet, where Botan throws:" << forged_cost);
    SUCCEED();
}

TEST_CASE("a MAC is chosen without allocation, so that its choice cannot throw", "[crypto][botan][allocation]") {
    if (!test::allocations_are_counted) {
        WARN("skipped: allocations are not counted in this build");
        return;
    }
    for (const auto& i : integrity_algorithms) {
        CAPTURE(i.name);
        test::allocations while_choosing;
        const bool is_there = botan::any_mac::make(i.id).has_value();
        CHECK(while_choosing.count() == 0);
        CHECK(is_there);
        CHECK(botan::shim::has_mac_name(i.id) == !botan::shim::mac_name(i.id).empty());
    }
    CHECK(fault(botan::botan_mac::make(integrity_id::aes_xcbc_96)) == errc::unknown_algorithm);
}

TEST_CASE("AES-GMAC over pieces of a jumbo frame allocates nothing", "[crypto][botan][allocation][gmac]") {
    if (!test::allocations_are_counted) {
        WARN("skipped: allocations are not counted in this build");
        return;
    }
    test::counting_rng random;
    const auto packet = test::pattern(9216), high = test::pattern(4);
    const auto m = botan::any_mac::make(integrity_id::aes_gmac_128).value();
    const auto mac_keys = m.make_keys(test::pattern(m.keymat_size())).value();
    auto mac_scratch = m.make_scratch(mac_keys, random).value();
    test::octets icv(m.icv_size());
    const std::array<byte_view, 3> parts{byte_view{packet}.first(60), byte_view{packet}.subspan(60), high};
    test::allocations for_ah;
    const bool computed = m.compute(mac_keys, mac_scratch, parts, icv).has_value();
    CHECK(for_ah.count() == 0);
    CHECK(computed);

    const auto s = botan::any_null_gmac::make(encryption_id::null_aes_gmac, 128).value();
    const auto k = s.make_keys(test::pattern(s.keymat_size())).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, test::pattern(9216 - 8 - 8 - 16));
    test::allocations for_esp;
    const bool sealed = s.seal(k, t, {.packet = p, .sequence = 0x500000001, .extended = true}).has_value();
    const bool opened = s.open(k, t, {.packet = p, .sequence = 0x500000001, .extended = true}).has_value();
    CHECK(for_esp.count() == 0);
    CHECK(sealed);
    CHECK(opened);
}

TEST_CASE("no MAC of AH is made of none, where a cipher's suite may have it", "[crypto][botan][suite]") {
    CHECK(fault(botan::any_mac::make(integrity_id::none)) == errc::no_integrity);
    CHECK(botan::botan_mac::make(integrity_id::none)->icv_size() == 0);
}

TEST_CASE("Botan's generators fill octets", "[crypto][botan][random]") {
    botan::random own;
    test::octets a(64), b(64);
    CHECK(own.fill(a));
    CHECK(own.fill(b));
    CHECK(a != b);
    CHECK(own.fill({}));
    Botan::AutoSeeded_RNG source;
    botan::random borrowed{source};
    CHECK(borrowed.fill(a));
    Botan::Null_RNG none;
    botan::random nothing{none};
    CHECK_FALSE(nothing.fill(a));
}

TEST_CASE("a burst in two strides gives the octets of the packets one by one, and opens what is authentic only",
          "[crypto][botan][suite]") {
    constexpr std::size_t burst = 5;
    for (const auto& tr : all_transforms()) {
        CAPTURE(describe(tr));
        const auto s = botan::make_esp_suite(tr).value();
        const auto k = s.make_keys(test::pattern(s.keymat_size(), 3)).value();
        test::counting_rng random, same;
        auto one = s.make_scratch(k, random).value();
        auto strided = s.make_scratch(k, same).value();
        auto in = s.make_scratch(k, same).value();
        const auto text = test::pattern(64, 9);
        std::vector<std::vector<std::byte>> packets;
        for (std::size_t i = 0; i < burst; ++i)
            packets.push_back(test::packet_for(s, text, 1, static_cast<std::uint32_t>(i + 1)));
        auto expected = packets;
        std::vector<batch_item<botan::gateway_suite, seal_job>> jobs(burst);
        for (std::size_t i = 0; i < burst; ++i) {
            jobs[i].job = {.packet = packets[i], .sequence = i + 1};
            s.make_iv(strided, jobs[i].job);
            CHECK(jobs[i].job.iv_in_place == (s.iv_size() != 0 && tr.integrity != integrity_id::none));
        }
        s.seal_first(k, strided, std::span{jobs});
        s.seal_second(k, strided, std::span{jobs});
        for (std::size_t i = 0; i < burst; ++i) {
            REQUIRE(jobs[i].outcome);
            REQUIRE(s.seal(k, one, {.packet = expected[i], .sequence = i + 1}));
            CHECK(test::hex(packets[i]) == test::hex(expected[i]));
        }
        const auto sealed = packets;
        packets[2].back() ^= std::byte{1};
        std::vector<batch_item<botan::gateway_suite, open_job>> opens(burst);
        for (std::size_t i = 0; i < burst; ++i) opens[i].job = {.packet = packets[i], .sequence = i + 1};
        s.open_first(k, in, std::span{opens});
        s.open_second(k, in, std::span{opens});
        for (std::size_t i = 0; i < burst; ++i) {
            if (i == 2) {
                CHECK(fault(opens[i].outcome) == errc::unauthentic);
                continue;
            }
            REQUIRE(opens[i].outcome);
            CHECK(test::hex(byte_view{packets[i]}.subspan(8 + s.iv_size(), text.size())) == test::hex(text));
        }
        // Combined modes decrypt while they verify; the others leave a forged packet as it came.
        if (tr.integrity != integrity_id::none) CHECK(std::equal(packets[2].begin(), packets[2].end() - 1, sealed[2].begin()));
    }
}
