#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/delete_sa.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_delete_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::delete_sa>(in, seen);
    if (const auto d = isakmp::delete_sa::parse(in)) {
        std::size_t octets = 0;
        for (std::size_t i = 0; i < d->count; ++i) octets += d->spi(i).size();
        expect(octets == d->spis.size());
    }
}
inline void isakmp_delete(byte_view in) {
    deaf seen;
    isakmp_delete_seen(in, seen);
}

}  // namespace ipsec::fuzz
