#pragma once
// The octets behind an IPv6 base header: the first is the base header's next header, the rest the chain.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ip/transport.hpp"

namespace ipsec::fuzz {

inline void ipv6_chain(byte_view in) {
    if (in.empty() || in.size() > 65536) return;
    const auto rest = in.subspan(1);
    std::vector<std::byte> packet(ip::v6::header_size + rest.size());
    const ip::v6::header base{0,
                              0,
                              static_cast<std::uint16_t>(rest.size()),
                              static_cast<ip::next_header>(in[0]),
                              64,
                              ip::address::lowest(ip::family::v6),
                              ip::address::highest(ip::family::v6)};
    expect(base.emit(packet).has_value());
    copy_octets(rest, byte_span{packet}.subspan(ip::v6::header_size));
    if (!ip::v6::checked_length(packet)) return;

    ip::ext_header_walk walk{packet};
    std::size_t at = ip::v6::header_size, count = 0;
    bool whole = false;
    for (ip::ext_header h;;) {
        const auto more = walk.next(h);
        if (!more) break;
        if (!*more) {
            whole = true;
            break;
        }
        ++count;
        expect(h.offset == at && h.size % 8 == 0 && h.size >= 8);
        at += h.size;
        expect(at <= packet.size() && walk.offset() == at && walk.upper() == h.next);
        expect(std::to_integer<unsigned>(packet[walk.next_field()]) == static_cast<unsigned>(h.next));
        const auto octets = byte_view{packet}.subspan(h.offset, h.size);
        if (h.type == ip::next_header::fragment) {
            const auto f = ip::fragment_header::parse(octets);
            std::array<std::byte, ip::fragment_header::size> again{};
            f->emit(again);
            expect(std::ranges::equal(again, octets));
        } else if (h.type != ip::next_header::routing) {
            ip::ext_option_walk options{octets};
            ip::ext_option o;
            std::size_t taken = 2;
            auto next = options.next(o);
            for (; next && *next; next = options.next(o)) taken += o.type == 0 ? 1 : 2 + o.data.size();
            if (next) expect(taken == octets.size());
        }
    }
    expect(count <= ip::max_extension_headers);

    const auto place = ip::find_insertion_point(packet);
    if (!whole) expect(!place);
    if (!place) return;
    expect(place->offset <= at && std::to_integer<unsigned>(packet[place->next_field]) == static_cast<unsigned>(place->next));
    // A gap opens there, and closes again without a trace.
    std::vector<std::byte> grown(8);
    grown.insert(grown.end(), packet.begin(), packet.end());
    ip::open_gap(grown, 8, place->offset);
    if (!ip::mend_headers(grown, place->next_field, ip::next_header::esp)) return;
    const auto inside = ip::read_overview(grown);
    expect(inside && inside->flow.protocol == ip::next_header::esp && inside->upper_offset == place->offset);
    ip::close_gap(grown, 8, place->offset);
    const auto back = byte_span{grown}.subspan(8);
    expect(ip::mend_headers(back, place->next_field, place->next).has_value());
    expect(std::ranges::equal(back, packet));
}

}  // namespace ipsec::fuzz
