#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/identification.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_id_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::identification>(in, seen);
    if (const auto id = isakmp::identification::parse(in)) {
        heard(seen, id->check_phase1());
        heard(seen, id->check_phase1(true));
    }
}
inline void isakmp_id(byte_view in) {
    deaf seen;
    isakmp_id_seen(in, seen);
}

}  // namespace ipsec::fuzz
