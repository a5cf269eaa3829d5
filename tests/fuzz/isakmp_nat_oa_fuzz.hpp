#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/nat_oa.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_nat_oa_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::nat_oa>(in, seen);
}
inline void isakmp_nat_oa(byte_view in) {
    deaf seen;
    isakmp_nat_oa_seen(in, seen);
}

}  // namespace ipsec::fuzz
