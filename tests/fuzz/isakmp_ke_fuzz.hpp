#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/key_exchange.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_ke_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::key_exchange>(in, seen);
}
inline void isakmp_ke(byte_view in) {
    deaf seen;
    isakmp_ke_seen(in, seen);
}

}  // namespace ipsec::fuzz
