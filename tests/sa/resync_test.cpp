// Loss of 2^32 packets and more, with true cryptography.                                        RFC 4303 App. A3
#include <algorithm>
#include <array>
#include <vector>

#include "ipsec/ah/resync.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/esp/resync.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "support/catch.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using sa::sequence64;
using testing::packet_buffer;

namespace {

constexpr std::uint64_t two32 = std::uint64_t{1} << 32;
constexpr instant now{};

/// A suite that counts how often an ICV is computed on opening.
using negotiated = crypto::botan::gateway_suite;
struct counting_suite : negotiated {
    explicit counting_suite(negotiated s) : negotiated{std::move(s)} {}
    static inline std::size_t opened = 0;
    [[nodiscard]] auto open(const keys& k, scratch& t, const crypto::open_job& job) const noexcept -> crypto::result<void> {
        ++opened;
        return negotiated::open(k, t, job);
    }
};
using out_sa = sa::outbound<counting_suite>;
using in_sa = sa::inbound<counting_suite>;

struct row {
    crypto::transform transform;
    bool anti_replay = true;
};
const std::vector<row> rows{
    {{crypto::encryption_id::aes_gcm_16, 128, crypto::integrity_id::none}},
    {{crypto::encryption_id::chacha20_poly1305, 0, crypto::integrity_id::none}},
    {{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha2_256_128}},
    {{crypto::encryption_id::null, 0, crypto::integrity_id::hmac_sha1_96}},
    {{crypto::encryption_id::aes_cbc, 256, crypto::integrity_id::hmac_sha2_512_256}, false},
};

template <class Sa> auto make(const row& r, sa::resync_policy how) -> Sa {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    p.extended_sequence = true;
    p.anti_replay = r.anti_replay;
    p.resync = how;
    crypto::botan::random random;
    const std::vector<std::byte> keymat(*crypto::keymat_size(r.transform), std::byte{0x5a});
    auto made = Sa::make(p, counting_suite{*crypto::botan::make_esp_suite(r.transform)}, keymat, random, now);
    REQUIRE(made);
    return std::move(*made);
}
auto sealed(out_sa& from) -> packet_buffer {
    packet_buffer packet{test::v4_packet(64)};
    REQUIRE(esp::seal(from, packet, now));
    return packet;
}
/// What the inbound walk does with one packet.
auto receive(in_sa& to, packet_buffer packet) -> esp::result<esp::opened> {
    std::array<std::byte, 512> room{};
    if (to.is_resync_due()) (void)esp::resynchronise(to, packet, room, now);
    return esp::open(to, packet, now);
}
auto forged(out_sa& from) -> packet_buffer {
    auto packet = sealed(from);
    packet.octets().back() ^= std::byte{1};
    return packet;
}

}  // namespace

// req: rfc4303-A-1, rfc4302-B-1, rfc4303-3.4.3-7
TEST_CASE("a receiver that lost whole subspaces finds its sender again", "[sa][resync][rfc4303-A]") {
    const auto& r = rows[GENERATE(range(std::size_t{0}, std::size_t{5}))];
    const std::uint64_t lost = GENERATE(1U, 2U, 3U);
    CAPTURE(crypto::to_text(r.transform).view(), lost);
    const sa::resync_policy how{.after = 8, .ahead = 3};
    auto out = make<out_sa>(r, how);
    auto in = make<in_sa>(r, how);
    for (int i = 0; i < 3; ++i) REQUIRE(receive(in, sealed(out)));
    out.resume_at(sequence64{lost * two32 + 1000});
    for (std::uint32_t i = 0; i < how.after; ++i) {
        CHECK_FALSE(in.is_resync_due());
        CHECK(receive(in, sealed(out)).error() == esp::errc::unauthentic);
        CHECK(in.window().top() == sequence64{3});
    }
    CHECK(in.is_resync_due());
    const auto first = sealed(out);
    const auto opened = receive(in, first.clone());
    REQUIRE(opened);
    CHECK(opened->sequence == sequence64{lost * two32 + 1009});
    CHECK(in.window().top() == opened->sequence);
    CHECK_FALSE(in.is_resync_due());
    if (r.anti_replay) {
        CHECK(receive(in, first.clone()).error() == esp::errc::replayed);
        auto before = make<out_sa>(r, how);  // what was lost on the way counts as seen
        before.resume_at(sequence64{lost * two32 + 1000});
        CHECK(receive(in, sealed(before)).error() == esp::errc::replayed);
    }
    CHECK(receive(in, sealed(out)));
}

TEST_CASE("a loss past what the policy tries stays a loss", "[sa][resync]") {
    const sa::resync_policy how{.after = 4, .ahead = 2};
    auto out = make<out_sa>(rows[0], how);
    auto in = make<in_sa>(rows[0], how);
    REQUIRE(receive(in, sealed(out)));
    out.resume_at(sequence64{3 * two32 + 100});
    for (int i = 0; i < 40; ++i) CHECK(receive(in, sealed(out)).error() == esp::errc::unauthentic);
    CHECK(in.window().top() == sequence64{1});
    out.resume_at(sequence64{1});
    CHECK(receive(in, sealed(out)));
}

TEST_CASE("without a policy, or without extended numbers, nothing is tried", "[sa][resync]") {
    auto out = make<out_sa>(rows[0], {});
    auto in = make<in_sa>(rows[0], {});
    out.resume_at(sequence64{two32 + 5});
    counting_suite::opened = 0;
    for (int i = 0; i < 50; ++i) CHECK(receive(in, sealed(out)).error() == esp::errc::unauthentic);
    CHECK(counting_suite::opened == 50);
    sa::parameters p = in.parameters();
    p.extended_sequence = false;
    p.resync = {.after = 1, .ahead = 4};
    crypto::botan::random random;
    const std::vector<std::byte> keymat(20, std::byte{1});
    auto plain = in_sa::make(p, counting_suite{*crypto::botan::make_esp_suite(rows[0].transform)}, keymat, random, now);
    REQUIRE(plain);
    for (int i = 0; i < 50; ++i) CHECK(receive(*plain, sealed(out)).error() == esp::errc::unauthentic);
    CHECK_FALSE(plain->is_resync_due());
}

TEST_CASE("n forged packets cost at most n + ahead * (n / after + 1) ICVs and move no window", "[sa][resync]") {
    const auto how = GENERATE(sa::resync_policy{.after = 1, .ahead = 1}, sa::resync_policy{.after = 10, .ahead = 4},
                              sa::resync_policy{.after = 32, .ahead = 16});
    auto out = make<out_sa>(rows[2], how);
    auto in = make<in_sa>(rows[2], how);
    REQUIRE(receive(in, sealed(out)));
    counting_suite::opened = 0;
    constexpr std::size_t n = 1000;
    for (std::size_t i = 0; i < n; ++i) {
        CHECK(receive(in, forged(out)).error() == esp::errc::unauthentic);
        CHECK(in.window().top() == sequence64{1});
    }
    CAPTURE(how.after, how.ahead, counting_suite::opened);
    CHECK(counting_suite::opened <= n + how.ahead * (n / how.after + 1));
    CHECK(counting_suite::opened > n);
    CHECK(receive(in, sealed(out)));
}

TEST_CASE("genuine packets between forged ones put the attempt off", "[sa][resync]") {
    const sa::resync_policy how{.after = 3, .ahead = 8};
    auto out = make<out_sa>(rows[0], how);
    auto in = make<in_sa>(rows[0], how);
    counting_suite::opened = 0;
    for (int i = 0; i < 30; ++i) {
        CHECK_FALSE(receive(in, forged(out)));
        CHECK_FALSE(receive(in, forged(out)));
        CHECK(receive(in, sealed(out)));
    }
    CHECK(counting_suite::opened == 90);
}

TEST_CASE("packets of the past are not taken for ones of the future", "[sa][resync]") {
    const sa::resync_policy how{.after = 2, .ahead = 4};
    auto out = make<out_sa>(rows[0], how);
    auto in = make<in_sa>(rows[0], how);
    std::vector<packet_buffer> old;
    for (int i = 0; i < 10; ++i) old.push_back(sealed(out));
    in.resume_at(sequence64{5 * two32 + 500});
    for (const auto& packet : old) CHECK_FALSE(receive(in, packet.clone()));
    CHECK(in.window().top() == sequence64{5 * two32 + 500});
}

TEST_CASE("a packet that does not fit the room is not tried, nor the last subspace left", "[sa][resync]") {
    const sa::resync_policy how{.after = 1, .ahead = 4};
    auto out = make<out_sa>(rows[0], how);
    auto in = make<in_sa>(rows[0], how);
    out.resume_at(sequence64{two32});
    REQUIRE_FALSE(receive(in, sealed(out)));
    REQUIRE(in.is_resync_due());
    auto packet = sealed(out);
    const auto before = std::vector<std::byte>{packet.octets().begin(), packet.octets().end()};
    std::array<std::byte, 64> little{};
    CHECK_FALSE(esp::resynchronise(in, packet, little, now));
    CHECK(in.is_resync_due());
    CHECK(std::ranges::equal(packet.octets(), before));
    in.resume_at(sequence64{~std::uint64_t{0} - 5});
    std::array<std::byte, 512> room{};
    CHECK_FALSE(esp::resynchronise(in, packet, room, now));
    CHECK(std::ranges::equal(packet.octets(), before));
}

// req: rfc4302-B-1, rfc4302-3.4.3-6
TEST_CASE("AH finds its sender again as ESP does", "[sa][resync][ah][rfc4302-B]") {
    using mac = crypto::botan::any_mac;
    sa::parameters p;
    p.id = {.spi = sa::spi{0x2000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::ah};
    p.source = ip::address::v4(192, 0, 2, 1);
    p.extended_sequence = true;
    p.resync = {.after = 5, .ahead = 2};
    crypto::botan::random random;
    const std::vector<std::byte> keymat(32, std::byte{3});
    const auto id = crypto::integrity_id::hmac_sha2_256_128;
    auto out = sa::outbound<mac>::make(p, *crypto::botan::make_mac(id), keymat, random, now);
    auto in = sa::inbound<mac>::make(p, *crypto::botan::make_mac(id), keymat, random, now);
    REQUIRE((out && in));
    const auto pass = [&](bool spoil = false) {
        packet_buffer packet{test::v4_packet(64)};
        REQUIRE(ah::seal(*out, packet, now));
        if (spoil) packet.octets().back() ^= std::byte{1};
        if (in->is_resync_due()) (void)ah::resynchronise(*in, packet, now);
        return ah::open(*in, packet, now);
    };
    REQUIRE(pass());
    out->resume_at(sequence64{2 * two32 + 9});
    for (int i = 0; i < 5; ++i) CHECK(pass().error() == ah::errc::unauthentic);
    CHECK(pass(true).error() == ah::errc::unauthentic);  // the attempt went to a forged packet
    CHECK(in->window().top() == sequence64{1});
    for (int i = 0; i < 4; ++i) CHECK(pass().error() == ah::errc::unauthentic);
    const auto found = pass();
    REQUIRE(found);
    CHECK(found->sequence == sequence64{2 * two32 + 20});
}
