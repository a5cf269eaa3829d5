// Packets with IPv4 options and IPv6 extension headers through both walks, in transport mode: AH, ESP, and one around the other.
#include <vector>

#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/placements.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;

namespace {
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
using system_ = gateway<identity_suite, checksum_mac>;
}  // namespace

// checklist: AH-01
TEST_CASE("options and extension headers go through AH, ESP, and AH around ESP", "[dataplane][walk][options]") {
    constexpr auto transport = sa::mode::transport;
    for (const auto& row : placements()) {
        if (row.upper == "esp") continue;  // would be another SA's
        const auto flow = ip::read_flow(row.packet).value();
        const layer ah{sa::protocol::ah, transport, flow.source, flow.destination};
        const layer esp{sa::protocol::esp, transport, flow.source, flow.destination};
        for (const auto& layers : {std::vector{ah}, std::vector{esp}, std::vector{esp, ah}})
            for (const auto side : {ip::destination_options_place::behind, ip::destination_options_place::in_front}) {
                CAPTURE(row.name, layers.size(), static_cast<int>(layers[0].protocol), static_cast<int>(side));
                system_ left, right;
                REQUIRE(left.spd.append_pair(apply_entry(layers)));
                REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
                join(left, right, layers, plain, 0x1000, [&](sa::parameters& p) { p.destination_options = side; });
                auto sent = left.send({row.packet});
                REQUIRE(sent[0].verdict.fate == fate::protect);
                const auto wire = octets_in(sent[0].packet);
                if (layers.size() == 2)  // AH right in front of ESP, on whichever side the options are
                    CHECK(order_of(wire) == (side == ip::destination_options_place::behind
                                                 ? row.before + " ah esp"
                                                 : row.before + row.options + " ah esp"));
                auto forged = wire;
                forged.back() ^= std::byte{1};
                CHECK(right.receive({forged})[0].verdict.reason == drop::bad_icv);
                const auto got = right.receive({wire});
                REQUIRE(got[0].verdict.fate == fate::deliver);
                CHECK((octets_in(got[0].packet) == row.packet));
            }
    }
}

// checklist: AH-05, AH-08, pitfall 44
TEST_CASE("a packet that is not at the end of its route is dropped by name", "[dataplane][walk][options]") {
    const layer ah{sa::protocol::ah, sa::mode::transport, left_host, right_host};
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry({ah})));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry({ah}))));
    join(left, right, {ah}, plain);
    auto packet = v4_packet(30);  // on its way to 192.0.2.9, with 10.2.2.2 the next stop
    const auto route = unhex("830704c000020900");
    packet.insert(packet.begin() + 20, route.begin(), route.end());
    packet[0] = std::byte{0x47};
    put16(packet, 2, packet.size());
    mend_checksum(packet);
    auto sent = left.send({packet});
    REQUIRE(sent[0].verdict.fate == fate::protect);
    const auto wire = octets_in(sent[0].packet);
    const auto got = right.receive({wire});
    CHECK(got[0].verdict.reason == drop::unsupported_header);
    REQUIRE(right.log.records.size() == 1);
    CHECK(right.log.records[0].spi == sa::spi{0x1000});
}
