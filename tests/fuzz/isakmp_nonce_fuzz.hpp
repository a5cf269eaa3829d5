#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_nonce_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::nonce>(in, seen);
}
inline void isakmp_nonce(byte_view in) {
    deaf seen;
    isakmp_nonce_seen(in, seen);
}

}  // namespace ipsec::fuzz
