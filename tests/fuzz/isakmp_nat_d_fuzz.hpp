#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/nat_d.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_nat_d_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::nat_d>(in, seen);
}
inline void isakmp_nat_d(byte_view in) {
    deaf seen;
    isakmp_nat_d_seen(in, seen);
}

}  // namespace ipsec::fuzz
