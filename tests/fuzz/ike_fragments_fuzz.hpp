#pragma once
// Pieces of IKE messages in any order: the table keeps its bounds, and what comes out is what an obvious twin makes of them.
#include <algorithm>
#include <map>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ike/v1/fragmentation.hpp"

namespace ipsec::fuzz {

/// The input is a list: one octet that picks the peer and says how much time goes by, one of length, then the body of a payload.
/// After that the input as a whole is cut, and comes together again.
inline void ike_fragments(byte_view in) {
    using namespace ike::v1;
    const byte_view all = in;
    constexpr fragment_table::bounds bounds{.messages = 3, .pieces = 8, .octets = 96, .time = seconds(15)};
    const auto cookies = [](unsigned n) {
        std::array<std::byte, 8> o{std::byte{1}};
        o[7] = static_cast<std::byte>(n);
        return isakmp::cookie_pair{isakmp::cookie_i{o}, isakmp::cookie_r{o}};
    };
    fragment_table table;
    /// All pieces of a peer that may still count, by identifier and number.
    std::map<std::pair<unsigned, unsigned>, std::map<unsigned, octets>> said;
    instant now{};
    while (in.size() >= 2) {
        const unsigned first = std::to_integer<unsigned>(in[0]), peer = first & 3U;
        const std::size_t size = std::min<std::size_t>(std::to_integer<std::size_t>(in[1]), in.size() - 2);
        const byte_view body = in.subspan(2, size);
        in = in.subspan(2 + size);
        now = now + seconds(static_cast<std::int64_t>(first >> 2U) / 8);
        const auto f = isakmp::fragment::parse(body);
        if (!f) continue;
        const auto whole = table.take(now, cookies(peer), *f, bounds);
        expect(table.size() <= bounds.messages && table.octets_held() <= bounds.messages * bounds.octets);
        auto& known = said[{peer, f->id}];
        if (!whole) {
            const bool is_looked_at =
                f->number > 0 && !f->data.empty() && f->number <= bounds.pieces && f->data.size() <= bounds.octets;
            if (is_looked_at) known.clear();  // one that cannot be of any message costs none
            continue;
        }
        known[f->number] = to_octets(f->data);
        if (!*whole) continue;
        // Every octet of the message was said by some piece under its number, in order.
        octets twin;
        for (unsigned n = 1; twin.size() < (*whole)->size() && known.contains(n); ++n)
            twin.insert(twin.end(), known[n].begin(), known[n].end());
        expect((*whole)->size() <= bounds.octets && twin == **whole);
        known.clear();
    }
    table.expire(instant::never());
    expect(table.size() == 0 && table.octets_held() == 0);

    if (all.size() < isakmp::header::size || all.size() > 4096) return;
    const std::size_t most = least_fragment + all.size() % 64;
    cutting c{.id = 7};
    std::array<std::byte, 512> room{};
    std::optional<octets> whole;
    while (c.done < all.size()) {
        const std::size_t n = write_fragment(all, most, c, room);
        expect(n > 0 && n <= most);
        const byte_view piece = byte_view{room}.first(n);
        const auto h = isakmp::header::parse(piece);
        expect(h && h->length == n && !h->flags.encrypted());
        const auto f = isakmp::fragment::parse(piece.subspan(isakmp::header::size + isakmp::generic_header::size));
        expect(f.has_value());
        const auto done = table.take(now, cookies(0), *f, {.messages = 1, .pieces = 255, .octets = 4096, .time = seconds(1)});
        expect(done.has_value() && done->has_value() == (c.done == all.size()));
        if (*done) whole = *done;
    }
    expect(whole && std::ranges::equal(*whole, all));
}

}  // namespace ipsec::fuzz
