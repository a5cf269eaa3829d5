#include "ipsec/esp/open.hpp"

#include <vector>

#include "esp/fixture.hpp"
#include "ipsec/crypto/botan/suite.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {
using gateway = crypto::botan::gateway_suite;
auto botan_pair(const crypto::transform& t, const sa::parameters& p) -> esp_pair<gateway> {
    return make_esp_pair(p, *crypto::botan::make_esp_suite(t), *crypto::botan::make_esp_suite(t));
}
constexpr std::array transforms{
    crypto::transform{crypto::encryption_id::null, 0, crypto::integrity_id::hmac_md5_96},
    crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha1_96},
    crypto::transform{crypto::encryption_id::aes_cbc, 256, crypto::integrity_id::hmac_sha2_512_256},
    crypto::transform{crypto::encryption_id::aes_gcm_16, 128, crypto::integrity_id::none},
    crypto::transform{crypto::encryption_id::chacha20_poly1305, 0, crypto::integrity_id::none},
};
}  // namespace

// req: rfc2406-3.4.3-10, rfc2406-3.4.3-12, rfc2406-3.4.4-1, rfc4303-3.4.3-8, rfc4303-3.4.4.1-1, rfc4303-3.4.4.2-1
// checklist: ESP-06
TEST_CASE("a change of any octet of ESP is noticed and leaves the window alone", "[esp][open]") {
    const auto t = GENERATE(from_range(transforms));
    const auto extended = GENERATE(false, true);
    CAPTURE(static_cast<int>(t.encryption), extended);
    auto parameters = esp_parameters(GENERATE(sa::mode::transport, sa::mode::tunnel));
    parameters.extended_sequence = extended;
    auto pair = botan_pair(t, parameters);
    const auto plain = v4_packet(37);
    packet_buffer sealed{plain};
    REQUIRE(esp::seal(pair.out, sealed, instant{}));
    const auto wire_octets = octets_of(sealed);
    for (std::size_t i = 20; i < wire_octets.size(); ++i) {
        auto bad = wire_octets;
        bad[i] ^= std::byte{0x10};
        packet_buffer p{bad};
        const auto r = esp::open(pair.in, p, instant{});
        CAPTURE(i);
        if (i < 24) REQUIRE(r == std::unexpected{esp::errc::wrong_sa});
        // A changed number of an extended SA may point before its first number; everything else is the ICV's business.
        else
            REQUIRE((r == std::unexpected{esp::errc::unauthentic} ||
                     (i < 28 && extended && r == std::unexpected{esp::errc::before_first})));
        REQUIRE(pair.in.window().top() == sa::sequence64{});
        REQUIRE(pair.in.lifetime().packets() == 0);
    }
    packet_buffer good{wire_octets};
    REQUIRE(esp::open(pair.in, good, instant{}));
    CHECK(octets_of(good) == plain);
}

// checklist: ESP-07
TEST_CASE("a packet cut at any length is dropped", "[esp][open]") {
    const auto t = GENERATE(from_range(transforms));
    const auto mode = GENERATE(sa::mode::transport, sa::mode::tunnel);
    for (const bool over_v6 : {false, true}) {
        auto pair = botan_pair(t, esp_parameters(mode, over_v6));
        packet_buffer sealed{over_v6 ? v6_packet(37) : v4_packet(37)};
        REQUIRE(esp::seal(pair.out, sealed, instant{}));
        const auto wire_octets = octets_of(sealed);
        for (std::size_t n = 0; n < wire_octets.size(); ++n) {
            CAPTURE(n, over_v6);
            packet_buffer shorter{byte_view{wire_octets}.first(n)};
            REQUIRE(esp::open(pair.in, shorter, instant{}) == std::unexpected{esp::errc::not_ip});
            if (n < (over_v6 ? 40U : 20U)) continue;
            // The same with a length field that says so.
            auto honest = std::vector<std::byte>(wire_octets.begin(), wire_octets.begin() + static_cast<std::ptrdiff_t>(n));
            if (over_v6) put16(honest, 4, n - 40);
            else put16(honest, 2, n), mend_checksum(honest);
            packet_buffer p{honest};
            const auto r = esp::open(pair.in, p, instant{});
            REQUIRE((r == std::unexpected{esp::errc::truncated} || r == std::unexpected{esp::errc::bad_length} ||
                     r == std::unexpected{esp::errc::unauthentic}));
        }
        packet_buffer whole{wire_octets};
        REQUIRE(esp::open(pair.in, whole, instant{}));
    }
}

// req: rfc2406-3.4.1-1, rfc4303-3.4.1-1
TEST_CASE("fragments of ESP, other protocols and wrong SPIs are refused by name before anything is judged", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    packet_buffer sealed{v4_packet(37)};
    REQUIRE(esp::seal(pair.out, sealed, instant{}));
    const auto good = octets_of(sealed);
    struct row { const char* name; std::size_t at; std::size_t value; esp::errc fault; };
    const auto r = GENERATE(values<row>({
        {"more fragments", 6, 0x2000, esp::errc::fragment},
        {"fragment offset", 6, 0x0001, esp::errc::fragment},
        {"AH", 8, 0x4033, esp::errc::not_esp},
        {"version 5", 0, 0x5500, esp::errc::not_ip},
        {"header of 4 words", 0, 0x4400, esp::errc::not_ip},
        {"length past the end", 2, 0x0fff, esp::errc::not_ip},
        {"another SPI", 22, 0x3041, esp::errc::wrong_sa},
    }));
    CAPTURE(r.name);
    auto bad = good;
    put16(bad, r.at, r.value);
    packet_buffer p{bad};
    CHECK(esp::open(pair.in, p, instant{}) == std::unexpected{r.fault});
    CHECK(octets_of(p) == bad);
    // req: rfc2406-2.1-1, rfc4303-2.1-6
    auto zero = good;
    put16(zero, 20, 0);
    put16(zero, 22, 0);
    packet_buffer q{zero};
    CHECK(esp::open(pair.in, q, instant{}) == std::unexpected{esp::errc::reserved_spi});
}

// req: rfc2406-3.4.1-1, rfc4303-3.4.1-1
// cve-61
TEST_CASE("a fragment over IPv6 is called one, also one of an impossible length", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel, true));
    const auto field = GENERATE(std::size_t{0x0001}, std::size_t{0x0008}, std::size_t{0x0009}, std::size_t{0xfff8});
    const std::size_t data = GENERATE(std::size_t{64}, std::size_t{61});
    auto bad = unhex("60000000 00002c40 fd010000000000000000000000000001 fd020000000000000000000000000002"
                     "3200000000000007");
    put16(bad, 42, field);
    bad.resize(48 + data);
    put16(bad, 4, bad.size() - 40);
    CAPTURE(field, data);
    packet_buffer p{bad};
    CHECK(esp::open(pair.in, p, instant{}) == std::unexpected{esp::errc::fragment});
}

// req: rfc2406-3.4.3-6, rfc2406-3.4.3-8, rfc4303-3.4.3-5, rfc4303-3.4.3-10
// cve-55
TEST_CASE("a number is taken once, and old numbers are not judged any more", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    std::vector<std::vector<std::byte>> sent;
    for (int i = 0; i < 100; ++i) {
        packet_buffer p{v4_packet(8)};
        REQUIRE(esp::seal(pair.out, p, instant{}));
        sent.push_back(octets_of(p));
    }
    const auto arrive = [&](std::size_t number) {
        packet_buffer p{sent[number - 1]};
        return esp::open(pair.in, p, instant{});
    };
    CHECK(arrive(70));
    CHECK(arrive(70) == std::unexpected{esp::errc::replayed});
    CHECK(arrive(7));
    CHECK(arrive(6) == std::unexpected{esp::errc::left_of_window});
    CHECK(arrive(69));
    CHECK(arrive(100));
    CHECK(arrive(36) == std::unexpected{esp::errc::left_of_window});
    CHECK(arrive(37));
    CHECK(arrive(37) == std::unexpected{esp::errc::replayed});
    CHECK(pair.in.window().top() == sa::sequence64{100});
    // req: rfc2406-3.3.3-1: zero is never sent
    auto zero = sent[0];
    put16(zero, 26, 0);
    packet_buffer p{zero};
    CHECK(esp::open(pair.in, p, instant{}) == std::unexpected{esp::errc::zero_sequence});
}

TEST_CASE("of two copies in one burst one passes, and a jump pushes an earlier admission out", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    packet_buffer first{v4_packet(8)};
    REQUIRE(esp::seal(pair.out, first, instant{}));
    packet_buffer copy = first.clone(), late = first.clone();
    pair.out.resume_at(sa::sequence64{499});
    packet_buffer jump{v4_packet(8)};
    REQUIRE(esp::seal(pair.out, jump, instant{}));

    auto a = esp::inspect(pair.in, first, instant{});
    auto b = esp::inspect(pair.in, copy, instant{});
    auto c = esp::inspect(pair.in, jump, instant{});
    auto d = esp::inspect(pair.in, late, instant{});
    REQUIRE((a && b && c && d));
    const auto run = [&](auto& p) { return pair.in.suite().open(pair.in.keys(), pair.in.scratch(), p->job); };
    const auto ra = run(a), rb = run(b), rc = run(c), rd = run(d);
    CHECK(esp::finish(pair.in, first, std::move(*a), ra, instant{}));
    CHECK(esp::finish(pair.in, copy, std::move(*b), rb, instant{}) == std::unexpected{esp::errc::replayed});
    CHECK(esp::finish(pair.in, jump, std::move(*c), rc, instant{}));
    CHECK(esp::finish(pair.in, late, std::move(*d), rd, instant{}) == std::unexpected{esp::errc::left_of_window});
}

// req: rfc2406-2.4-4, rfc2406-3.4.5-1, rfc4303-3.4.4.1-3
// checklist: ESP-04, ESP-05
// cve-54
TEST_CASE("padding is judged after the ICV, and its fault uses the number up", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(GENERATE(sa::mode::transport, sa::mode::tunnel)));
    struct row { const char* name; void (*change)(byte_span); esp::errc fault; };
    const auto r = GENERATE(values<row>({
        {"wrong octet", [](byte_span t) { t[t.size() - 3] ^= std::byte{1}; }, esp::errc::bad_padding},
        {"zeros", [](byte_span t) { t[t.size() - 3] = t[t.size() - 4] = std::byte{0}; }, esp::errc::bad_padding},
        {"longer than the data", [](byte_span t) { t[t.size() - 2] = std::byte{255}; }, esp::errc::bad_pad_length},
        {"one octet longer than the data", [](byte_span t) { t[t.size() - 2] = static_cast<std::byte>(t.size() - 1); },
         esp::errc::bad_pad_length},
    }));
    CAPTURE(r.name);
    auto p = forge(pair.out, v4_packet(9), r.change);
    CHECK(esp::open(pair.in, p, instant{}) == std::unexpected{r.fault});
    CHECK(pair.in.window().top() == sa::sequence64{1});
}

TEST_CASE("tunnel mode delivers whole IP packets of the promised version only", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    struct row { const char* name; void (*change)(byte_span); };
    const auto r = GENERATE(values<row>({
        {"next header UDP", [](byte_span t) { t[t.size() - 1] = std::byte{17}; }},
        {"next header IPv6 over IPv4", [](byte_span t) { t[t.size() - 1] = std::byte{41}; }},
        {"version 6 under next header IPv4", [](byte_span t) { t[0] = std::byte{0x65}; }},
        {"inner length past the end", [](byte_span t) { put16(t, 2, 1000); }},
        {"inner length under the header", [](byte_span t) { put16(t, 2, 19); }},
        {"inner header of 4 words", [](byte_span t) { t[0] = std::byte{0x44}; }},
    }));
    CAPTURE(r.name);
    auto p = forge(pair.out, v4_packet(9), r.change);
    CHECK(esp::open(pair.in, p, instant{}) == std::unexpected{esp::errc::bad_inner_packet});
}

// req: rfc6040-4.2-1, rfc6040-4.2-3
TEST_CASE("a congestion mark outside is merged into the inner packet, or the packet is dropped", "[esp][open]") {
    struct row { std::uint8_t inner, outer; int expected; };
    const auto r = GENERATE(values<row>({{0, 0, 0}, {2, 3, 3}, {1, 3, 3}, {3, 0, 3}, {2, 1, 1}, {0, 3, -1}}));
    const bool v6 = GENERATE(false, true);
    CAPTURE(r.inner, r.outer, v6);
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    packet_buffer p{v6 ? v6_packet(9, r.inner) : v4_packet(9, r.inner)};
    REQUIRE(esp::seal(pair.out, p, instant{}));
    CHECK(p.octets()[1] == std::byte{r.inner});
    p.octets()[1] = std::byte{r.outer};
    const auto done = esp::open(pair.in, p, instant{});
    if (r.expected < 0) {
        CHECK(done == std::unexpected{esp::errc::ecn_drop});
        return;
    }
    REQUIRE(done);
    const auto expected = static_cast<std::uint8_t>(r.expected);
    CHECK(octets_of(p) == (v6 ? v6_packet(9, expected) : v4_packet(9, expected)));
}

// req: rfc4303-2.2.1-1
TEST_CASE("extended numbers cross 2^32 on both ends in step", "[esp][seal][open]") {
    auto parameters = esp_parameters(sa::mode::tunnel);
    parameters.extended_sequence = true;
    const auto t = GENERATE(from_range(transforms));
    auto pair = botan_pair(t, parameters);
    pair.out.resume_at(sa::sequence64{0xfffffff0});
    pair.in.resume_at(sa::sequence64{0xfffffff0});
    for (std::uint64_t n = 0xfffffff1; n < 0x100000010; ++n) {
        packet_buffer p{v4_packet(11)};
        REQUIRE(esp::seal(pair.out, p, instant{}));
        const auto done = esp::open(pair.in, p, instant{});
        REQUIRE(done);
        REQUIRE(done->sequence == sa::sequence64{n});
    }
    // A receiver that is one subspace behind cannot verify.
    auto behind = botan_pair(t, parameters);
    packet_buffer p{v4_packet(11)};
    REQUIRE(esp::seal(pair.out, p, instant{}));
    CHECK(esp::open(behind.in, p, instant{}) == std::unexpected{esp::errc::unauthentic});
}

TEST_CASE("a packet that became shorter behind the back of finish, and what inspect refused, change nothing in the SA",
          "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    packet_buffer p{v4_packet(8)};
    REQUIRE(esp::seal(pair.out, p, instant{}));
    packet_buffer again = p.clone();
    auto w = esp::inspect(pair.in, p, instant{});
    REQUIRE(w);
    p.shrink_back(p.octets().size() - 30);
    CHECK(esp::finish(pair.in, p, std::move(*w), {}, instant{}) == std::unexpected{esp::errc::truncated});
    CHECK(pair.in.window().top() == sa::sequence64{});

    packet_buffer cut = again.clone();
    cut.shrink_back(cut.octets().size() - 29);  // an ESP header and an octet behind it
    put16(cut.octets(), 2, 29);
    mend_checksum(cut.octets());
    esp::pending<std::decay_t<decltype(pair.in)>> refused;
    crypto::open_job job;
    CHECK(esp::inspect_into(pair.in, cut, instant{}, refused, job) == std::unexpected{esp::errc::truncated});
    CHECK(esp::finish(pair.in, again, std::move(refused), {}, instant{}) == std::unexpected{esp::errc::replayed});
    CHECK(pair.in.window().top() == sa::sequence64{});
    CHECK(esp::open(pair.in, again, instant{}));
}

TEST_CASE("a fault of the suite is reported and changes nothing in the SA", "[esp][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    packet_buffer p{v4_packet(8)};
    REQUIRE(esp::seal(pair.out, p, instant{}));
    packet_buffer again = p.clone();
    auto w = esp::inspect(pair.in, p, instant{});
    REQUIRE(w);
    CHECK(esp::finish(pair.in, p, std::move(*w), std::unexpected{crypto::errc::provider_failed}, instant{}) ==
          std::unexpected{esp::errc::crypto_failed});
    CHECK(pair.in.window().top() == sa::sequence64{});
    CHECK(esp::open(pair.in, again, instant{}));
}
