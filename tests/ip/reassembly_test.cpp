#include "ipsec/ip/reassembly.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "ip/cut.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ip::errc;

namespace {
using table = ip::reassembly<8, 64>;

/// A fragment of IPv4 made by hand: offset in octets.
auto fragment(std::size_t offset, std::size_t size, bool more, std::uint8_t fill = 0x11, std::uint8_t protocol = 50,
              std::uint8_t tos = 0, std::uint16_t id = 7) -> octets {
    auto p = large(false, size, protocol, "", tos);
    std::fill(p.begin() + 20, p.end(), std::byte{fill});
    auto v = ip::v4::view::of(p).value();
    v.set_identification(id);
    v.set_fragment(static_cast<std::uint16_t>(offset / 8), more);
    return p;
}
auto fragment6(std::size_t offset, std::size_t size, bool more, std::uint8_t fill = 0x11) -> octets {
    auto p = v6(44, "");
    p.resize(48);
    ip::fragment_header{ip::next_header::esp, 0, static_cast<std::uint16_t>(offset / 8), 0, more, 7}.emit(
        byte_span{p}.subspan(40));
    p.resize(48 + size, std::byte{fill});
    put16(p, 4, size + 8);
    return p;
}
}  // namespace

// PITFALLS 47, TUN-06; req: rfc2401-B.2-1
TEST_CASE("random packets, cut, shuffled and doubled, come out as they went in", "[ip][reassembly]") {
    testing::seeded_rng random{20260101};
    auto t = std::make_unique<ip::reassembly<16, 128>>();
    for (int round = 0; round < 400; ++round) {
        const bool is_v6 = random.chance(0.5);
        const std::size_t payload = 1 + random.below(round % 10 == 0 ? 65400 : 6000);
        const std::size_t mtu = 68 + random.below(1500);
        CAPTURE(round, is_v6, payload, mtu);
        const auto packet = large(is_v6, payload);
        if (packet.size() <= mtu) continue;
        auto pieces = pieces_of(packet, mtu, static_cast<std::uint32_t>(round));
        const std::size_t n = pieces.size();
        for (std::size_t i = 0; i < n; ++i)
            if (random.chance(0.2)) pieces.push_back(pieces[i]);
        for (std::size_t i = pieces.size(); i > 1; --i) std::swap(pieces[i - 1], pieces[random.below(i)]);
        std::size_t came = 0;
        for (const auto& p : pieces) {
            const auto whole = add_to(*t, p);
            REQUIRE(whole);
            if (whole->empty()) continue;
            REQUIRE(*whole == packet);
            ++came;
        }
        // Copies that come after the datagram was complete begin another one, which its time ends.
        CHECK(came >= 1);
        (void)t->expire(instant{} + seconds(60));
        CHECK(t->size() == 0);
        CHECK(t->octets_held() == 0);
    }
    CHECK(t->counters().duplicates > 100);
}

TEST_CASE("an overlap of any kind costs the datagram and all that comes of it later", "[ip][reassembly]") {
    testing::seeded_rng random{3};
    for (const bool is_v6 : {false, true})
        for (int round = 0; round < 500; ++round) {
            const auto make = [&](std::size_t offset, std::size_t size, bool more, std::uint8_t fill) {
                return is_v6 ? fragment6(offset, size, more, fill) : fragment(offset, size, more, fill);
            };
            const std::size_t from = 8 * random.below(40), size = 8 * (1 + random.below(40));
            // The second shares at least one unit with the first and is not the same fragment.
            const std::size_t at = 8 * random.below((from + size) / 8);
            const std::size_t least = at >= from ? 1 : (from - at) / 8 + 1;
            const std::size_t length = 8 * (least + random.below(10));
            const bool same = at == from && length == size;
            CAPTURE(is_v6, from, size, at, length);
            table t;
            REQUIRE(add_to(t, make(from, size, true, 1)));
            if (same) {
                REQUIRE(add_to(t, make(at, length, true, 1)));
                REQUIRE(t.counters().duplicates == 1);
                REQUIRE(add_to(t, make(at, length, true, 2)).error() == errc::overlapping_fragment);
            } else {
                REQUIRE(add_to(t, make(at, length, true, 1)).error() == errc::overlapping_fragment);
            }
            CHECK(t.octets_held() == 0);
            REQUIRE(add_to(t, make(4096, 8, true, 1)).error() == errc::overlapping_fragment);
            CHECK(t.octets_held() == 0);
            (void)t.expire(instant{} + seconds(60));
            REQUIRE(add_to(t, make(from, size, true, 1)));
        }
}

TEST_CASE("two ends, data behind the end, or another flag on a copy are overlaps", "[ip][reassembly]") {
    struct row { const char* name; std::vector<octets> pieces; };
    const auto r = GENERATE(from_range(std::vector<row>{
        {"two ends", {fragment(800, 100, false), fragment(1600, 100, false)}},
        {"a shorter end", {fragment(800, 100, false), fragment(400, 100, false)}},
        {"data behind the end", {fragment(800, 96, false), fragment(896, 8, true)}},
        {"an end in front of data", {fragment(800, 96, true), fragment(400, 96, false)}},
        {"a copy that is the last", {fragment(800, 96, true), fragment(800, 96, false)}},
        {"a copy that is not the last", {fragment(800, 96, false), fragment(800, 96, true)}},
        {"one over two", {fragment(800, 96, true), fragment(896, 96, true), fragment(800, 192, true)}},
        {"the half of one", {fragment(800, 96, true), fragment(800, 48, true)}},
    }));
    CAPTURE(r.name);
    table t;
    for (std::size_t i = 0; i + 1 < r.pieces.size(); ++i) REQUIRE(add_to(t, r.pieces[i]));
    CHECK(add_to(t, r.pieces.back()).error() == errc::overlapping_fragment);
}

// req: rfc4301-7.2-2
TEST_CASE("fragments that hide the upper header, end past 65535 or are none are refused", "[ip][reassembly]") {
    struct row { const char* name; octets packet; std::optional<errc> fault; };
    auto ping_of_death = fragment(65528, 8, false);
    auto wrong = fragment(0, 64, true);
    wrong[10] ^= std::byte{1};
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"16 octets of TCP", fragment(0, 16, true, 1, 6), errc::tiny_fragment},
        {"24 octets of TCP", fragment(0, 24, true, 1, 6), {}},
        {"TCP from octet 8 on", fragment(8, 64, true, 1, 6), errc::tiny_fragment},
        {"TCP from octet 16 on", fragment(16, 64, true, 1, 6), {}},
        {"UDP from octet 8 on", fragment(8, 64, true, 1, 17), {}},
        {"8 octets of ESP", fragment(0, 8, true), {}},
        {"8 octets of ESP, IPv6", fragment6(0, 8, true), {}},
        {"longer than a packet can be", ping_of_death, errc::too_long},
        {"as long as a packet can be", fragment(65504, 11, false), {}},
        {"one octet longer", fragment(65504, 12, false), errc::too_long},
        {"IPv6, as long as a packet can be", fragment6(65528, 7, false), {}},
        {"IPv6, one octet longer", fragment6(65528, 8, false), errc::bad_fragment},
        {"no multiple of 8", fragment(64, 12, true), errc::bad_fragment},
        {"nothing in it", fragment(64, 0, false), errc::bad_fragment},
        {"no fragment", large(false, 64), errc::bad_fragment},
        {"no fragment, IPv6", large(true, 64), errc::bad_fragment},
        {"a wrong checksum", wrong, errc::bad_checksum},
        {"nothing", {}, errc::truncated},
    }));
    CAPTURE(r.name);
    table t;
    const auto done = add_to(t, r.packet);
    CHECK((done ? std::nullopt : std::optional{done.error()}) == r.fault);
    if (r.fault) CHECK(t.counters().refused == 1);
}

TEST_CASE("IPv6: the first fragment has to reach the upper header", "[ip][reassembly]") {
    auto chain = v6(44, "3c00000100000007 3c00010400000000 3201010400000000 0000000000000000");
    table t;
    CHECK(add_to(t, chain).error() == errc::tiny_fragment);
    const auto more = unhex("0102030405060708");
    chain.insert(chain.end(), more.begin(), more.end());
    put16(chain, 4, chain.size() - 40);
    CHECK(add_to(t, chain));
}

TEST_CASE("memory stays in its bounds under a flood, and the oldest goes first", "[ip][reassembly]") {
    auto t = std::make_unique<ip::reassembly<16, 24>>();
    testing::seeded_rng random{11};
    for (std::uint32_t i = 0; i < 20000; ++i) {
        const auto p = fragment(8 * random.below(8000), 8 * (1 + random.below(20)), true, 1, 50, 0,
                                static_cast<std::uint16_t>(random.below(3000)));
        (void)add_to(*t, p, instant{} + milliseconds(i));
        REQUIRE(t->size() <= 16);
        REQUIRE(t->octets_held() <= 24 * 2048);
    }
    CHECK(t->counters().pushed_out > 1000);
    // A datagram whose fragments come together still gets through.
    octets whole;
    for (const auto& p : pieces_of(large(false, 4000), 1500)) whole = add_to(*t, p, instant{} + seconds(20)).value();
    CHECK(whole == large(false, 4000));
    // One that is larger than all the room there is does not.
    std::optional<errc> last;
    for (const auto& p : pieces_of(large(false, 60000), 1500))
        if (const auto done = add_to(*t, p, instant{} + seconds(20)); !done) last = done.error();
    CHECK(last == errc::overlapping_fragment);
    CHECK(t->octets_held() <= 24 * 2048);
}

TEST_CASE("a datagram larger than the room is named so", "[ip][reassembly]") {
    ip::reassembly<2, 2> t;
    REQUIRE(add_to(t, fragment(0, 2048, true)));
    REQUIRE(add_to(t, fragment(2048, 2048, true)));
    CHECK(add_to(t, fragment(4096, 8, true)).error() == errc::reassembly_full);
}

TEST_CASE("time runs from the first fragment that came", "[ip][reassembly]") {
    table t{seconds(30)};
    CHECK(t.expire(instant{}) == instant::never());
    const auto pieces = pieces_of(large(false, 4000), 1500);
    REQUIRE(add_to(t, pieces[1], instant{} + seconds(1)));
    REQUIRE(add_to(t, pieces[0], instant{} + seconds(30)));
    CHECK(t.expire(instant{} + seconds(30)) == instant{} + seconds(31));
    REQUIRE(add_to(t, pieces[2], instant{} + seconds(31)).value().empty());
    CHECK(t.counters().timed_out == 1);
    CHECK(t.size() == 1);
}

TEST_CASE("fragments of two packets are told apart by addresses, protocol and identification", "[ip][reassembly]") {
    table t;
    const auto a = pieces_of(large(false, 2000, 50), 1500);
    auto b = pieces_of(large(false, 2000, 51), 1500);
    REQUIRE(add_to(t, a[0]).value().empty());
    CHECK(add_to(t, b[1]).value().empty());
    CHECK(add_to(t, b[0]).value() == large(false, 2000, 51));
    CHECK(add_to(t, a[1]).value() == large(false, 2000, 50));
    // In IPv6 the next header of later fragments does not count.
    auto six = pieces_of(large(true, 2000), 1280);
    six[1][40] = std::byte{17};
    REQUIRE(add_to(t, six[0]));
    CHECK(add_to(t, six[1]).value() == large(true, 2000));
}

TEST_CASE("congestion marks of fragments are joined", "[ip][reassembly]") {
    for (const bool is_v6 : {false, true})
        for (unsigned a = 0; a < 4; ++a)
            for (unsigned b = 0; b < 4; ++b) {
                CAPTURE(is_v6, a, b);
                table t;
                const auto first = pieces_of(large(is_v6, 2000, 50, "", static_cast<std::uint8_t>(a)), 1500)[0];
                const auto second = pieces_of(large(is_v6, 2000, 50, "", static_cast<std::uint8_t>(b)), 1500)[1];
                REQUIRE(add_to(t, second));
                const auto whole = add_to(t, first);
                if ((a == 3 && b == 0) || (a == 0 && b == 3)) {
                    CHECK(whole.error() == errc::ce_over_not_ect);
                    CHECK(t.size() == 0);
                } else {
                    CHECK(whole.value() == large(is_v6, 2000, 50, "", static_cast<std::uint8_t>(b == 3 ? 3 : a)));
                }
            }
}
