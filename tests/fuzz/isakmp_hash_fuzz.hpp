#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/hash.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_hash_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::hash_data>(in, seen);
}
inline void isakmp_hash(byte_view in) {
    deaf seen;
    isakmp_hash_seen(in, seen);
}

}  // namespace ipsec::fuzz
