#pragma once
#include <algorithm>

#include "fuzz/isakmp_common.hpp"

namespace ipsec::fuzz {

/// A datagram: header fields come back as they were, and a message in the clear is the sum of its parts.
template <class Seen>
void isakmp_header_seen(byte_view in, Seen& seen) {
    using namespace isakmp;
    if (const auto h = header::parse(in); heard(seen, h)) {
        std::array<std::byte, header::size> again{};
        h->emit(again);
        expect(std::ranges::equal(again, in.first(header::size)));
    }
    const header_rules strict{.max_message = 2048};
    const header_rules lax{.max_message = 65535, .accept_higher_minor = true, .ignore_undefined_flags = true};
    const auto m = parse_message(in, strict);
    if (heard(seen, m)) {
        expect(parse_message(in, lax).has_value());
        expect(m->head.length == in.size() && m->behind_header.size() == in.size() - header::size);
        std::size_t sum = 0;
        for (const payload_view& p : m->payloads) {
            seen.type(p.type);
            sum += p.raw.size();
        }
        if (m->head.flags.encrypted()) {
            expect(m->payloads.empty());
        } else {  // zeros to a multiple of four may follow
            const byte_view behind = m->behind_header.subspan(sum);
            expect(behind.size() < 4 && (behind.empty() || in.size() % 4 == 0));
            expect(std::ranges::all_of(behind, [](std::byte o) { return o == std::byte{0}; }));
        }
    }
}
inline void isakmp_header(byte_view in) {
    deaf seen;
    isakmp_header_seen(in, seen);
}

}  // namespace ipsec::fuzz
