#include "ipsec/ip/transport.hpp"

#include <string>

#include "ip/build.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::destination_options_place;
using ip::errc;
using ip::next_header;
using test::octets;

namespace {
const std::string hbh = "010400000000", dst = "010400000000", rt = "02000100000000 20010db8000000000000000000000099";
}

// req: rfc2406-3.1-1, rfc2402-3.1-1
// req: rfc4301-4.1-10
TEST_CASE("ESP and AH go behind options, hop-by-hop, routing and fragment headers", "[ip][transport]") {
    struct row {
        const char* what;
        octets packet;
        ip::insertion_point behind;
        std::uint32_t in_front;  // offset with the options in front
    };
    using ip::family;
    using enum next_header;
    const auto r = GENERATE(values<row>({
        {"v4", test::v4(6, "00500051"), {20, 9, tcp, family::v4}, 20},
        {"v4 options", test::v4(17, "0001000200080000", 0x4000, "0101010194040000"), {28, 9, udp, family::v4}, 28},
        {"v4 ESP already", test::v4(50, "0000100000000001"), {20, 9, esp, family::v4}, 20},
        {"v6", test::v6(6, "00500051"), {40, 6, tcp, family::v6}, 40},
        {"v6 hop-by-hop", test::v6(0, "0600" + hbh + "00500051"), {48, 40, tcp, family::v6}, 48},
        {"v6 destination options", test::v6(60, "0600" + dst + "00500051"), {40, 6, destination_options, family::v6}, 48},
        {"v6 hop-by-hop, destination options",
         test::v6(0, "3c00" + hbh + "0600" + dst + "00500051"),
         {48, 40, destination_options, family::v6},
         56},
        {"v6 destination options, routing, destination options",
         test::v6(60, "2b00" + dst + "3c" + rt + "0600" + dst + "00500051"),
         {72, 48, destination_options, family::v6},
         80},
        {"v6 routing", test::v6(43, "06" + rt + "00500051"), {64, 40, tcp, family::v6}, 64},
        {"v6 atomic fragment", test::v6(44, "0600000000000001 00500051"), {48, 40, tcp, family::v6}, 48},
        {"v6 AH already", test::v6(0, "3300" + hbh + "0604000000001000"), {48, 40, ah, family::v6}, 48},
        {"v6 nothing inside", test::v6(59, ""), {40, 6, none, family::v6}, 40},
    }));
    CAPTURE(r.what);
    const auto p = ip::find_insertion_point(r.packet).value();
    CHECK(p == r.behind);
    const auto q = ip::find_insertion_point(r.packet, destination_options_place::in_front).value();
    CHECK(q.offset == r.in_front);
    CHECK(static_cast<next_header>(r.packet[p.next_field]) == p.next);
    CHECK(static_cast<next_header>(r.packet[q.next_field]) == q.next);
}

TEST_CASE("transport mode never takes a fragment", "[ip][transport]") {
    const auto p = GENERATE(
        values<octets>({test::v4(17, "0001000200100000", 0x2000), test::v4(17, "0001000200100000", 0x0001),
                        test::v6(44, "1100000100000001 0001000200100000"), test::v6(44, "1100000800000001 0001000200100000")}));
    CHECK(ip::find_insertion_point(p).error() == errc::is_fragment);
}

TEST_CASE("packets with no place for ESP are refused by name", "[ip][transport]") {
    CHECK(ip::find_insertion_point({}).error() == errc::truncated);
    CHECK(ip::find_insertion_point(byte_view{test::v4(6, "00500051")}.first(10)).error() == errc::truncated);
    CHECK(ip::find_insertion_point(byte_view{test::v6(6, "00500051")}.first(10)).error() == errc::truncated);
    CHECK(ip::find_insertion_point(test::v6(60, "0602" + dst)).error() == errc::chain_truncated);
    CHECK(ip::find_insertion_point(test::v6(60, "0000" + dst + "0600" + hbh)).error() == errc::hop_by_hop_not_first);
}

TEST_CASE("a gap opens at the place, the headers are mended, and closing it gives the packet back", "[ip][transport]") {
    const auto original =
        GENERATE(values<octets>({test::v4(6, "0050005100000000"), test::v4(6, "0050005100000000", 0x4000, "01010101"),
                                 test::v6(6, "0050005100000000"), test::v6(0, "3c00" + hbh + "0600" + dst + "00500051")}));
    const auto place = ip::find_insertion_point(original).value();
    constexpr std::size_t gap = 8;
    octets p(gap);
    p.insert(p.end(), original.begin(), original.end());
    ip::open_gap(p, gap, place.offset);
    REQUIRE(ip::mend_headers(p, place.next_field, next_header::esp));
    const auto inside = ip::read_overview(p).value();
    CHECK(inside.flow.protocol == next_header::esp);
    CHECK(inside.upper_offset == place.offset);
    CHECK(inside.next_field == place.next_field);
    CHECK(inside.length == p.size());
    if (place.family == ip::family::v4) CHECK(ip::v4::view::of(p)->has_valid_checksum());
    CHECK(std::equal(p.begin() + place.offset + gap, p.end(), original.begin() + place.offset, original.end()));

    ip::close_gap(p, gap, place.offset);
    auto back = byte_span{p}.subspan(gap);
    REQUIRE(ip::mend_headers(back, place.next_field, place.next));
    CHECK(std::equal(back.begin(), back.end(), original.begin(), original.end()));
}

TEST_CASE("mended lengths stop at what the field can hold", "[ip][transport]") {
    auto v4 = test::v4(6, "");
    v4.resize(65536);
    const auto old = v4;
    CHECK(ip::mend_headers(v4, 9, next_header::esp).error() == errc::too_long);
    CHECK(v4 == old);
    v4.resize(65535);
    REQUIRE(ip::mend_headers(v4, 9, next_header::esp));
    CHECK(ip::v4::view::of(v4)->has_valid_checksum());
    CHECK(ip::stated_length(v4, ip::family::v4) == 65535);
    auto v6 = test::v6(6, "");
    v6.resize(65576);
    CHECK(ip::mend_headers(v6, 6, next_header::esp).error() == errc::too_long);
    v6.resize(65575);
    REQUIRE(ip::mend_headers(v6, 6, next_header::esp));
    CHECK(ip::stated_length(v6, ip::family::v6) == 65575);
}
