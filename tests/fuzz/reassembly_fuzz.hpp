#pragma once
// Fragments in any order: the table keeps its bounds, and what comes out is what an obvious twin makes of the fragments. Packets
// that are cut come together again.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/fragment.hpp"
#include "ipsec/ip/reassembly.hpp"

namespace ipsec::fuzz {

namespace reassembly_detail {

/// The octets behind the IP header, as the table wrote them, hold what some fragment said of each of them.
using table = ip::reassembly<4, 48>;

inline auto take(table& t, std::size_t size) -> std::vector<std::byte> {
    std::vector<std::byte> whole(size);
    t.take(whole);
    expect(ip::packet_length(whole) == size);
    if (const auto o = ip::read_flow(whole)) expect(o->fragment == ip::fragment::none || o->source.is_v6());
    if ((whole[0] >> 4) == std::byte{4}) expect(ip::v4::check_header(whole).has_value());
    return whole;
}
}  // namespace reassembly_detail

/// The input is a list: two octets of length, then a packet; a length past the end takes what is left.
inline void reassembly(byte_view in) {
    using namespace reassembly_detail;
    const auto t = std::make_unique<table>();
    std::int64_t time = 0;
    const byte_view all = in;
    while (in.size() >= 2) {
        const std::size_t size = std::min<std::size_t>(wire::load<std::uint16_t>(in), in.size() - 2);
        const auto packet = in.subspan(2, size);
        in = in.subspan(2 + size);
        const auto done = t->add(packet, instant{} + seconds(++time));
        expect(t->size() <= 4 && t->octets_held() <= 48 * table::chunk_size);
        if (done) expect(ip::read_overview(packet).has_value() || !packet.empty());
        if (done && *done != 0) (void)take(*t, *done);
    }
    (void)t->expire(instant::never());
    expect(t->size() == 0 && t->octets_held() == 0);
    // Any packet that can be cut comes together again.
    if (all.size() < 2) return;
    const std::size_t mtu = 68 + std::to_integer<std::size_t>(all[0]);
    std::vector<std::byte> packet(all.begin() + 2, all.end());
    const auto length = ip::packet_length(packet);
    if (!length) return;
    packet.resize(*length);
    const auto cut = ip::fragmentation::plan(packet, mtu, 7);
    if (!cut || cut->pieces() == 1) return;
    const bool was_fragment = [&] {
        const auto f = ip::read_flow(packet);
        return !f || f->is_fragment();
    }();
    const auto original = packet;
    std::optional<std::size_t> whole;
    for (std::size_t i = 0; i < cut->pieces(); ++i) {
        std::vector<std::byte> piece(cut->size_of(i));
        if (i + 1 < cut->pieces()) cut->write(i, packet, piece);
        else {
            const auto begin = cut->write_last(packet);
            std::copy(packet.begin() + static_cast<std::ptrdiff_t>(begin), packet.end(), piece.begin());
        }
        expect(piece.size() <= mtu);
        const auto done = t->add(piece, instant{});
        if (!done) return;  // a tiny first fragment, headers that are too long, or too long as a whole
        if (*done != 0) whole = *done;
    }
    if (was_fragment) return;
    expect(whole.has_value());
    const auto again = take(*t, *whole);
    // But for IPv4's reserved flag and an atomic Fragment header it is the same.
    if (again.size() == original.size())
        expect(std::ranges::equal(byte_view{again}.subspan(40), byte_view{original}.subspan(40)));
    else expect((original[0] >> 4) == std::byte{6} && again.size() + 8 == original.size());
}

}  // namespace ipsec::fuzz
