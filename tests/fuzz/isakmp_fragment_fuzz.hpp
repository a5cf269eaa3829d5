#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/fragment.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_fragment_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::fragment>(in, seen);
}
inline void isakmp_fragment(byte_view in) {
    deaf seen;
    isakmp_fragment_seen(in, seen);
}

}  // namespace ipsec::fuzz
