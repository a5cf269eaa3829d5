#include "ipsec/ip/udp_encap.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "ipsec/ip/upper_repair.hpp"
#include "ip/build.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::errc;
using test::addr;
using test::octets;
using test::unhex;
namespace encap = ip::udp_encap;

// req: rfc3948-2.3-5, rfc3948-2.1-4
TEST_CASE("a datagram on port 4500 is told apart by its first octets", "[ip][udp_encap]") {
    struct row {
        const char* what;
        const char* hex;
        std::optional<encap::content> holds;
    };
    using enum encap::kind;
    const auto r = GENERATE(values<row>({
        {"keepalive", "ff", encap::content{keepalive, 0}},
        {"marker and message", "00000000 0102030405060708", encap::content{ike, 4}},
        {"marker and no message", "00000000", encap::content{ike, 4}},
        {"ESP", "00000100 00000001 aabbccdd", encap::content{esp, 0}},
        {"ESP whose SPI begins like a keepalive", "ff000001 00000001", encap::content{esp, 0}},
        {"ESP that ends behind its sequence number", "c0ffee00 00000001", encap::content{esp, 0}},
        {"nothing", "", std::nullopt},
        {"one octet of another value", "00", std::nullopt},
        {"two octets of a keepalive", "ffff", std::nullopt},
        {"three zeros", "000000", std::nullopt},
        {"SPI alone", "00000100", std::nullopt},
        {"ESP without all of its sequence number", "00000100 000000", std::nullopt},
    }));
    CAPTURE(r.what);
    const auto datagram = unhex(r.hex);
    const auto got = encap::classify(datagram);
    if (r.holds) CHECK(got == *r.holds);
    else CHECK(got.error() == errc::upper_layer_truncated);
}

// req: rfc3948-2.3-4
// ESP-19, PITFALLS 52
TEST_CASE("what is put in front of IKE and sent as a keepalive classifies as such", "[ip][udp_encap]") {
    CHECK(encap::classify(encap::non_esp_marker)->kind == encap::kind::ike);
    CHECK(encap::nat_keepalive.size() == 1);
    CHECK(encap::classify(encap::nat_keepalive)->kind == encap::kind::keepalive);
}

TEST_CASE("ESP that came in UDP becomes the IP packet it would have been, and back", "[ip][udp_encap]") {
    const auto [from, to] =
        GENERATE(table<std::string, std::string>({{"192.0.2.1", "198.51.100.2"}, {"2001:db8::1", "2001:db8::2"}}));
    const bool df = GENERATE(false, true);
    const auto esp = unhex("00001001 00000007 000102030405060708090a0b0c0d0e0f");
    const encap::outer o{addr(from), addr(to), 0xb9, 57, df && addr(from).is_v4()};
    octets packet(encap::outer_size(o));
    packet.insert(packet.end(), esp.begin(), esp.end());
    REQUIRE(encap::make_outer(packet, o));

    const auto seen = ip::read_overview(packet).value();
    CHECK(seen.length == packet.size());
    CHECK(seen.flow.source == o.source);
    CHECK(seen.flow.destination == o.destination);
    CHECK(seen.flow.protocol == ip::next_header::esp);
    if (o.source.is_v4()) CHECK(ip::v4::view::of(packet)->has_valid_checksum());

    const auto back = encap::strip(packet).value();
    CHECK(std::ranges::equal(byte_view{packet}.subspan(back.offset, back.length), esp));
    CHECK(back.outer == o);
    packet.resize(packet.size() + 3);  // link padding does not go into the datagram
    CHECK(encap::strip(packet).value() == back);
}

TEST_CASE("a header that cannot be made is refused and nothing is written", "[ip][udp_encap]") {
    octets packet(70000, std::byte{0xaa});
    const auto before = packet;
    const auto v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1");
    CHECK(encap::make_outer(packet, {.source = v4, .destination = v6}).error() == errc::mixed_families);
    CHECK(encap::make_outer(packet, {.source = v4, .destination = v4}).error() == errc::too_long);
    CHECK(encap::make_outer(packet, {.source = v6, .destination = v6}).error() == errc::too_long);
    CHECK(encap::make_outer(byte_span{packet}.first(19), {.source = v4, .destination = v4}).error() == errc::no_room);
    CHECK(encap::make_outer(byte_span{packet}.first(39), {.source = v6, .destination = v6}).error() == errc::no_room);
    CHECK(packet == before);
}

TEST_CASE("only a whole ESP packet is stripped", "[ip][udp_encap]") {
    struct row {
        const char* what;
        octets packet;
        std::optional<errc> fault;
    };
    const auto r = GENERATE(values<row>({
        {"ESP behind IPv4 options", test::v4(50, "0000100100000001", 0, "94040000"), std::nullopt},
        {"ESP behind destination options", test::v6(60, "3200010400000000 0000100100000001"), std::nullopt},
        {"AH", test::v4(51, "0404000000001001000000010000000000000000"), errc::not_esp},
        {"UDP", test::v4(17, "0001000200080000"), errc::not_esp},
        {"seven octets of ESP", test::v4(50, "00001001000000"), errc::not_esp},
        {"a first fragment", test::v4(50, "0000100100000001", 0x2000), errc::is_fragment},
        {"a later fragment", test::v4(50, "0000100100000001", 1), errc::is_fragment},
        {"nothing", {}, errc::truncated},
    }));
    CAPTURE(r.what);
    const auto got = encap::strip(r.packet);
    if (r.fault) CHECK(got.error() == *r.fault);
    else CHECK(std::ranges::equal(byte_view{r.packet}.subspan(got->offset, got->length), unhex("0000100100000001")));
}

// req: rfc3948-3.1.2-1
TEST_CASE("a repaired checksum holds for the new addresses; one of UDP that is zero is sent as ones", "[ip][udp_encap]") {
    struct row {
        const char* what;
        octets packet;
        std::size_t field, spare;  ///< where the checksum stands, and a word of the payload
        std::uint16_t sent;        ///< instead of a checksum of zero; UDP has no other way to say that there is one
    };
    const auto r = GENERATE(values<row>({
        {"UDP over IPv4", test::v4(17, "1000 2000 000c 1234  01020000"), 26, 30, 0xffff},
        {"UDP over IPv6", test::v6(17, "1000 2000 000c 1234  01020000"), 46, 50, 0xffff},
        {"TCP", test::v4(6, "1000 2000 00000001 00000000 5010 ffff 1234 0000  01020000"), 36, 42, 0},
    }));
    CAPTURE(r.what);
    auto packet = r.packet;
    const auto seen = ip::read_overview(packet).value();
    const auto word = [&](std::size_t at) { return wire::load<std::uint16_t>(byte_view{packet}.subspan(at)); };
    const byte_view upper = byte_view{packet}.subspan(seen.upper_offset);
    const auto sum = [&] { return ip::upper_checksum(seen.flow.source, seen.flow.destination, seen.flow.protocol, upper); };
    REQUIRE(ip::repair_upper_checksum(packet, seen));
    CHECK(sum() == 0);
    REQUIRE(word(r.field) != 0);
    // The complement of the sum as part of what is summed makes it zero.
    wire::store(byte_span{packet}.subspan(r.spare), word(r.field));
    REQUIRE(ip::repair_upper_checksum(packet, seen));
    CHECK(word(r.field) == r.sent);
    CHECK(sum() == 0);
}
