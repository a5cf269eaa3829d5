#include "ipsec/ip/icmp.hpp"

#include <algorithm>

#include "ip/cut.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {
auto from(octets p, const char* source, const char* destination) -> octets {
    const bool is_v6 = (p[0] >> 4) == std::byte{6};
    copy_octets(addr(source).octets(), byte_span{p}.subspan(is_v6 ? 8 : 12));
    copy_octets(addr(destination).octets(), byte_span{p}.subspan(is_v6 ? 24 : 16));
    return p;
}
auto icmp_of(bool is_v6, std::uint8_t type) -> octets {
    auto p = large(is_v6, 64, is_v6 ? 58 : 1);
    p[is_v6 ? 40 : 20] = std::byte{type};
    return p;
}
}  // namespace

// PITFALLS 51
TEST_CASE("error messages answer only what RFC 1122 and RFC 4443 let them answer", "[ip][icmp]") {
    struct row { const char* name; octets packet; bool about_size, otherwise; };
    const auto cut4 = pieces_of(large(false, 2000), 1500), cut6 = pieces_of(large(true, 2000), 1500);
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"UDP", large(false, 64, 17), true, true},
        {"UDP, IPv6", large(true, 64, 17), true, true},
        {"echo request", icmp_of(false, 8), true, true},
        {"echo request, IPv6", icmp_of(true, 128), true, true},
        {"destination unreachable", icmp_of(false, 3), false, false},
        {"source quench", icmp_of(false, 4), false, false},
        {"redirect", icmp_of(false, 5), false, false},
        {"time exceeded", icmp_of(false, 11), false, false},
        {"parameter problem", icmp_of(false, 12), false, false},
        {"packet too big, IPv6", icmp_of(true, 2), false, false},
        {"an error message nobody knows, IPv6", icmp_of(true, 99), false, false},
        {"redirect, IPv6", icmp_of(true, 137), false, false},
        {"a first fragment", cut4[0], true, true},
        {"a later fragment", cut4[1], false, false},
        {"a later fragment, IPv6", cut6[1], false, false},
        {"to a multicast group", from(large(false, 64, 17), "10.1.0.1", "224.0.0.5"), false, false},
        {"to everybody", from(large(false, 64, 17), "10.1.0.1", "255.255.255.255"), false, false},
        {"to a multicast group, IPv6", from(large(true, 64, 17), "2001:db8::1", "ff02::1"), true, false},
        {"from a zero address", from(large(false, 64, 17), "0.0.0.0", "10.0.0.1"), false, false},
        {"from loopback", from(large(false, 64, 17), "127.0.0.1", "10.0.0.1"), false, false},
        {"from a multicast group", from(large(false, 64, 17), "224.0.0.1", "10.0.0.1"), false, false},
        {"from class E", from(large(false, 64, 17), "240.0.0.1", "10.0.0.1"), false, false},
        {"from the unspecified address, IPv6", from(large(true, 64, 17), "::", "2001:db8::1"), false, false},
        {"from a multicast group, IPv6", from(large(true, 64, 17), "ff02::1", "2001:db8::1"), false, false},
        {"no packet", {}, false, false},
    }));
    CAPTURE(r.name);
    CHECK(ip::icmp::may_answer(r.packet, true) == r.about_size);
    CHECK(ip::icmp::may_answer(r.packet, false) == r.otherwise);
}

// req: rfc4303-3.3.4-2, rfc2401-B.3.1-m1
TEST_CASE("a too-big message quotes as much as may be, and reads back", "[ip][icmp]") {
    for (const bool is_v6 : {false, true})
        for (const std::size_t payload : {8U, 200U, 548U, 1232U, 1400U, 9000U}) {
            CAPTURE(is_v6, payload);
            const auto packet = large(is_v6, payload, 17);
            octets out(ip::icmp::error_size(packet));
            const auto me = addr(is_v6 ? "2001:db8:9::9" : "192.0.2.9");
            REQUIRE(ip::icmp::write_too_big(out, packet, me, 1234));
            const std::size_t head = is_v6 ? 48 : 28, most = is_v6 ? 1280 : 576;
            CHECK(out.size() == std::min(most, packet.size() + head));
            CHECK(octets(out.begin() + static_cast<std::ptrdiff_t>(head), out.end()) ==
                  octets(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(out.size() - head)));
            const auto e = ip::icmp::parse_error(out);
            REQUIRE(e);
            CHECK(e->source == me);
            CHECK(ip::icmp::mtu_of(*e) == 1234U);
            CHECK(e->quoted.length == packet.size());
            CHECK(e->quoted.reversed_flow() == ip::read_flow(packet)->reversed());
            out[head] ^= std::byte{1};
            CHECK_FALSE(ip::icmp::parse_error(out));
            out.pop_back();
            CHECK(ip::icmp::write_too_big(out, packet, me, 1234).error() == ip::errc::no_room);
        }
    const auto packet = large(false, 64, 17);
    octets out(ip::icmp::error_size(packet));
    CHECK(ip::icmp::write_too_big(out, packet, addr("::1"), 1234).error() == ip::errc::mixed_families);
}

TEST_CASE("a router that says MTU 0 means the next lower of the usual sizes", "[ip][icmp]") {
    struct row { std::size_t length; std::uint32_t mtu; };
    const auto r =
        GENERATE(values<row>({{40000, 32000}, {32000, 17914}, {1500, 1492}, {1492, 1006}, {600, 508}, {296, 68}, {100, 68}}));
    const auto packet = large(false, r.length - 20, 17);
    octets out(ip::icmp::error_size(packet));
    REQUIRE(ip::icmp::write_too_big(out, packet, addr("192.0.2.9"), 0));
    CHECK(ip::icmp::mtu_of(*ip::icmp::parse_error(out)) == r.mtu);
}
