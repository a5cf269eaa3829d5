// The lines ESP-09 to ESP-15 and ESP-18 of the conformance checklist, and pitfalls 32 to 36: over IPv4 and IPv6, in
// transport and tunnel mode, with cryptography of a library.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "esp/fixture.hpp"
#include "ipsec/crypto/botan/suite.hpp"

using namespace ipsec;
using namespace ipsec::test;
using sa::sequence64;

namespace {

using suite = crypto::botan::gateway_suite;
using pair_type = esp_pair<suite>;
constexpr instant now{};
constexpr std::uint64_t two32 = std::uint64_t{1} << 32;

struct form {
    const char* name;
    sa::mode mode;
    bool v6;
};
const std::array forms{form{"IPv4 tunnel", sa::mode::tunnel, false}, form{"IPv6 tunnel", sa::mode::tunnel, true},
                       form{"IPv4 transport", sa::mode::transport, false}, form{"IPv6 transport", sa::mode::transport, true}};

auto some_form() -> form { return forms[GENERATE(range(std::size_t{0}, std::size_t{4}))]; }
auto pair_of(const form& f, void (*change)(sa::parameters&) = nullptr) -> pair_type {
    auto p = esp_parameters(f.mode, f.v6);
    if (change != nullptr) change(p);
    const crypto::transform t{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha2_256_128};
    return make_esp_pair(p, *crypto::botan::make_esp_suite(t), *crypto::botan::make_esp_suite(t));
}
auto plain_of(const form& f) -> std::vector<std::byte> { return f.v6 ? v6_packet(60) : v4_packet(60); }
auto seal_one(pair_type& p, const form& f) -> packet_buffer {
    packet_buffer packet{plain_of(f)};
    REQUIRE(esp::seal(p.out, packet, now));
    return packet;
}
/// @return the fault, if there is one
auto open_one(pair_type& p, packet_buffer packet, instant at = now) -> std::optional<esp::errc> {
    const auto opened = esp::open(p.in, packet, at);
    return opened ? std::nullopt : std::optional{opened.error()};
}

}  // namespace

// req: rfc4303-2.6-1, rfc4303-2.6-2
TEST_CASE("ESP-09: a dummy packet is verified, thrown away, and uses up its number", "[esp][checklist][ESP-09]") {
    const auto f = some_form();
    CAPTURE(f.name);
    auto p = pair_of(f);
    packet_buffer packet{plain_of(f)};
    REQUIRE(esp::seal_dummy(p.out, packet, 100, now));
    auto forged = packet.clone();
    forged.octets().back() ^= std::byte{1};
    CHECK(open_one(p, std::move(forged)) == esp::errc::unauthentic);
    CHECK(p.in.window().top() == sequence64{0});
    CHECK(open_one(p, packet.clone()) == esp::errc::dummy);
    CHECK(p.in.window().top() == sequence64{1});
    CHECK(open_one(p, packet.clone()) == esp::errc::replayed);
}

// req: rfc4303-2.7-1
TEST_CASE("ESP-10: padding that hides the length goes in tunnel mode and is refused in transport mode",
          "[esp][checklist][ESP-10]") {
    const auto f = some_form();
    CAPTURE(f.name);
    auto p = pair_of(f);
    packet_buffer packet{plain_of(f)};
    const auto sealed = esp::seal(p.out, packet, now, {.tfc_padding = 200});
    CHECK(sealed.has_value() == (f.mode == sa::mode::tunnel));
    if (!sealed) {
        CHECK(sealed.error() == esp::errc::misuse);
        return;
    }
    CHECK(packet.octets().size() > 260);
    REQUIRE(esp::open(p.in, packet, now));
    CHECK(octets_of(packet) == plain_of(f));
}

// req: rfc2406-3.3.3-1, rfc4303-3.3.3-1, rfc4302-2.5-5
TEST_CASE("ESP-11, pitfall 33: the SA stops before a number comes again, and says so", "[esp][checklist][ESP-11][pitfall-33]") {
    const auto f = some_form();
    CAPTURE(f.name);
    auto p = pair_of(f);
    // req: rfc2406-2.2-m1
    CHECK(wire::load<std::uint32_t>(byte_view{seal_one(p, f).octets()}.subspan(f.v6 ? 44 : 24)) == 1);  // the first one is 1
    p.out.resume_at(sequence64{two32 - 2});
    CHECK(p.out.lifetime().take_expiry() == sa::expiry::none);
    CHECK_FALSE(open_one(p, seal_one(p, f)));
    CHECK(p.out.lifetime().take_expiry() == sa::expiry::soft);
    packet_buffer packet{plain_of(f)};
    CHECK(esp::seal(p.out, packet, now).error() == esp::errc::sequence_exhausted);
    CHECK(octets_of(packet) == plain_of(f));
    CHECK(p.out.lifetime().take_expiry() == sa::expiry::hard);
}

// req: rfc4303-2.2.1-1, rfc4303-A-1
TEST_CASE("ESP-12, pitfalls 35 and 36: extended numbers cross 2^32 in step and are authenticated, not sent",
          "[esp][checklist][ESP-12][pitfall-35][pitfall-36]") {
    const auto f = some_form();
    CAPTURE(f.name);
    auto p = pair_of(f, [](sa::parameters& q) { q.extended_sequence = true; });
    const auto size = seal_one(p, f).octets().size();
    p.out.resume_at(sequence64{two32 - 3});
    p.in.resume_at(sequence64{two32 - 3});
    std::vector<packet_buffer> sent;
    for (int i = 0; i < 8; ++i) sent.push_back(seal_one(p, f));
    CHECK(sent[0].octets().size() == size);
    CHECK_FALSE(open_one(p, sent[4].clone()));  // 2^32 + 2: the window lies in two subspaces now
    CHECK(p.in.window().top() == sequence64{two32 + 2});
    for (const std::size_t i : {0U, 1U, 2U, 3U, 7U, 5U, 6U}) CHECK_FALSE(open_one(p, sent[i].clone()));
    for (const auto& packet : sent) CHECK(open_one(p, packet.clone()) == esp::errc::replayed);
    // The same low halves of another subspace do not authenticate: the high half is in the ICV.
    auto other = pair_of(f, [](sa::parameters& q) { q.extended_sequence = true; });
    other.out.resume_at(sequence64{5 * two32 + 100});
    other.in.resume_at(sequence64{6 * two32 + 100});
    CHECK(open_one(other, seal_one(other, f)) == esp::errc::unauthentic);
    // Case B in the first subspace: what would stand before number 0 is dropped, and nothing underflows.
    auto fresh = pair_of(f, [](sa::parameters& q) { q.extended_sequence = true; });
    fresh.in.resume_at(sequence64{5});
    fresh.out.resume_at(sequence64{two32 - 2});
    CHECK(open_one(fresh, seal_one(fresh, f)) == esp::errc::before_first);
    CHECK(fresh.in.window().top() == sequence64{5});
}

// req: rfc4303-3.4.3-1, rfc4303-3.4.3-4, rfc4303-3.4.3-5, rfc4303-3.4.3-6, rfc4303-3.4.3-8, rfc4303-3.4.3-10, rfc4303-3.4.3-11
TEST_CASE("ESP-13, pitfalls 32 and 34: duplicates, the left edge, holes and jumps; and nothing moves before the ICV",
          "[esp][checklist][ESP-13][pitfall-32][pitfall-34]") {
    const auto f = some_form();
    const auto width = GENERATE(32U, 64U, 128U, 4096U);
    CAPTURE(f.name, width);
    auto parameters = esp_parameters(f.mode, f.v6);
    parameters.window = width;
    const crypto::transform t{crypto::encryption_id::null, 0, crypto::integrity_id::hmac_sha1_96};
    auto p = make_esp_pair(parameters, *crypto::botan::make_esp_suite(t), *crypto::botan::make_esp_suite(t));
    const auto numbered = [&](std::uint64_t n) {
        p.out.resume_at(sequence64{n - 1});
        return seal_one(p, f);
    };
    const auto forged = [&](std::uint64_t n) {
        auto packet = numbered(n);
        packet.octets().back() ^= std::byte{1};
        return packet;
    };
    const std::uint64_t top = 10'000;
    CHECK_FALSE(open_one(p, numbered(top)));
    CHECK(open_one(p, numbered(top)) == esp::errc::replayed);
    CHECK_FALSE(open_one(p, numbered(top - width + 1)));  // T - W + 1 is the last that is judged
    CHECK(open_one(p, numbered(top - width)) == esp::errc::left_of_window);
    CHECK_FALSE(open_one(p, numbered(top - 7)));
    CHECK(open_one(p, numbered(top - 7)) == esp::errc::replayed);
    CHECK(open_one(p, forged(top + 5000)) == esp::errc::unauthentic);
    CHECK(open_one(p, forged(top - 3)) == esp::errc::unauthentic);
    CHECK(p.in.window().top() == sequence64{top});
    CHECK_FALSE(open_one(p, numbered(top - 3)));
    CHECK_FALSE(open_one(p, numbered(top + 5000)));
    CHECK(open_one(p, numbered(top + 5000 - width)) == esp::errc::left_of_window);
    CHECK_FALSE(open_one(p, numbered(top + 5000 - width + 1)));
}

// req: rfc4302-2.5-4, rfc4303-3.4.3-1
TEST_CASE("ESP-14: without anti-replay every good ICV counts, and the sender counts on", "[esp][checklist][ESP-14]") {
    const auto f = some_form();
    CAPTURE(f.name);
    auto p = pair_of(f, [](sa::parameters& q) { q.anti_replay = false; });
    std::vector<packet_buffer> sent;
    for (int i = 0; i < 100; ++i) sent.push_back(seal_one(p, f));
    CHECK(p.out.last_sequence() == sequence64{100});
    for (const std::size_t i : {99U, 0U, 0U, 50U, 99U}) CHECK_FALSE(open_one(p, sent[i].clone()));
    sent[1].octets().back() ^= std::byte{1};
    CHECK(open_one(p, sent[1].clone()) == esp::errc::unauthentic);
}

// req: rfc2406-2.1-1, rfc4303-2.1-6
TEST_CASE("ESP-15: SPIs up to 255 are never an SA's, and SPI 0 on the wire is refused by name", "[esp][checklist][ESP-15]") {
    const auto f = some_form();
    CAPTURE(f.name);
    testing::seeded_rng random;
    for (const std::uint32_t number : {0U, 1U, 255U, 256U}) {
        auto parameters = esp_parameters(f.mode, f.v6);
        parameters.id.spi = sa::spi{number};
        const auto made = sa::outbound<identity_suite>::make(parameters, {},
                                                             std::vector<std::byte>(identity_suite{}.keymat_size()), random, now);
        CHECK(made.has_value() == (number == 256));
        if (!made) CHECK(made.error() == sa::errc::reserved_spi);
    }
    auto p = pair_of(f);
    auto packet = seal_one(p, f);
    const std::size_t at = f.v6 ? 40 : 20;
    std::ranges::fill(packet.octets().subspan(at, 4), std::byte{0});
    CHECK(open_one(p, packet.clone()) == esp::errc::reserved_spi);
    packet.octets()[at + 3] = std::byte{255};
    CHECK(open_one(p, packet.clone()) == esp::errc::wrong_sa);
    CHECK(p.in.window().top() == sequence64{0});
}

// req: rfc2401-4.4.3-12, rfc2401-4.4.3-16, rfc2401-4.4.3-17, rfc4301-4.4.2.1-7, rfc4301-4.4.2.1-8, rfc4301-4.4.2.1-10
TEST_CASE("ESP-18: soft lifetimes are told once, hard ones end the SA, in seconds, octets and packets",
          "[esp][checklist][ESP-18]") {
    const auto f = some_form();
    struct row {
        const char* kind;
        sa::lifetimes lifetimes;
        instant at;
        int soft_after, hard_after;  // packets that pass before each
    };
    // 60 octets of payload are 80 and 112 of text at most, so that 1024 octets are over after at least 9 packets.
    const auto r = GENERATE(values<row>({
        {"packets", {.soft = {.packets = 3}, .hard = {.packets = 5}}, instant{}, 3, 5},
        {"seconds, soft", {.soft = {.time = seconds(10)}, .hard = {.time = seconds(20)}}, instant{} + seconds(10), 1, -1},
        {"seconds, hard", {.soft = {.time = seconds(10)}, .hard = {.time = seconds(20)}}, instant{} + seconds(20), -1, 0},
        {"octets", {.soft = {}, .hard = {.kilobytes = 1}}, instant{}, -1, -2},
    }));
    CAPTURE(f.name, r.kind);
    auto parameters = esp_parameters(f.mode, f.v6);
    parameters.lifetimes = r.lifetimes;
    const crypto::transform t{crypto::encryption_id::aes_gcm_16, 128, crypto::integrity_id::none};
    auto p = make_esp_pair(parameters, *crypto::botan::make_esp_suite(t), *crypto::botan::make_esp_suite(t));
    int passed = 0, soft_at = -1;
    bool is_over = false;
    std::size_t octets = 0;
    for (int i = 0; i < 20 && !is_over; ++i) {
        packet_buffer packet{plain_of(f)};
        const auto sealed = esp::seal(p.out, packet, r.at);
        is_over = !sealed;
        if (!sealed) {
            CHECK(sealed.error() == esp::errc::expired);
            CHECK(p.out.lifetime().take_expiry() == sa::expiry::hard);
            CHECK(p.out.lifetime().take_expiry() == sa::expiry::none);
            break;
        }
        ++passed;
        octets = static_cast<std::size_t>(p.out.lifetime().octets());
        if (p.out.lifetime().take_expiry() == sa::expiry::soft) {
            CHECK(soft_at == -1);  // once
            soft_at = passed;
        }
        // The receiver counts for itself; the two need not agree.                             RFC 4301 §4.4.2.1
        CHECK_FALSE(open_one(p, std::move(packet), now));
    }
    CHECK(soft_at == r.soft_after);
    CHECK(is_over == (r.hard_after != -1));
    if (r.hard_after >= 0) CHECK(passed == r.hard_after);
    if (r.hard_after == -2) CHECK((octets <= 1024 && octets + octets / static_cast<std::size_t>(passed) > 1024));
}
