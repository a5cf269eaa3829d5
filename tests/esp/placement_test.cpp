// Where ESP stands in transport mode.
#include <string>
#include <vector>

#include "esp/fixture.hpp"
#include "ip/build.hpp"
#include "support/placements.hpp"

using namespace ipsec;
using namespace ipsec::test;

// checklist: AH-01 as it is for ESP
// req: rfc4303-2-1
TEST_CASE("ESP goes behind what routers read, with destination options on the side that was asked for", "[esp][seal][open]") {
    for (const auto& row : placements())
        for (const auto side : {ip::destination_options_place::behind, ip::destination_options_place::in_front}) {
            CAPTURE(row.name, static_cast<int>(side));
            auto p = esp_parameters(sa::mode::transport, row.is_v6());
            p.destination_options = side;
            auto pair = identity_pair(p);
            packet_buffer packet{row.packet};
            REQUIRE(esp::seal(pair.out, packet, instant{}));
            const byte_view sealed = packet.octets();
            CHECK(order_of(sealed) == (side == ip::destination_options_place::behind ? row.esp_behind() : row.esp_in_front()));
            // What stands in front is what was there before, but for the octet that names the next header and the length.
            const auto at = ip::find_insertion_point(row.packet, side)->offset;
            CHECK(ip::read_overview(sealed)->upper_offset == at);
            const auto done = esp::open(pair.in, packet, instant{});
            REQUIRE(done);
            CHECK(hex(packet.octets()) == hex(row.packet));
        }
}
