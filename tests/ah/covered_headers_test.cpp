// The headers in front of AH as the ICV covers them, held against the tables of RFC 2402 and RFC 4302, appendix A, by hand.
#include "ipsec/ah/covered_headers.hpp"

#include <set>
#include <string>
#include <vector>

#include "ip/build.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using test::hex;
using test::unhex;

namespace {

struct covered {
    std::string octets;  // hex
    bool is_at_end = false;
    ah::errc fault{};  // 0: none
};
auto cover(byte_view packet, std::size_t ah_at) -> covered {
    std::array<std::byte, ah::max_covered_headers> out;
    out.fill(std::byte{0xee});
    const auto form = ah::cover_headers(packet, ah_at, out);
    if (!form) return {"", false, form.error()};
    return {hex(byte_view{out}.first(form->size)), form->is_at_end, {}};
}
/// A header with options, filled up with end-of-list, and AH's number; `rest` behind it.
auto v4(const std::string& options) -> test::octets {
    std::string padded = options;
    while (padded.size() % 8 != 0) padded += "00";
    return test::v4(51, "0011223344556677", 0x4000, padded, 0xff, 9);
}
/// Its form, with other options, and destination if it is not the packet's.
auto v4_form(const std::string& options, const std::string& destination = "0a020002") -> std::string {
    std::string padded = options;
    while (padded.size() % 8 != 0) padded += "00";
    const auto size = 20 + padded.size() / 2;
    const auto word = [](std::size_t v) { return hex(std::array{static_cast<std::byte>(v >> 8), static_cast<std::byte>(v)}); };
    return word(0x4000 | size / 4 << 8) + word(size + 8) + "12340000" + "00330000" + "0a010001" + destination + padded;
}
constexpr const char* a6 = "20010db80000000000000000000000aa";
constexpr const char* b6 = "20010db80000000000000000000000bb";
constexpr const char* c6 = "20010db80000000000000000000000cc";
constexpr const char* to6 = "20010db8000200000000000000000002";

/// The form of an IPv6 packet of test::v6: class, label and hop limit are zero.
auto v6_form(std::size_t payload, const std::string& next, const std::string& headers, const std::string& destination = to6)
    -> std::string {
    const auto word = hex(std::array{static_cast<std::byte>(payload >> 8), static_cast<std::byte>(payload)});
    return "60000000" + word + next + "00" + "20010db8000100000000000000000001" + destination + headers;
}

}  // namespace

// checklist: AH-06, pitfall 43; the security options 0x82, 0x85 and 0x86 are among the seven
// req: rfc2401-8-1
TEST_CASE("of all 256 IPv4 options the seven of appendix A are kept, and all others zeroed whole", "[ah][options]") {
    const std::set<unsigned> kept{0, 1, 0x82, 0x85, 0x86, 0x94, 0x95};
    for (unsigned type = 0; type < 256; ++type) {
        CAPTURE(type);
        CHECK(ah::is_immutable_v4_option(static_cast<std::uint8_t>(type)) == kept.contains(type));
        if (type < 2 || type == 131 || type == 137) continue;  // of one octet; source routes have their own table
        const auto octet = hex(std::array{static_cast<std::byte>(type)});
        const auto option = "01" + octet + "06a1b2c3d4" + "01";
        const auto seen = cover(v4(option), 28);
        CHECK(seen.octets == v4_form(kept.contains(type) ? option : "01" "000000000000" "01"));
        CHECK(seen.is_at_end);
    }
}

// checklist: AH-03, AH-05, AH-06, pitfalls 43 and 44
TEST_CASE("IPv4 options are covered by class, and source routes in the form at arrival", "[ah][options]") {
    struct row { const char* name; const char* options; const char* form; const char* destination; bool is_at_end; };
    const auto r = GENERATE(values<row>({
        {"none", "", "", "0a020002", true},
        {"no operation and end of list", "01010100", "01010100", "0a020002", true},
        {"octets behind the end of the list are no options, and kept", "01000744", "01000744", "0a020002", true},
        {"router alert", "94040000", "94040000", "0a020002", true},
        {"record route, half filled", "07070801020304 00", "00000000000000 00", "0a020002", true},
        {"timestamp", "440c0900 00000001 00000000", "00000000 00000000 00000000", "0a020002", true},
        {"security between two that change", "07030482 0b112233 44556677 88990703 04", "00000082 0b112233 44556677 88990000 00",
         "0a020002", true},
        {"loose route to go", "830b04 c0000201 c0000202 00", "0000000000000000 00000000", "c0000202", false},
        {"loose route, one behind", "830b08 c0000201 c0000202 00", "0000000000000000 00000000", "c0000202", false},
        {"loose route at its end", "830b0c c0000201 c0000202 00", "0000000000000000 00000000", "0a020002", true},
        {"strict route to go", "01 890704 c0000201", "01 0000000000 0000", "c0000201", false},
        {"empty route", "830304 01", "000000 01", "0a020002", true},
        {"pointer far behind the end", "8307ff c0000201 01", "000000 00000000 01", "0a020002", true},
    }));
    CAPTURE(r.name);
    const auto packet = v4(hex(unhex(r.options)));
    const auto seen = cover(packet, packet.size() - 8);
    CHECK(seen.octets == v4_form(hex(unhex(r.form)), r.destination));
    CHECK(seen.is_at_end == r.is_at_end);
}

TEST_CASE("IPv4 options that lie have a name", "[ah][options]") {
    struct row { const char* name; const char* options; ah::errc fault; };
    const auto r = GENERATE(values<row>({
        {"length 0", "07000000", ah::errc::bad_options},
        {"length 1", "94010000", ah::errc::bad_options},
        {"length past the header", "07050000", ah::errc::bad_options},
        {"type without length", "01010107", ah::errc::bad_options},
        {"route without pointer", "83020000", ah::errc::bad_route},
        {"route of a part of an address", "830604 c00002 00 00", ah::errc::bad_route},
        {"pointer under 4", "830700 c0000201 00", ah::errc::bad_route},
        {"pointer between addresses", "830705 c0000201 00", ah::errc::bad_route},
        {"pointer to the last octet", "830707 c0000201 00", ah::errc::bad_route},
        {"two routes", "830704 c0000201 890704 c0000202 0000", ah::errc::bad_route},
    }));
    CAPTURE(r.name);
    const auto packet = v4(hex(unhex(r.options)));
    CHECK(cover(packet, packet.size() - 8).fault == r.fault);
}

// checklist: AH-07, AH-08, AH-09, pitfall 45
// req: rfc2402-A-m1, rfc2402-A-m2, rfc2402-3.3.3.1.2.2-m1, rfc2402-A-2, rfc2402-A-3, rfc4302-A-2, rfc4302-A-3
TEST_CASE("IPv6 extension headers are covered by the change bit of their options and as they are at arrival", "[ah][options]") {
    const std::string a{a6}, b{b6}, c{c6};
    struct row {
        const char* name;
        std::uint8_t first;
        std::string headers;
        std::string form;
        const char* destination;
        bool is_at_end;
    };
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"none", 51, "", "", to6, true},
        {"hop-by-hop: padding, router alert", 0, "3300 0502 0000 0100", "3300 0502 0000 0100", to6, true},
        {"an option that may change: data zeroed, type and length kept", 0, "3300 3e04 a1b2c3d4", "3300 3e04 00000000", to6,
         true},
        {"one that may not between two that may", 0, "3301 2002aaaa 1f03bbbbbb 3e03cccccc", "3301 20020000 1f03bbbbbb 3e03000000",
         to6, true},
        {"changeable without data", 0, "3300 3e00 0102 ffff", "3300 3e00 0102 ffff", to6, true},
        {"destination options too", 60, "3300 3e04 a1b2c3d4", "3300 3e04 00000000", to6, true},
        {"type 0 routing at its end", 43, "3304 0000 00000000" + a + b, "3304 0000 00000000" + a + b, to6, true},
        {"type 0 routing, one to go", 43, "3304 0001 00000000" + a + b, "3304 0000 00000000" + a + to6, b6, false},
        {"type 0 routing, at the source", 43, "3306 0003 00000000" + a + b + c, "3306 0000 00000000" + std::string{to6} + a + b,
         c6, false},
        {"type 2 routing", 43, "3302 0201 00000000" + a, "3302 0200 00000000" + std::string{to6}, a6, false},
        {"type 2 routing at its end", 43, "3302 0200 00000000" + a, "3302 0200 00000000" + a, to6, true},
        {"destination options, routing, destination options", 60,
         "2b00 3e04 a1b2c3d4 3c02 0001 00000000" + a + "3300 1e04 a1b2c3d4",
         "2b00 3e04 00000000 3c02 0000 00000000" + std::string{to6} + "3300 1e04 a1b2c3d4", a6, false},
    }));
    CAPTURE(r.name);
    auto all = hex(unhex(r.headers)) + "0011223344556677";
    const auto packet = test::v6(r.first, all, 0xff, 0xabcde, 9);
    const auto seen = cover(packet, packet.size() - 8);
    const auto next = hex(std::array{std::byte{r.first}});
    CHECK(seen.octets == v6_form(packet.size() - 40, next, hex(unhex(r.form)), r.destination));
    CHECK(seen.is_at_end == r.is_at_end);
}

// checklist: pitfall 45
// req: rfc2402-A-2, rfc2402-A-3, rfc4302-A-2, rfc4302-A-3
TEST_CASE("an atomic fragment header is left out of what the ICV covers", "[ah][options]") {
    const std::string rest = "0011223344556677";
    CHECK(cover(test::v6(44, "33000000 12345678" + rest), 48).octets == v6_form(8, "33", ""));
    CHECK(cover(test::v6(0, "2c00 010400000000 33000000 12345678" + rest), 56).octets == v6_form(16, "00", "3300010400000000"));
    CHECK(cover(test::v6(44, "3c000000 12345678 3300 010400000000" + rest), 56).octets == v6_form(16, "3c", "3300010400000000"));
    CHECK(cover(test::v6(44, "33000001 12345678" + rest), 48).fault == ah::errc::fragment);
    CHECK(cover(test::v6(44, "33000008 12345678" + rest), 48).fault == ah::errc::fragment);
}

TEST_CASE("IPv6 extension headers that lie, or that nobody can foresee, have a name", "[ah][options]") {
    const std::string a{a6}, b{b6};
    std::string many, longest;
    for (int i = 0; i < 17; ++i) many += "3c00 010400000000";
    longest = "339c";  // 157 times 8 octets: 1256 and the base header's 40
    while (longest.size() < std::size_t{157} * 16) longest += "00";
    struct row { const char* name; std::uint8_t first; std::string headers; ah::errc fault; };
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"option past the header", 0, "3300 1e05 00000000", ah::errc::bad_options},
        {"changeable option past the header", 60, "3300 3eff 00000000", ah::errc::bad_options},
        {"option without length", 0, "3300 0000000000 1e", ah::errc::bad_options},
        {"hop-by-hop behind another", 60, "0000 010400000000 3300 010400000000", ah::errc::bad_extension_headers},
        {"two hop-by-hop", 0, "0000 010400000000 3300 010400000000", ah::errc::bad_extension_headers},
        {"header past the end", 60, "3302 010400000000", ah::errc::bad_extension_headers},
        {"more than the limit", 60, many, ah::errc::headers_too_long},
        {"longer than the limit", 60, longest, ah::errc::headers_too_long},
        {"more segments left than addresses", 43, "3304 0003 00000000" + a + b, ah::errc::bad_route},
        {"half an address", 43, "3303 0000 00000000" + a + "0000000000000000", ah::errc::bad_route},
        {"type 2 with two addresses", 43, "3304 0201 00000000" + a + b, ah::errc::bad_route},
        {"type 2 without an address", 43, "3300 0200 00000000", ah::errc::bad_route},
        {"to a group", 43, "3302 0001 00000000 ff020000000000000000000000000001", ah::errc::bad_route},
        {"type 1", 43, "3302 0100 00000000" + a, ah::errc::routing_type},
        {"type 3", 43, "3302 0300 00000000" + a, ah::errc::routing_type},
        {"type 4: segment routing", 43, "3302 0400 00000000" + a, ah::errc::routing_type},
        {"unknown type at its end", 43, "3302 fd00 00000000" + a, ah::errc::routing_type},
    }));
    CAPTURE(r.name);
    const auto packet = test::v6(r.first, hex(unhex(r.headers)) + "0011223344556677");
    CHECK(cover(packet, packet.size() - 8).fault == r.fault);
}

TEST_CASE("the headers that are taken end at the limit exactly", "[ah][options]") {
    std::string headers = "339a";  // 155 times 8 octets and 40 are 1280
    while (headers.size() < std::size_t{155} * 16) headers += "00";
    const auto packet = test::v6(60, headers + "0011223344556677");
    REQUIRE(packet.size() - 8 == ah::max_covered_headers);
    CHECK(cover(packet, packet.size() - 8).octets == v6_form(packet.size() - 40, "3c", headers));
}

TEST_CASE("a place that is not between two headers is the caller's mistake", "[ah][options]") {
    const auto v6 = test::v6(60, "3300 010400000000 0011223344556677");
    CHECK(cover(v6, 44).fault == ah::errc::misuse);
    CHECK(cover(v6, 52).fault == ah::errc::misuse);
    CHECK(cover(test::v4(51, "00112233"), 19).fault == ah::errc::misuse);
    CHECK(cover(test::v4(51, std::string(200, '0')), 64).fault == ah::errc::misuse);
}

// Known while compiling: no clock, memory or state takes part.
static_assert([] {
    std::array<std::byte, ah::max_covered_headers> out{};
    std::array<std::byte, 28> packet{0x46_b, 0xff_b, 0x00_b, 28_b, 0x12_b, 0x34_b, 0x40_b, 0x00_b, 9_b, 51_b, 1_b, 2_b};
    packet[20] = 7_b;
    packet[21] = 3_b;
    packet[22] = 4_b;
    const auto form = ah::cover_headers(packet, 24, out);
    return form && form->size == 24 && out[1] == 0_b && out[20] == 0_b && out[22] == 0_b;
}());
