// Random packets with random options and extension headers go through routers that change what routers may change: AH holds.
// Any other change, by a single bit or by moving whole headers, and it does not.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "ah/fixture.hpp"
#include "ipsec/crypto/botan/mac.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using namespace ipsec::test;
using testing::packet_buffer;
using testing::seeded_rng;

namespace {

using octets = std::vector<std::byte>;
using botan_mac = crypto::botan::any_mac;

auto octet(std::uint64_t v) -> std::byte { return static_cast<std::byte>(v & 0xffU); }
auto number(std::byte b) -> std::size_t { return std::to_integer<std::size_t>(b); }
auto any_octet(seeded_rng& r) -> std::byte { return octet(r.next()); }
void append(octets& to, const octets& what) { to.insert(to.end(), what.begin(), what.end()); }
auto random_octets(seeded_rng& r, std::size_t n) -> octets {
    octets out(n);
    for (auto& b : out) b = any_octet(r);
    return out;
}
void randomise(seeded_rng& r, byte_span where) {
    for (auto& b : where) b = any_octet(r);
}

// --- what a packet is made of, kept apart so that each router finds the piece it changes ---------------------------------------

enum class kind { fixed, changes, record_route, timestamp, route };

/// An IPv4 option, or an option of an IPv6 header, in place.
struct piece {
    kind what = kind::fixed;
    std::size_t at = 0, size = 0;  ///< of the whole option in the packet
};
struct scene {
    bool v6 = false;
    octets packet;               ///< as its sender hands it to AH
    std::vector<piece> options;  ///< places hold for all headers in front of AH
    std::size_t routing_at = 0;  ///< of an IPv6 routing header; 0: none
    std::size_t end_of_front = 0;      ///< where AH goes
    ip::destination_options_place place = ip::destination_options_place::behind;
};

// --- senders -------------------------------------------------------------------------------------------------------------------

auto random_v4(seeded_rng& r) -> scene {
    scene s;
    octets options;
    bool has_route = false;
    while (r.chance(0.75)) {
        octets o;
        kind what = kind::fixed;
        switch (r.below(7)) {
            case 0: o = {std::byte{1}}; break;
            case 1: o = {std::byte{0x94}, std::byte{4}, std::byte{0}, std::byte{0}}; break;
            case 2: {  // one that the ICV covers
                constexpr std::array types{0x82, 0x85, 0x86, 0x95};
                o = random_octets(r, 2 + r.below(8));
                o[0] = octet(static_cast<std::uint64_t>(types[r.below(types.size())]));
                o[1] = octet(o.size());
                break;
            }
            case 3: {  // one that it does not
                constexpr std::array types{0x88, 0x0b, 0x0c, 0x91, 0x0a, 0xcd, 0x8e, 0x0f, 0x90, 0x93, 0x52, 0x1e, 0x9e, 0x7f};
                o = random_octets(r, 2 + r.below(8));
                o[0] = octet(static_cast<std::uint64_t>(types[r.below(types.size())]));
                o[1] = octet(o.size());
                what = kind::changes;
                break;
            }
            case 4: {
                o = octets(3 + 4 * (1 + r.below(4)));
                o[0] = std::byte{7};
                o[1] = octet(o.size());
                o[2] = std::byte{4};
                what = kind::record_route;
                break;
            }
            case 5: {
                o = octets(4 + 4 * (1 + r.below(4)));
                o[0] = std::byte{0x44};
                o[1] = octet(o.size());
                o[2] = std::byte{5};
                what = kind::timestamp;
                break;
            }
            default: {
                if (has_route) continue;
                o = random_octets(r, 3 + 4 * (1 + r.below(4)));
                o[0] = r.chance(0.5) ? std::byte{0x83} : std::byte{0x89};
                o[1] = octet(o.size());
                o[2] = octet(4 + 4 * r.below((o.size() - 3) / 4 + 1));
                what = kind::route;
                has_route = true;
            }
        }
        if (options.size() + o.size() > 40) break;
        s.options.push_back({what, 20 + options.size(), o.size()});
        append(options, o);
    }
    while (options.size() % 4 != 0) options.push_back(std::byte{0});
    s.packet = v4_packet(8 + r.below(60), static_cast<std::uint8_t>(r.next()), static_cast<std::uint8_t>(10 + r.below(246)));
    s.packet.insert(s.packet.begin() + 20, options.begin(), options.end());
    s.packet[0] = octet(0x45 + options.size() / 4);
    put16(s.packet, 2, s.packet.size());
    put16(s.packet, 6, r.chance(0.5) ? 0x4000 : 0);
    mend_checksum(s.packet);
    s.end_of_front = 20 + options.size();
    return s;
}

/// A hop-by-hop or destination options header, without its next header octet filled in.
auto random_options(seeded_rng& r, std::size_t at, std::vector<piece>& into) -> octets {
    octets h(2);
    for (std::size_t n = r.below(5); n > 0; --n) {
        auto o = random_octets(r, 2 + r.below(12));
        o[0] = octet(2 + r.below(253));  // not the paddings
        o[1] = octet(o.size() - 2);
        const bool changes = (number(o[0]) & 0x20U) != 0;
        if (o.size() > 2) into.push_back({changes ? kind::changes : kind::fixed, at + h.size() + 2, o.size() - 2});
        append(h, o);
    }
    const std::size_t pad = (8 - h.size() % 8) % 8;
    if (pad == 1) h.push_back(std::byte{0});
    if (pad > 1) {
        octets padding(pad);
        padding[0] = std::byte{1};
        padding[1] = octet(pad - 2);
        append(h, padding);
    }
    h[1] = octet(h.size() / 8 - 1);
    return h;
}

auto random_v6(seeded_rng& r) -> scene {
    scene s;
    s.v6 = true;
    if (r.chance(0.5)) s.place = ip::destination_options_place::in_front;
    octets chain;
    std::vector<std::pair<std::size_t, std::byte>> headers;  // place in the chain, and number
    const auto add = [&](std::byte type, const octets& h) {
        headers.emplace_back(chain.size(), type);
        append(chain, h);
    };
    const auto add_options = [&](std::byte type) { add(type, random_options(r, 40 + chain.size(), s.options)); };
    if (r.chance(0.5)) add_options(std::byte{0});
    const bool has_routing = r.chance(0.5);
    if (has_routing && r.chance(0.5)) add_options(std::byte{60});
    if (has_routing) {
        const bool type_2 = r.chance(0.3);
        const std::size_t count = type_2 ? 1 : 1 + r.below(4);
        octets h(8);
        h[1] = octet(count * 2);
        h[2] = type_2 ? std::byte{2} : std::byte{0};
        h[3] = octet(r.below(count + 1));
        for (std::size_t i = 0; i < count; ++i) {
            auto a = random_octets(r, 16);
            a[0] = std::byte{0x20};
            append(h, a);
        }
        s.routing_at = 40 + chain.size();
        add(std::byte{43}, h);
    }
    s.end_of_front = 40 + chain.size();
    const auto known = s.options.size();
    if (r.chance(0.5)) {
        add_options(std::byte{60});
        if (s.place == ip::destination_options_place::in_front) s.end_of_front = 40 + chain.size();
        else s.options.resize(known);  // nobody on the way sees them
    }
    auto packet = v6_packet(8 + r.below(60), static_cast<std::uint8_t>(r.next()), static_cast<std::uint8_t>(10 + r.below(246)));
    packet.insert(packet.begin() + 40, chain.begin(), chain.end());
    for (std::size_t i = 0; i < headers.size(); ++i)
        packet[40 + headers[i].first] = i + 1 < headers.size() ? headers[i + 1].second : std::byte{17};
    if (!headers.empty()) packet[6] = headers[0].second;
    put16(packet, 4, packet.size() - 40);
    s.packet = std::move(packet);
    return s;
}

// --- routers -------------------------------------------------------------------------------------------------------------------

/// One router forwards the packet, and does to it all that routers do.
void forward_v4(seeded_rng& r, const scene& s, octets& p) {
    p[8] = octet(number(p[8]) - 1);
    if (r.chance(0.3)) p[1] = any_octet(r);                                      // another service, or congestion
    if (r.chance(0.2)) p[6] = octet(number(p[6]) ^ 0x40U);                       // DF, set by a router
    for (const auto& o : s.options) {
        const byte_span option = byte_span{p}.subspan(o.at, o.size);
        const std::size_t pointer = o.size > 2 ? number(option[2]) : 0;
        if (o.what == kind::changes && r.chance(0.5)) randomise(r, option.subspan(2));
        if (o.what == kind::record_route && pointer + 3 <= o.size) {
            randomise(r, option.subspan(pointer - 1, 4));
            option[2] = octet(pointer + 4);
        }
        if (o.what == kind::timestamp) {
            if (pointer + 3 <= o.size) {
                randomise(r, option.subspan(pointer - 1, 4));
                option[2] = octet(pointer + 4);
            } else {
                option[3] = octet(number(option[3]) + 0x10);  // overflow
            }
        }
    }
    mend_checksum(p);
}
/// The router whose address the packet has: the next address of the route, its own in that place.               RFC 791 §3.1
auto follow_route_v4(seeded_rng& r, const scene& s, octets& p) -> bool {
    for (const auto& o : s.options) {
        if (o.what != kind::route) continue;
        const byte_span option = byte_span{p}.subspan(o.at, o.size);
        const std::size_t pointer = number(option[2]);
        if (pointer > o.size) return false;
        copy_octets(option.subspan(pointer - 1, 4), byte_span{p}.subspan(16, 4));
        randomise(r, option.subspan(pointer - 1, 4));
        option[2] = octet(pointer + 4);
        mend_checksum(p);
        return true;
    }
    return false;
}
void forward_v6(seeded_rng& r, const scene& s, octets& p) {
    p[7] = octet(number(p[7]) - 1);
    if (r.chance(0.3)) {  // class and flow label
        const auto first = wire::load<std::uint32_t>(byte_view{p});
        wire::store(byte_span{p}, (first & 0xf0000000U) | static_cast<std::uint32_t>(r.next() & 0x0fffffffU));
    }
    for (const auto& o : s.options)
        if (o.what == kind::changes && r.chance(0.5)) randomise(r, byte_span{p}.subspan(o.at, o.size));
}
/// RFC 2460 §4.4.
auto follow_route_v6(const scene& s, octets& p) -> bool {
    if (s.routing_at == 0) return false;
    const byte_span h = byte_span{p}.subspan(s.routing_at);
    const std::size_t count = number(h[1]) / 2, left = number(h[3]);
    if (left == 0) return false;
    h[3] = octet(left - 1);
    for (std::size_t i = 0; i < 16; ++i) std::swap(p[24 + i], h[8 + (count - left) * 16 + i]);
    return true;
}
void travel(seeded_rng& r, const scene& s, octets& p) {
    const auto forward = [&] {
        for (std::size_t n = r.below(2); n > 0; --n) s.v6 ? forward_v6(r, s, p) : forward_v4(r, s, p);
    };
    do forward();
    while (s.v6 ? follow_route_v6(s, p) : follow_route_v4(r, s, p));
}
/// The packet was cut on the way, and whoever put it together left the Fragment header in.                   RFC 4302 App. A2
auto with_atomic_fragment(seeded_rng& r, const scene& s, octets p) -> octets {
    octets h(8);
    for (std::size_t i = 4; i < 8; ++i) h[i] = any_octet(r);
    std::size_t names = 6, at = 40;  // walk to the last octet that names something in front of AH
    while (at < s.end_of_front) {
        names = at;
        at += (number(p[at + 1]) + 1) * 8;
    }
    h[0] = p[names];
    p[names] = std::byte{44};
    p.insert(p.begin() + static_cast<std::ptrdiff_t>(s.end_of_front), h.begin(), h.end());
    put16(p, 4, p.size() - 40);
    return p;
}

// --- an obvious reading of what may change -------------------------------------------------------------------------------------

/// For each octet of a packet that arrived the bits that the ICV must notice.
auto covered_bits(const scene& s, const octets& p) -> octets {
    octets bits(p.size(), std::byte{0xff});
    const auto free = [&](std::size_t at, std::size_t n) {
        std::fill_n(bits.begin() + static_cast<std::ptrdiff_t>(at), n, std::byte{0});
    };
    if (s.v6) {
        bits[0] = std::byte{0xf0};
        free(1, 3);
        free(7, 1);
        for (const auto& o : s.options)
            if (o.what == kind::changes) free(o.at, o.size);
        return bits;
    }
    free(1, 1);
    free(6, 2);
    free(8, 1);
    free(10, 2);
    for (const auto& o : s.options)
        if (o.what != kind::fixed) free(o.at, o.size);
    return bits;
}
/// Something worse than a bit: whole headers or addresses change places. @return whether that gave another packet
auto rearrange(seeded_rng& r, const scene& s, octets& p) -> bool {
    const auto before = p;
    switch (r.below(5)) {
        case 0:  // source and destination
            if (s.v6) std::swap_ranges(p.begin() + 8, p.begin() + 24, p.begin() + 24);
            else std::swap_ranges(p.begin() + 12, p.begin() + 16, p.begin() + 16);
            break;
        case 1:  // the last octets are gone, and the length is honest
            p.resize(p.size() - 1 - r.below(8));
            put16(p, s.v6 ? 4 : 2, s.v6 ? p.size() - 40 : p.size());
            break;
        case 2:  // more of them
            append(p, random_octets(r, 1 + r.below(8)));
            put16(p, s.v6 ? 4 : 2, s.v6 ? p.size() - 40 : p.size());
            break;
        case 3: {  // two addresses of a routing header, or two fixed IPv4 options of one size
            if (s.routing_at != 0 && number(p[s.routing_at + 1]) > 2) {
                const auto first = p.begin() + static_cast<std::ptrdiff_t>(s.routing_at + 8);
                std::swap_ranges(first, first + 16, first + 16);
            }
            break;
        }
        default:  // the first two extension headers change places
            if (s.v6 && s.end_of_front > 40) {
                const std::size_t first = (number(p[41]) + 1) * 8;
                if (40 + first >= s.end_of_front) break;
                const std::size_t second = (number(p[40 + first + 1]) + 1) * 8;
                const auto type = p[6], next = p[40], after = p[40 + first];
                std::rotate(p.begin() + 40, p.begin() + 40 + static_cast<std::ptrdiff_t>(first),
                            p.begin() + 40 + static_cast<std::ptrdiff_t>(first + second));
                p[6] = next;
                p[40] = type;
                p[40 + second] = after;
            }
    }
    return p != before;
}

struct tally {
    int cases = 0, opened = 0, bits = 0, rearranged = 0, routed = 0, with_options = 0;
};

void run_case(std::uint64_t seed, tally& t) {
    seeded_rng r{seed};
    const bool v6 = r.chance(0.5);
    const scene s = v6 ? random_v6(r) : random_v4(r);
    auto parameters = ah_parameters(sa::mode::transport, v6);
    parameters.extended_sequence = r.chance(0.5);
    parameters.destination_options = s.place;
    if (!v6) parameters.icv_alignment = r.chance(0.5) ? std::uint8_t{4} : sa::linux_icv_alignment;
    auto pair = make_ah_pair(parameters, *botan_mac::make(crypto::integrity_id::hmac_sha2_256_128));
    CAPTURE(seed, hex(s.packet));
    packet_buffer sealed{s.packet};
    REQUIRE(ah::seal(pair.out, sealed, instant{}));
    const octets sent{sealed.octets().begin(), sealed.octets().end()};
    const std::size_t ah_size = sent.size() - s.packet.size();
    REQUIRE(std::equal(sent.begin() + static_cast<std::ptrdiff_t>(s.end_of_front + ah_size), sent.end(),
                       s.packet.begin() + static_cast<std::ptrdiff_t>(s.end_of_front)));
    octets arrived = sent;
    travel(r, s, arrived);
    ++t.cases;
    t.with_options += s.options.empty() ? 0 : 1;
    t.routed +=
        std::equal(arrived.begin() + (v6 ? 24 : 16), arrived.begin() + (v6 ? 40 : 20), sent.begin() + (v6 ? 24 : 16)) ? 0 : 1;

    const auto bits = covered_bits(s, arrived);
    for (int n = 0; n < 6; ++n) {
        octets forged = arrived;
        const std::size_t at = n < 3 ? r.below(s.end_of_front + ah_size) : r.below(forged.size());
        const std::byte bit = octet(1U << r.below(8));
        if ((bits[at] & bit) == std::byte{0}) continue;
        forged[at] ^= bit;
        CAPTURE(at, bit, hex(forged));
        packet_buffer p{forged};
        REQUIRE_FALSE(ah::open(pair.in, p, instant{}));
        ++t.bits;
    }
    octets moved = arrived;
    if (rearrange(r, s, moved)) {
        CAPTURE(hex(moved));
        packet_buffer p{moved};
        REQUIRE_FALSE(ah::open(pair.in, p, instant{}));
        ++t.rearranged;
    }
    REQUIRE(pair.in.window().top() == sa::sequence64{});

    // Genuine, and what comes out is what arrived without AH.
    const bool cut = v6 && r.chance(0.3);
    octets wanted = arrived;
    wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(s.end_of_front),
                 wanted.begin() + static_cast<std::ptrdiff_t>(s.end_of_front + ah_size));
    if (v6) {
        std::size_t names = 6, at = 40;
        for (; at < s.end_of_front; at += (number(wanted[at + 1]) + 1) * 8) names = at;
        wanted[names] = arrived[s.end_of_front];
        put16(wanted, 4, wanted.size() - 40);
    } else {
        wanted[9] = arrived[s.end_of_front];
        put16(wanted, 2, wanted.size());
        mend_checksum(wanted);
    }
    if (cut) {
        arrived = with_atomic_fragment(r, s, arrived);
        wanted = with_atomic_fragment(r, s, wanted);
        std::copy_n(arrived.begin() + static_cast<std::ptrdiff_t>(s.end_of_front) + 4, 4,
                    wanted.begin() + static_cast<std::ptrdiff_t>(s.end_of_front) + 4);
    }
    CAPTURE(hex(arrived));
    packet_buffer p{arrived};
    const auto done = ah::open(pair.in, p, instant{});
    REQUIRE(done);
    REQUIRE(hex(p.octets()) == hex(wanted));
    ++t.opened;
}

}  // namespace

// checklist: AH-03 to AH-10, pitfalls 43, 44 and 45
// req: rfc2402-A-m1, rfc2402-A-m2, rfc2402-A-2, rfc4302-A-2, rfc2402-3.4.4-1, rfc4302-3.4.4-1, rfc2402-3.4.3-11
// req: rfc2402-3.3.3.1.2.2-m1, rfc2402-3.4.3-9, rfc4302-3.4.3-7
TEST_CASE("AH holds through routers that change what they may, and fails at any other change", "[ah][routers]") {
    const char* const given = std::getenv("IPSECPP_SEED");
    const std::uint64_t base = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'000;
    INFO("seeds from " << base << "; another start: IPSECPP_SEED");
    tally t;
    for (std::uint64_t seed = base; seed < base + 5000; ++seed) run_case(seed, t);
    CHECK(t.opened == t.cases);
    CHECK(t.with_options > 2500);
    CHECK(t.routed > 500);
    CHECK(t.bits > 15'000);
    CHECK(t.rearranged > 2000);
}
