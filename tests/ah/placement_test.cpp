// Where AH stands in transport mode, and that AH and ESP agree about it; `tests/esp/placement_test.cpp` has the same for ESP.
#include <string>
#include <vector>

#include "ah/fixture.hpp"
#include "ip/build.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/placements.hpp"

using namespace ipsec;
using namespace ipsec::test;

// checklist: AH-01, AH-02
// req: rfc2402-2.6-m1, rfc2402-2.6-1, rfc4302-2.6-1, rfc4302-2-1
TEST_CASE("AH goes behind what routers read, with destination options on the side that was asked for", "[ah][seal][open]") {
    for (const auto& row : placements())
        for (const auto side : {ip::destination_options_place::behind, ip::destination_options_place::in_front}) {
            CAPTURE(row.name, static_cast<int>(side));
            auto p = ah_parameters(sa::mode::transport, row.is_v6());
            p.destination_options = side;
            auto pair = make_ah_pair(p, testing::checksum_mac{});
            testing::packet_buffer packet{row.packet};
            REQUIRE(ah::seal(pair.out, packet, instant{}));
            const byte_view sealed = packet.octets();
            CHECK(order_of(sealed) == (side == ip::destination_options_place::behind ? row.behind("ah") : row.in_front("ah")));
            // 24 octets with an ICV of 12; the field counts words and leaves two out.
            const auto at = ip::read_overview(sealed)->upper_offset;
            CHECK(ah::header::parse(sealed.subspan(at))->payload_length == 4);
            CHECK(sealed.size() == row.packet.size() + 24);
            const auto done = ah::open(pair.in, packet, instant{});
            REQUIRE(done);
            CHECK(hex(packet.octets()) == hex(row.packet));
        }
}
