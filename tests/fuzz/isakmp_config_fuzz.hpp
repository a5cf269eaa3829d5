#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/attributes.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_config_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::attributes>(in, seen);
    if (const auto p = isakmp::attributes::parse(in)) {
        std::size_t n = 0;
        for (const isakmp::attribute a : p->list) n += a.size();
        expect(n + 4 == in.size());
        expect(!name_of(p->message).empty());
    }
}
inline void isakmp_config(byte_view in) {
    deaf seen;
    isakmp_config_seen(in, seen);
}

}  // namespace ipsec::fuzz
