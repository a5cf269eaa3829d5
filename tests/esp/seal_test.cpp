#include "ipsec/esp/seal.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "esp/fixture.hpp"
#include "ipsec/sa/shared_sequence.hpp"

using namespace ipsec;
using namespace ipsec::test;

// req: rfc2406-2.2-1, rfc2406-2.4-m1, rfc4303-2-1, rfc4303-2.2-1
// checklist: ESP-01
TEST_CASE("a tunnel packet has outer header, SPI, number, IV, inner packet, least padding, trailer and ICV", "[esp][seal]") {
    for (const bool over_v6 : {false, true})
        for (const bool inner_v6 : {false, true})
            for (const std::size_t block : {1U, 4U, 8U, 16U})
                for (std::size_t payload = 0; payload <= 64; ++payload) {
                    CAPTURE(over_v6, inner_v6, block, payload);
                    const std::size_t iv = block == 1 ? 0 : block == 4 ? 8 : block;
                    auto pair = identity_pair(esp_parameters(sa::mode::tunnel, over_v6), block, iv);
                    const auto inner = inner_v6 ? v6_packet(payload) : v4_packet(payload);
                    packet_buffer p{inner};
                    REQUIRE(esp::seal(pair.out, p, instant{}));
                    const byte_view out = p.octets();
                    const std::size_t outer = over_v6 ? 40 : 20;
                    const std::size_t step = block < 4 ? 4 : block;
                    const std::size_t text = (inner.size() + 2 + step - 1) / step * step;
                    REQUIRE(out.size() == outer + 8 + iv + text + 12);
                    REQUIRE(ip::packet_length(out) == out.size());
                    REQUIRE(out[over_v6 ? 6 : 9] == std::byte{50});
                    if (!over_v6) REQUIRE(internet_checksum(out.first(20)) == 0);
                    REQUIRE(hex(out.subspan(outer, 8)) == "1020304000000001");
                    REQUIRE(hex(out.subspan(outer + 8 + iv, inner.size())) == hex(inner));
                    const std::size_t pad = text - inner.size() - 2;
                    for (std::size_t i = 0; i < pad; ++i)
                        REQUIRE(std::to_integer<std::size_t>(out[outer + 8 + iv + inner.size() + i]) == i + 1);
                    REQUIRE(std::to_integer<std::size_t>(out[outer + 8 + iv + text - 2]) == pad);
                    REQUIRE(out[outer + 8 + iv + text - 1] == (inner_v6 ? std::byte{41} : std::byte{4}));
                    REQUIRE(esp::open(pair.in, p, instant{}));
                    REQUIRE(hex(p.octets()) == hex(inner));
                }
}

TEST_CASE("transport mode puts ESP between the IP headers and the payload, and opening restores every octet",
          "[esp][seal][open]") {
    struct row { const char* name; std::vector<std::byte> packet; std::size_t at; std::uint8_t next; };
    auto with_options = unhex("470000000001400040110000 0a010101 0a020202 01010101 01010100 0102030405060708");
    put16(with_options, 2, with_options.size());
    mend_checksum(with_options);
    // hop-by-hop, destination options for the nodes of a routing header, routing, then destination options for the last node
    auto chain = unhex("60000000 00000040 fd010000000000000000000000000001 fd020000000000000000000000000002"
                       "3c00010400000000 2b00010400000000 3c00000000000000 1100010400000000 0102030405060708");
    put16(chain, 4, chain.size() - 40);
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"IPv4", v4_packet(33), 20, 17},
        {"IPv4, no payload", v4_packet(0), 20, 17},
        {"IPv4 with options", with_options, 28, 17},
        {"IPv6", v6_packet(33), 40, 17},
        {"IPv6 with a chain", chain, 64, 60},
    }));
    CAPTURE(r.name);
    auto pair = identity_pair(esp_parameters(sa::mode::transport));
    for (int i = 0; i < 3; ++i) {
        packet_buffer p{r.packet};
        REQUIRE(esp::seal(pair.out, p, instant{}));
        const byte_view out = p.octets();
        CHECK(ip::packet_length(out) == out.size());
        CHECK(hex(out.subspan(r.at, 4)) == "10203040");
        CHECK(out[out.size() - 13] == std::byte{r.next});
        if ((out[0] >> 4) == std::byte{4}) CHECK(internet_checksum(out.first(r.at)) == 0);
        const auto done = esp::open(pair.in, p, instant{});
        REQUIRE(done);
        CHECK(done->next == ip::next_header{r.next});
        CHECK(done->sequence == sa::sequence64{static_cast<std::uint64_t>(i) + 1});
        CHECK(hex(p.octets()) == hex(r.packet));
    }
}

TEST_CASE("a checksum of every value survives transport mode", "[esp][seal][open]") {
    auto pair = identity_pair(esp_parameters(sa::mode::transport));
    auto plain = v4_packet(9);
    for (unsigned id = 0; id < 65536; ++id) {
        put16(plain, 4, id);
        mend_checksum(plain);
        packet_buffer p{plain};
        REQUIRE(esp::seal(pair.out, p, instant{}));
        REQUIRE(internet_checksum(p.octets().first(20)) == 0);
        REQUIRE(esp::open(pair.in, p, instant{}));
        REQUIRE(std::ranges::equal(p.octets(), plain));
    }
}

// req: rfc2406-3.3.5-m1
TEST_CASE("transport mode refuses fragments, tunnel mode carries them", "[esp][seal]") {
    auto fragment = v4_packet(16);
    const auto word = GENERATE(std::size_t{0x2000}, std::size_t{0x0001}, std::size_t{0x2001});
    put16(fragment, 6, word);
    mend_checksum(fragment);
    auto transport = identity_pair(esp_parameters(sa::mode::transport));
    packet_buffer p{fragment};
    CHECK(esp::seal(transport.out, p, instant{}) == std::unexpected{esp::errc::fragment});
    CHECK(octets_of(p) == fragment);
    auto tunnel = identity_pair(esp_parameters(sa::mode::tunnel));
    REQUIRE(esp::seal(tunnel.out, p, instant{}));
    REQUIRE(esp::open(tunnel.in, p, instant{}));
    CHECK(octets_of(p) == fragment);
}

// cve-60
TEST_CASE("without room a packet is left alone and no number is used", "[esp][seal]") {
    const auto mode = GENERATE(sa::mode::transport, sa::mode::tunnel);
    const auto plain = v4_packet(31);
    auto pair = identity_pair(esp_parameters(mode));
    packet_buffer enough{plain};
    REQUIRE(esp::seal(pair.out, enough, instant{}));
    const std::size_t front = 8 + 16 + (mode == sa::mode::tunnel ? 20U : 0U);
    const std::size_t back = enough.octets().size() - plain.size() - front;
    for (std::size_t head = 0; head < front; ++head) {
        packet_buffer p{plain, head, back};
        CHECK(esp::seal(pair.out, p, instant{}) == std::unexpected{esp::errc::no_head_room});
        CHECK(octets_of(p) == plain);
    }
    for (std::size_t tail = 0; tail < back; ++tail) {
        packet_buffer p{plain, front, tail};
        CHECK(esp::seal(pair.out, p, instant{}) == std::unexpected{esp::errc::no_tail_room});
        CHECK(octets_of(p) == plain);
    }
    CHECK(pair.out.last_sequence() == sa::sequence64{1});
    packet_buffer exact{plain, front, back};
    CHECK(esp::seal(pair.out, exact, instant{}));
}

TEST_CASE("what is no IP packet, or would be too long, is refused and left alone", "[esp][seal]") {
    auto pair = identity_pair(esp_parameters(GENERATE(sa::mode::transport, sa::mode::tunnel)));
    for (const auto& octets :
         {unhex(""), unhex("45"), unhex("55000014 00000000 40110000 0a010101 0a020202"),
          unhex("44000014 00000000 40110000 0a010101 0a020202"), unhex("45000015 00000000 40110000 0a010101 0a020202")}) {
        packet_buffer p{octets};
        CHECK(esp::seal(pair.out, p, instant{}) == std::unexpected{esp::errc::not_ip});
        CHECK(octets_of(p) == octets);
    }
    const auto largest = v4_packet(65535 - 20);
    packet_buffer p{largest};
    CHECK(esp::seal(pair.out, p, instant{}) == std::unexpected{esp::errc::too_long});
    CHECK(octets_of(p) == largest);
    CHECK(pair.out.last_sequence() == sa::sequence64{});
}

TEST_CASE("octets behind the end of the packet are link padding and go", "[esp][seal][open]") {
    const auto mode = GENERATE(sa::mode::transport, sa::mode::tunnel);
    auto pair = identity_pair(esp_parameters(mode));
    const auto plain = v4_packet(5);
    auto padded = plain;
    padded.insert(padded.end(), 21, std::byte{0xee});
    packet_buffer p{padded};
    REQUIRE(esp::seal(pair.out, p, instant{}));
    p.grow_back(7);
    REQUIRE(esp::open(pair.in, p, instant{}));
    CHECK(octets_of(p) == plain);
}

// req: rfc2406-2.4-1, rfc2406-2.4-2, rfc4303-2.7-1, rfc4303-2.7-2
// checklist: ESP-03
TEST_CASE("more padding than needed and padding that hides the length are made and taken off", "[esp][seal][open]") {
    const auto tfc = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{100});
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel), 1, 0);
    for (std::size_t extra = 0; extra <= 252; extra += 3) {
        CAPTURE(tfc, extra);
        const auto plain = v4_packet(40);
        packet_buffer p{plain, 128, 512};
        REQUIRE(esp::seal(pair.out, p, instant{}, {.tfc_padding = tfc, .extra_padding = extra}));
        CHECK(p.octets().size() >= plain.size() + tfc + extra + 2 + 8 + 20 + 12);
        REQUIRE(esp::open(pair.in, p, instant{}));
        CHECK(octets_of(p) == plain);
    }
    packet_buffer p{v4_packet(40), 128, 512};
    CHECK(esp::seal(pair.out, p, instant{}, {.extra_padding = 256}) == std::unexpected{esp::errc::misuse});
    auto transport = identity_pair(esp_parameters(sa::mode::transport));
    CHECK(esp::seal(transport.out, p, instant{}, {.tfc_padding = 1}) == std::unexpected{esp::errc::misuse});
}

TEST_CASE("padding and dummy sizes near the end of the number range are refused, not wrapped", "[esp][seal]") {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel, GENERATE(false, true)));
    const auto plain = v4_packet(40);
    const auto how_near = GENERATE(range(0U, 130U));
    CAPTURE(how_near);
    packet_buffer p{plain, 128, 512};
    CHECK(esp::seal(pair.out, p, instant{}, {.tfc_padding = most - how_near}) == std::unexpected{esp::errc::too_long});
    CHECK(esp::seal(pair.out, p, instant{}, {.extra_padding = most - how_near}) == std::unexpected{esp::errc::misuse});
    CHECK(esp::seal_dummy(pair.out, p, most - how_near, instant{}) == std::unexpected{esp::errc::too_long});
    CHECK(esp::seal(pair.out, p, instant{}, {.tfc_padding = 65536}) == std::unexpected{esp::errc::too_long});
    CHECK(esp::seal(pair.out, p, instant{}, {.tfc_padding = 65535}) == std::unexpected{esp::errc::no_tail_room});
    CHECK(octets_of(p) == plain);
    CHECK(pair.out.last_sequence() == sa::sequence64{});
}

// req: rfc4303-2.6-1, rfc4303-2.6-2, rfc4303-2.6-3
TEST_CASE("a dummy packet is genuine, takes a number, and is thrown away in silence", "[esp][seal][open]") {
    const auto mode = GENERATE(sa::mode::transport, sa::mode::tunnel);
    const bool over_v6 = GENERATE(false, true);
    auto pair = identity_pair(esp_parameters(mode, over_v6));
    packet_buffer p{std::vector<std::byte>(50, std::byte{0x77}), 0, 300};  // what was there before does not leave with it
    REQUIRE(esp::seal_dummy(pair.out, p, 100, instant{}));
    const auto text = p.octets().subspan((over_v6 ? 40U : 20U) + 8 + 16, 100);
    CHECK(std::ranges::all_of(text, [](std::byte octet) { return octet == std::byte{0}; }));
    CHECK(ip::packet_length(p.octets()) == p.octets().size());
    const auto sent = octets_of(p);
    CHECK(esp::open(pair.in, p, instant{}) == std::unexpected{esp::errc::dummy});
    packet_buffer again{sent};
    CHECK(esp::open(pair.in, again, instant{}) == std::unexpected{esp::errc::replayed});
}

TEST_CASE("a dummy packet wants all of its room, and is no longer than IP allows", "[esp][seal]") {
    const bool over_v6 = GENERATE(false, true);
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel, over_v6));
    const std::size_t whole = (over_v6 ? 40U : 20U) + 8 + 16 + 112 + 12;  // 100 octets and trailer are seven blocks
    const auto before = v4_packet(10);
    packet_buffer tight{before, 0, whole - before.size() - 1};
    CHECK(esp::seal_dummy(pair.out, tight, 100, instant{}) == std::unexpected{esp::errc::no_tail_room});
    CHECK(octets_of(tight) == before);
    auto large = packet_buffer::of_size(0, 0, 70000);
    CHECK(esp::seal_dummy(pair.out, large, 65500, instant{}) == std::unexpected{esp::errc::too_long});
    CHECK(pair.out.last_sequence() == sa::sequence64{});
    packet_buffer enough{before, 0, whole - before.size()};
    REQUIRE(esp::seal_dummy(pair.out, enough, 100, instant{}));
    CHECK(enough.octets().size() == whole);
}

// req: rfc2406-2.2-m1, rfc2406-3.3.3-1, rfc4303-3.3.3-1
// cve-69
TEST_CASE("the counter stops before it wraps", "[esp][seal]") {
    auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
    pair.out.resume_at(sa::sequence64{0xfffffffe});
    packet_buffer p{v4_packet(8)};
    CHECK(esp::seal(pair.out, p, instant{}));
    const auto plain = v4_packet(8);
    packet_buffer q{plain};
    CHECK(esp::seal(pair.out, q, instant{}) == std::unexpected{esp::errc::sequence_exhausted});
    CHECK(octets_of(q) == plain);
}

TEST_CASE("a hard lifetime stops both ends", "[esp][seal][open]") {
    auto p = esp_parameters(sa::mode::tunnel);
    p.lifetimes.hard.packets = 2;
    auto pair = identity_pair(p);
    auto other = identity_pair(esp_parameters(sa::mode::tunnel));
    for (int i = 0; i < 3; ++i) {
        packet_buffer mine{v4_packet(8)}, theirs{v4_packet(8)};
        const auto sealed = esp::seal(pair.out, mine, instant{});
        REQUIRE(esp::seal(other.out, theirs, instant{}));
        const auto opened = esp::open(pair.in, theirs, instant{});
        if (i < 2) {
            CHECK(sealed);
            CHECK(opened);
        } else {
            CHECK(sealed == std::unexpected{esp::errc::expired});
            CHECK(opened == std::unexpected{esp::errc::expired});
        }
    }
    // The third packet uses up what was left; from then on packets are refused before anything is judged or deciphered.
    const auto top = pair.in.window().top();
    packet_buffer late{v4_packet(8)};
    REQUIRE(esp::seal(other.out, late, instant{}));
    CHECK(esp::inspect(pair.in, late, instant{}).error() == esp::errc::expired);
    CHECK(esp::open(pair.in, late, instant{}) == std::unexpected{esp::errc::expired});
    CHECK(pair.in.window().top() == top);
}

TEST_CASE("threads that share a number space seal for one receiver, and numbers may be given", "[esp][seal]") {
    const auto p = esp_parameters(sa::mode::tunnel);
    auto pair = identity_pair(p);
    testing::seeded_rng random{7};
    std::vector<std::byte> keymat(identity_suite{}.keymat_size());
    for (std::size_t i = 0; i < keymat.size(); ++i) keymat[i] = static_cast<std::byte>(i + 1);
    const auto plain = v4_packet(40);
    sa::sequence_space space;
    const auto sender = [&](auto sequence) {
        using sequence_type = decltype(sequence);
        return *sa::outbound<identity_suite, sequence_type>::make(p, identity_suite{}, keymat, random, instant{},
                                                                  std::move(sequence));
    };
    auto one = sender(sa::shared_sequence{space}), other = sender(sa::shared_sequence{space});
    sa::given_sequence numbers;
    REQUIRE(numbers.give({sa::sequence64{50}, sa::sequence64{50}}));
    auto given = sender(numbers);
    const auto passes = [&](auto& out) {
        packet_buffer packet{plain, 128, 512};
        REQUIRE(esp::seal(out, packet, instant{}));
        const auto opened = esp::open(pair.in, packet, instant{});
        REQUIRE(opened);
        CHECK(octets_of(packet) == plain);
        return opened->sequence.value();
    };
    CHECK(passes(one) == 1);
    CHECK(passes(other) == 2);
    CHECK(passes(one) == 3);
    CHECK(passes(given) == 50);
    packet_buffer packet{plain, 128, 512};
    CHECK(esp::seal(given, packet, instant{}) == std::unexpected{esp::errc::sequence_exhausted});
}
