// The longest ICV that AH holds here.
#include <algorithm>

#include "ah/fixture.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

/// A MAC that forgets its size once the SA stands, against the rules.
struct forgetful_mac : testing::checksum_mac {
    const bool* forgotten = nullptr;
    [[nodiscard]] auto icv_size() const noexcept -> std::size_t { return *forgotten ? 0 : icv; }
    [[nodiscard]] auto compute(const keys& k, scratch& t, std::span<const byte_view> parts, byte_span out) const noexcept
        -> crypto::result<void> {
        return *forgotten ? crypto::result<void>{} : checksum_mac::compute(k, t, parts, out);
    }
};

}  // namespace

TEST_CASE("no packet is taken by a MAC of no octets", "[ah][open]") {
    bool forgotten = false;
    forgetful_mac mac;
    mac.forgotten = &forgotten;
    auto pair = make_ah_pair(ah_parameters(sa::mode::tunnel), mac);
    forgotten = true;
    const auto bare = v4_packet(20);
    auto forged = v4_packet(0);  // AH of 12 octets, without an ICV, by whoever knows the SPI
    const auto ah = unhex("04010000 10203040 00000001");
    forged.insert(forged.end(), ah.begin(), ah.end());
    forged.insert(forged.end(), bare.begin(), bare.end());
    forged[9] = std::byte{51};
    wire::store(byte_span{forged}.subspan(2, 2), static_cast<std::uint16_t>(forged.size()));
    testing::packet_buffer q{forged, 256};
    CHECK(ah::open(pair.in, q, instant{}) == std::unexpected{ah::errc::bad_payload_length});  // by the size that it had
}

TEST_CASE("an ICV has up to 64 octets, and a longer one is the caller's mistake", "[ah][seal][open]") {
    const bool over_v6 = GENERATE(false, true);
    testing::checksum_mac mac;
    mac.icv = 64;
    auto pair = make_ah_pair(ah_parameters(sa::mode::tunnel, over_v6), mac);
    const auto before = v4_packet(20);
    testing::packet_buffer p{before, 256};
    REQUIRE(ah::seal(pair.out, p, instant{}));
    CHECK(ah::open(pair.in, p, instant{}));
    CHECK(std::ranges::equal(p.octets(), before));

    mac.icv = 65;
    auto longer = make_ah_pair(ah_parameters(sa::mode::tunnel, over_v6), mac);
    testing::packet_buffer q{before, 256};
    CHECK(ah::seal(longer.out, q, instant{}) == std::unexpected{ah::errc::misuse});
    CHECK(std::ranges::equal(q.octets(), before));
}
