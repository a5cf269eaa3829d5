#include "ipsec/crypto/esp_suite.hpp"

#include "ipsec/crypto/any_suite.hpp"
#include "ipsec/crypto/short_copy.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {

/// Records what it is asked, in order.
struct log_mac : testing::checksum_mac {
    static inline std::string log;
    static inline test::octets covered;
    auto compute(const keys& k, scratch& t, std::span<const byte_view> parts, byte_span out) const noexcept -> result<void> {
        log += 'm';
        covered.clear();
        for (const auto p : parts) covered.insert(covered.end(), p.begin(), p.end());
        return checksum_mac::compute(k, t, parts, out);
    }
};
struct log_cipher : testing::identity_cipher {
    static auto encrypt(const keys&, scratch&, byte_view, byte_span text) noexcept -> result<void> {
        log_mac::log += 'e';
        for (auto& b : text) b ^= std::byte{0x55};
        return {};
    }
    static auto decrypt(const keys& k, scratch& t, byte_view iv, byte_span text) noexcept -> result<void> {
        (void)encrypt(k, t, iv, text);
        log_mac::log.back() = 'd';
        return {};
    }
};
using logged = encrypt_then_mac<log_cipher, log_mac>;

}  // namespace

// req: rfc2406-3.4.5-4, rfc2406-3.4.5-5
// req: rfc4303-3.4.4.1-5
// cve-53
TEST_CASE("encrypt, then MAC; verify, then decrypt", "[crypto][esp_suite]") {
    const logged s{log_cipher{}, log_mac{}};
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(36)).value();
    auto t = s.make_scratch(k, random).value();
    const auto text = test::pattern(32);
    auto p = test::packet_for(s, text);
    log_mac::log.clear();
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 1}));
    CHECK(log_mac::log == "em");
    CHECK(test::text_of(s, p) != text);
    CHECK(log_mac::covered == test::octets(p.begin(), p.end() - 12));

    auto forged = p;
    forged.back() ^= std::byte{1};
    const auto before = forged;
    CHECK(fault(s.open(k, t, {.packet = forged, .sequence = 1})) == errc::unauthentic);
    CHECK(log_mac::log == "emm");
    CHECK(forged == before);  // still ciphertext

    REQUIRE(s.open(k, t, {.packet = p, .sequence = 1}));
    CHECK(log_mac::log == "emmmd");
    CHECK(test::text_of(s, p) == text);
}

// RFC 4303 §2.2.1: the high half is authenticated and not sent.
TEST_CASE("the high half of an extended sequence number follows the text under the MAC", "[crypto][esp_suite]") {
    const logged s{log_cipher{}, log_mac{}};
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(36)).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, test::pattern(16));
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 0x0a0b0c0d00000001, .extended = true}));
    CHECK(log_mac::covered == test::joined({byte_view{p}.first(p.size() - 12), test::unhex("0a0b0c0d")}));
    auto wrong = p;
    CHECK(fault(s.open(k, t, {.packet = wrong, .sequence = 0x0a0b0c0e00000001, .extended = true})) == errc::unauthentic);
    CHECK(fault(s.open(k, t, {.packet = wrong, .sequence = 0x0a0b0c0d00000001, .extended = false})) == errc::unauthentic);
    CHECK(s.open(k, t, {.packet = p, .sequence = 0x0a0b0c0d00000001, .extended = true}).has_value());
}

TEST_CASE("a packet too short or not whole blocks is refused, sealing and opening", "[crypto][esp_suite]") {
    const testing::identity_suite s{testing::identity_cipher{}, testing::checksum_mac{}};
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(36)).value();
    auto t = s.make_scratch(k, random).value();
    for (std::size_t n = 0; n <= 8 + 16 + 12 + 32; ++n) {
        CAPTURE(n);
        const bool fits = n >= 36 && (n - 36) % 16 == 0;
        test::octets p(n);
        CHECK(fault(s.seal(k, t, {.packet = p, .sequence = 1})) == (fits ? std::nullopt : std::optional{errc::bad_length}));
        CHECK(fault(s.open(k, t, {.packet = p, .sequence = 1})) == (fits ? std::nullopt : std::optional{errc::bad_length}));
    }
}

TEST_CASE("keying material has one length", "[crypto][esp_suite]") {
    const testing::identity_suite s{testing::identity_cipher{}, testing::checksum_mac{}};
    CHECK(fault(s.make_keys(test::pattern(35))) == errc::bad_key_size);
    CHECK(fault(s.make_keys(test::pattern(37))) == errc::bad_key_size);
    CHECK(s.make_keys(test::pattern(36)).has_value());
    CHECK(fault(null_cipher::make_keys(test::pattern(1))) == errc::bad_key_size);
    CHECK(fault(no_mac::make_keys(test::pattern(1))) == errc::bad_key_size);
}

// req: rfc2410-3-1, rfc2410-3-2
TEST_CASE("NULL encryption leaves the text as it is and still authenticates", "[crypto][esp_suite]") {
    const encrypt_then_mac<null_cipher, testing::checksum_mac> s{null_cipher{}, testing::checksum_mac{}};
    CHECK(s.keymat_size() == 20);
    CHECK(s.iv_size() == 0);
    CHECK(s.block_size() == 1);
    CHECK(s.authenticates());
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(20)).value();
    auto t = s.make_scratch(k, random).value();
    const auto text = test::pattern(13);
    auto p = test::packet_for(s, text);
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 1}));
    CHECK(test::text_of(s, p) == text);
    CHECK(s.open(k, t, {.packet = p, .sequence = 1}).has_value());
    p[9] ^= std::byte{4};
    CHECK(fault(s.open(k, t, {.packet = p, .sequence = 1})) == errc::unauthentic);
}

TEST_CASE("a suite without integrity says so", "[crypto][esp_suite]") {
    const encrypt_then_mac<testing::identity_cipher, no_mac> s{};
    CHECK_FALSE(s.authenticates());
    CHECK(s.icv_size() == 0);
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(16)).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, test::pattern(16));
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 7}));
    CHECK(s.open(k, t, {.packet = p, .sequence = 7}).has_value());
}

TEST_CASE("the IV is made by the cipher unless it stands in the packet already", "[crypto][esp_suite]") {
    const testing::identity_suite s{testing::identity_cipher{}, testing::checksum_mac{}};
    test::counting_rng random;
    const auto k = s.make_keys(test::pattern(36)).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, test::pattern(16));
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 0x0102030405060708}));
    CHECK(test::hex(byte_view{p}.subspan(8, 16)) == "01020304050607080102030405060708");
    for (std::size_t i = 8; i < 24; ++i) p[i] = std::byte{0xaa};
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = 9, .iv_in_place = true}));
    CHECK(p[8] == std::byte{0xaa});
}

TEST_CASE("any_suite is the suite it holds, and refuses the state of another", "[crypto][any_suite]") {
    using plain = encrypt_then_mac<null_cipher, testing::checksum_mac>;
    using either = any_suite<plain, testing::identity_suite>;
    static_assert(explain_esp_suite<either>());
    const either first{plain{null_cipher{}, testing::checksum_mac{}}};
    const either second{testing::identity_suite{testing::identity_cipher{}, testing::checksum_mac{}}};
    CHECK(first.index() == 0);
    CHECK(second.index() == 1);
    CHECK(first.keymat_size() == 20);
    CHECK(second.keymat_size() == 36);
    CHECK(first.iv_size() == 0);
    CHECK(second.iv_size() == 16);
    CHECK(second.block_size() == 16);
    CHECK(second.icv_size() == 12);
    CHECK(second.authenticates());
    CHECK_FALSE(second.is_counter_mode());
    CHECK(fault(second.make_keys(test::pattern(20))) == errc::bad_key_size);

    test::counting_rng random;
    const auto k1 = first.make_keys(test::pattern(20)).value();
    const auto k2 = second.make_keys(test::pattern(36)).value();
    auto t1 = first.make_scratch(k1, random).value();
    auto t2 = second.make_scratch(k2, random).value();
    CHECK(fault(first.make_scratch(k2, random)) == errc::foreign_keys);
    auto p = test::packet_for(second, test::pattern(32));
    CHECK(fault(second.seal(k1, t1, {.packet = p, .sequence = 1})) == errc::foreign_keys);
    CHECK(fault(second.seal(k2, t1, {.packet = p, .sequence = 1})) == errc::foreign_keys);
    CHECK(fault(second.open(k1, t2, {.packet = p, .sequence = 1})) == errc::foreign_keys);
    REQUIRE(second.seal(k2, t2, {.packet = p, .sequence = 1}));
    REQUIRE(second.open(k2, t2, {.packet = p, .sequence = 1}));
    std::array<batch_item<either, seal_job>, 2> run;
    for (auto& item : run) item.job = {.packet = p, .sequence = 1};
    second.seal_first(k1, t1, std::span<batch_item<either, seal_job>>{run});
    for (const auto& item : run) CHECK(fault(item.outcome) == errc::foreign_keys);
    // once for many packets
    int done = 0;
    REQUIRE(second.unwrap(k2, t2, [&](const auto& s, const auto& k, auto& t) -> result<void> {
        for (std::uint64_t n = 2; n < 5; ++n, ++done)
            if (auto ok = s.seal(k, t, {.packet = p, .sequence = n}); !ok) return ok;
        return {};
    }));
    CHECK(done == 3);
}

TEST_CASE("a MAC with a longer ICV than a suite has room for makes no keys and opens nothing", "[crypto][esp_suite]") {
    testing::checksum_mac m;
    const testing::identity_cipher c;
    test::counting_rng random;
    for (const std::size_t icv : {max_icv_size, max_icv_size + 1, std::size_t{64}, std::size_t{255}}) {
        CAPTURE(icv);
        m.icv = 12;
        const encrypt_then_mac good{c, m};
        const auto k = good.make_keys(test::pattern(good.keymat_size())).value();
        auto t = good.make_scratch(k, random).value();
        m.icv = icv;
        const encrypt_then_mac s{c, m};
        auto p = test::packet_for(s, test::pattern(32));
        CHECK(s.make_keys(test::pattern(s.keymat_size())).has_value() == (icv <= max_icv_size));
        if (icv > max_icv_size) CHECK(fault(s.open(k, t, {.packet = p, .sequence = 1})) == errc::bad_length);
    }
}

TEST_CASE("a short copy takes every octet of every length, and none behind them", "[crypto]") {
    const auto from = test::pattern(48);
    for (std::size_t size = 0; size <= 40; ++size) {
        std::array<std::byte, 48> to{};
        copy_short(from.data(), to.data(), size);
        CAPTURE(size);
        CHECK(test::hex(byte_view{to}.first(size)) == test::hex(byte_view{from}.first(size)));
        CHECK(std::ranges::all_of(byte_view{to}.subspan(size), [](std::byte b) { return b == std::byte{}; }));
    }
}
