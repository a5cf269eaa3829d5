// AES-GMAC, the MAC of AH that sends its IV.                                                                RFC 4543 §4
#include <set>

#include "ipsec/crypto/botan/mac.hpp"
#include "ah/fixture.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using namespace ipsec::test;
using crypto::integrity_id;

namespace {

constexpr std::string_view echo =
    "4500003c 00010000 40016b04 c0000201 c0000202 0800aabb 00010001 000102030405060708090a0b0c0d0e0f "
    "101112131415161718191a1b1c1d1e1f";

}  // namespace

TEST_CASE("AH with AES-GMAC carries IV and tag, and every octet of both is looked at", "[ah][gmac]") {
    const auto id = GENERATE(integrity_id::aes_gmac_128, integrity_id::aes_gmac_192, integrity_id::aes_gmac_256);
    const bool extended = GENERATE(false, true);
    auto p = ah_parameters(sa::mode::transport);
    p.extended_sequence = extended;
    auto sas = make_ah_pair(p, crypto::botan::any_mac::make(id).value());
    if (extended) {
        sas.out.resume_at(sa::sequence64{0x5fffffffe});
        sas.in.resume_at(sa::sequence64{0x5fffffffe});
    }
    std::set<std::string> ivs;
    for (std::uint64_t i = 1; i <= 4; ++i) {
        testing::packet_buffer packet{unhex(echo)};
        REQUIRE(ah::seal(sas.out, packet, instant{}));
        // AH: 12 octets, then an IV of 8 and a tag of 16, a multiple of 64 bits without padding
        REQUIRE(packet.octets().size() == 60 + 12 + 24);
        CHECK(packet.octets()[21] == std::byte{(12 + 24) / 4 - 2});
        const byte_view iv = byte_view{packet.octets()}.subspan(20 + 12, 8);
        CHECK(wire::load<std::uint64_t>(iv) == (extended ? 0x5fffffffeU : 0U) + i);  // the whole sequence number
        ivs.insert(hex(iv));
        for (std::size_t at = 32; at < 56; ++at) {
            auto forged = packet.clone();
            forged.octets()[at] ^= std::byte{0x40};
            const auto r = ah::open(sas.in, forged, instant{});
            REQUIRE_FALSE(r);
            CHECK(r.error() == ah::errc::unauthentic);
        }
        const auto done = ah::open(sas.in, packet, instant{});
        REQUIRE(done);
        CHECK(hex(packet.octets()) == hex(unhex(echo)));
    }
    CHECK(ivs.size() == 4);
}

TEST_CASE("AES-GMAC with keys given by hand wants its danger named, as counter modes do", "[ah][gmac]") {
    testing::seeded_rng random{1};
    auto p = ah_parameters(sa::mode::transport);
    p.manual = true;
    const auto mac = crypto::botan::any_mac::make(integrity_id::aes_gmac_128).value();
    const std::vector<std::byte> keymat(mac.keymat_size());
    const auto make = [&] { return sa::outbound<crypto::botan::any_mac>::make(p, mac, keymat, random, instant{}); };
    REQUIRE_FALSE(make());
    CHECK(make().error() == sa::errc::static_counter_keys);
    p.allow_static_counter_keys = true;
    CHECK(make());
}
