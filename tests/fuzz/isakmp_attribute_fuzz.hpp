#pragma once
#include <algorithm>

#include "fuzz/isakmp_common.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_attribute_seen(byte_view in, Seen& seen) {
    const auto list = isakmp::attribute_list::parse(in, 32);
    if (!heard(seen, list)) return;
    std::vector<std::byte> again(in.size());
    wire::writer w{again};
    std::size_t n = 0;
    std::size_t octets = 0;
    for (const isakmp::attribute a : *list) {
        a.emit(w);
        octets += a.size();
        expect(list->find(a.type).has_value());
        expect(!a.number() || a.significant().size() <= 8);
        ++n;
    }
    expect(n == list->count() && octets == in.size());
    expect(w.ok() && std::ranges::equal(again, in));
    // In the other encoding, a value of two octets stays the same value.
    for (const isakmp::attribute a : *list) {
        if (a.value.size() != 2) continue;
        isakmp::attribute flipped = a;
        flipped.encoding = a.encoding == isakmp::attribute_encoding::basic ? isakmp::attribute_encoding::variable
                                                                           : isakmp::attribute_encoding::basic;
        std::byte room[8];
        wire::writer v{room};
        flipped.emit(v);
        const auto back = isakmp::attribute::parse(v.written());
        expect(back && back->first == a && back->first.encoding == flipped.encoding);
    }
}
inline void isakmp_attribute(byte_view in) {
    deaf seen;
    isakmp_attribute_seen(in, seen);
}

}  // namespace ipsec::fuzz
