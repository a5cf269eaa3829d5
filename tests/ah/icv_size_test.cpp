// The longest ICV that AH holds here.
#include <algorithm>

#include "ah/fixture.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using namespace ipsec::test;

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
