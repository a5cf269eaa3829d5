#include "ipsec/ip/fragment.hpp"

#include "ip/cut.hpp"
#include "ipsec/ip/flow.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ip::errc;

TEST_CASE("pieces fit the MTU, follow each other without a gap, and all but the last are multiples of 8", "[ip][fragment]") {
    for (const bool is_v6 : {false, true})
        for (const std::size_t mtu : {68U, 576U, 577U, 1280U, 1499U, 1500U})
            for (const std::size_t payload : {1U, 8U, 47U, 600U, 1480U, 1481U, 4000U, 65000U}) {
                CAPTURE(is_v6, mtu, payload);
                const auto packet = large(is_v6, payload);
                const auto pieces = pieces_of(packet, mtu);
                CHECK((pieces.size() == 1) == (packet.size() <= mtu));
                if (pieces.size() == 1) {
                    CHECK(pieces[0] == packet);
                    continue;
                }
                std::size_t next = 0;
                octets data;
                for (std::size_t i = 0; i < pieces.size(); ++i) {
                    const byte_view p = pieces[i];
                    REQUIRE(p.size() <= mtu);
                    REQUIRE(ip::packet_length(p) == p.size());
                    const auto flow = ip::read_flow(p);
                    REQUIRE(flow);
                    REQUIRE(flow->fragment == (i == 0 ? ip::fragment::first : ip::fragment::later));
                    const std::size_t head = is_v6 ? 48 : 20;
                    const auto word = wire::load<std::uint16_t>(p.subspan(is_v6 ? 42 : 6));
                    REQUIRE((is_v6 ? (word & 1U) != 0 : (word & 0x2000U) != 0) == (i + 1 < pieces.size()));
                    REQUIRE((is_v6 ? word >> 3 : word & 0x1fffU) * 8U == next);
                    if (is_v6) REQUIRE(wire::load<std::uint32_t>(p.subspan(44)) == 0x01020304);
                    else REQUIRE(ip::v4::check_header(p) == 20U);
                    if (i + 1 < pieces.size()) REQUIRE((p.size() - head) % 8 == 0);
                    next += p.size() - head;
                    data.insert(data.end(), p.begin() + static_cast<std::ptrdiff_t>(head), p.end());
                }
                CHECK(octets(packet.begin() + (is_v6 ? 40 : 20), packet.end()) == data);
            }
}

TEST_CASE("what may not be cut is not cut", "[ip][fragment]") {
    auto df = large(false, 2000);
    ip::v4::view::of(df)->set_dont_fragment(true);
    CHECK(ip::fragmentation::plan(df, 1500, 0).error() == errc::dont_fragment);
    CHECK(ip::fragmentation::plan(df, 2020, 0)->pieces() == 1);
    CHECK(ip::fragmentation::plan(large(false, 100), 27, 0).error() == errc::mtu_too_small);
    CHECK(ip::fragmentation::plan(large(false, 100), 28, 0)->pieces() == 13);
    CHECK(ip::fragmentation::plan(large(true, 100), 55, 0).error() == errc::mtu_too_small);
    CHECK(ip::fragmentation::plan(pieces_of(large(true, 2000), 1280)[0], 600, 0).error() == errc::is_fragment);
    auto wrong = large(false, 2000);
    wrong[10] ^= std::byte{1};
    CHECK(ip::fragmentation::plan(wrong, 1500, 0).error() == errc::bad_checksum);
    CHECK(ip::fragmentation::plan({}, 1500, 0).error() == errc::truncated);
}

TEST_CASE("a fragment that ends past 65535 is not cut: its pieces would begin anew at 0", "[ip][fragment]") {
    auto packet = large(false, 64);
    const auto at_offset = [&](std::uint16_t units) {
        const byte_span header = byte_span{packet}.first(20);
        wire::store(header.subspan(6), static_cast<std::uint16_t>(0x2000U | units));
        wire::store(header.subspan(10), std::uint16_t{0});
        wire::store(header.subspan(10), wire::checksum_of(header));
        return ip::fragmentation::plan(packet, 44, 1);
    };
    CHECK(at_offset(8190).error() == errc::bad_fragment);
    CHECK(at_offset(8184).error() == errc::bad_fragment);
    CHECK(at_offset(8183)->pieces() == 3);
}

TEST_CASE("a fragment of IPv4 can be cut again, the last flag and the offset stay true", "[ip][fragment]") {
    const auto once = pieces_of(large(false, 4000), 1500);
    REQUIRE(once.size() == 3);
    const auto middle = pieces_of(once[1], 576);
    const auto last = pieces_of(once[2], 576);
    CHECK(ip::v4::header::parse(middle.front())->fragment_offset == 185);
    CHECK(ip::v4::header::parse(middle.back())->more_fragments);
    CHECK_FALSE(ip::v4::header::parse(last.back())->more_fragments);
    ip::reassembly<4, 16> table;
    octets whole;
    for (const auto& list : {pieces_of(once[0], 576), middle, last})
        for (const auto& p : list) whole = add_to(table, p).value();
    CHECK(whole == large(false, 4000));
}

TEST_CASE("IPv4 options: all in the first piece, those with the copy flag in the others", "[ip][fragment]") {
    // record route (not copied), security (copied, 11 octets), no operation, then the end
    const auto packet = large(false, 200, 17, "07070400000000 820b0000000000000000 00 01 01010101 00");
    const auto pieces = pieces_of(packet, 100);
    const auto first = ip::v4::header::parse(pieces[0]);
    CHECK(hex(first->options) == hex(byte_view{packet}.subspan(20, first->options.size())));
    for (std::size_t i = 1; i < pieces.size(); ++i)
        CHECK(hex(ip::v4::header::parse(pieces[i])->options) == "820b00000000000000000000");
    ip::reassembly<4, 16> table;
    octets whole;
    for (const auto& p : pieces) whole = add_to(table, p).value();
    CHECK(whole == packet);
}

TEST_CASE("IPv6: headers for the nodes on the way are in every piece, those for the last node in the first", "[ip][fragment]") {
    struct row { const char* name; std::uint8_t first; std::string chain; std::size_t kept; };
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"no extension header", 50, "", 40},
        {"destination options", 60, "3200010400000000", 40},
        {"hop-by-hop, routing, destination options", 0, "2b00010400000000 3c00000000000000 3200010400000000", 56},
        {"destination options in front of routing", 60, "2b00010400000000 3200000000000000", 56},
    }));
    CAPTURE(r.name);
    auto packet = v6(r.first, r.chain);
    const auto chain = packet.size() - 40;
    for (std::size_t i = 0; i < 1000; ++i) packet.push_back(static_cast<std::byte>(i * 3));
    put16(packet, 4, packet.size() - 40);
    const auto pieces = pieces_of(packet, 400);
    REQUIRE(pieces.size() > 2);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        ip::ext_header_walk walk{pieces[i]};
        ip::ext_header h;
        while (walk.next(h).value() && h.type != ip::next_header::fragment) {}
        CHECK(h.type == ip::next_header::fragment);
        CHECK(h.offset == r.kept);
        // All that changes in the headers in front: the length, and the octet that names the Fragment header.
        auto head = octets(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(r.kept));
        put16(head, 4, pieces[i].size() - 40);
        head[r.kept == 40 ? 6 : r.kept - 8] = std::byte{44};
        CHECK(hex(byte_view{pieces[i]}.first(r.kept)) == hex(head));
    }
    CHECK(ip::read_flow(pieces[0])->protocol == ip::next_header::esp);
    CHECK(chain + 40 >= r.kept);
    ip::reassembly<4, 16> table;
    octets whole;
    for (const auto& p : pieces) whole = add_to(table, p).value();
    CHECK(whole == packet);
}

TEST_CASE("an atomic Fragment header gives way to those of the pieces", "[ip][fragment]") {
    for (const bool behind_options : {false, true}) {
        auto packet = behind_options ? v6(60, "2c00010400000000 3200000099999999") : v6(44, "3200000099999999");
        const std::size_t data = packet.size();
        for (std::size_t i = 0; i < 1000; ++i) packet.push_back(static_cast<std::byte>(i * 3));
        put16(packet, 4, packet.size() - 40);
        const auto pieces = pieces_of(packet, 400);
        ip::reassembly<4, 16> table;
        octets whole;
        for (const auto& p : pieces) {
            REQUIRE(p.size() <= 400);
            whole = add_to(table, p).value();
        }
        REQUIRE(whole.size() == packet.size() - 8);
        CHECK(ip::read_flow(whole)->protocol == ip::next_header::esp);
        CHECK(octets(whole.end() - 1000, whole.end()) ==
              octets(packet.begin() + static_cast<std::ptrdiff_t>(data), packet.end()));
    }
}
